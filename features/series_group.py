"""A group whose features come from the matrices of a series; such groups share one pass over the data."""

from __future__ import annotations

from pyspark.sql import DataFrame

from features.history import Kernel
from features.known import Known
from features.series_rows import series_rows
from features.spec import SERIES_KEYS, Feature, FeatureGroup


def series_group(name: str, features: tuple[Feature, ...], kernel: Kernel) -> FeatureGroup:
    """The group ``name`` of seller x SKU features that ``kernel`` computes from a History."""
    names = tuple(feature.name for feature in features)

    def build(known: Known, subjects: DataFrame) -> DataFrame:
        return series_rows(known, subjects, (kernel,), names)

    return FeatureGroup(name, SERIES_KEYS, features, build, kernel)
