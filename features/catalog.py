"""Every feature of every target, and the one way to compute them."""

from __future__ import annotations

from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features import (
    buyer,
    calendar_days,
    cover,
    demand,
    hub,
    in_stock,
    lead_time,
    neighbours,
    parcel,
    promise,
    promotions,
    scan_gaps,
    scans,
    scopes,
    week,
)  # fmt: skip
from features.known import Known, span_of
from features.order_base import order_base
from features.series_rows import series_rows
from features.spec import ORDER_KEYS, SERIES_KEYS, Feature, FeatureError, FeatureGroup
from lake.store import Lake

GROUPS: dict[str, tuple[FeatureGroup, ...]] = {
    "late_delivery": (
        promise.GROUP, scans.GROUP, parcel.GROUP, calendar_days.ORDER_GROUP, *scopes.GROUPS, hub.GROUP, scan_gaps.GROUP,
        buyer.GROUP,
    ),
    "stock_out": (
        in_stock.GROUP, demand.GROUP, week.GROUP, promotions.GROUP, cover.GROUP, neighbours.GROUP, lead_time.GROUP,
        calendar_days.SERIES_GROUP,
    ),
}  # fmt: skip


def groups_of(target: str) -> tuple[FeatureGroup, ...]:
    """The groups a target is predicted from. Raises FeatureError for a target that the catalog does not have."""
    if target not in GROUPS:
        raise FeatureError(f"there is no target {target}; the catalog has {', '.join(sorted(GROUPS))}.")
    return GROUPS[target]


def features_of(target: str) -> tuple[Feature, ...]:
    """Every feature of a target, in the order of its columns."""
    return tuple(feature for group in groups_of(target) for feature in group.features)


def build(target: str, lake: Lake, subjects: DataFrame) -> DataFrame:
    """All features of a target: one row per row of ``subjects``, its columns first, then every feature as a double.

    subjects: late_delivery order_id, as_of; stock_out seller_id, sku_id, as_of; unique; further columns are kept. Reads
    recorded_at < as_of only. An empty frame of subjects gives an empty frame.
    """
    known = span_of(lake, subjects)
    if known is None:
        nothing = [F.lit(None).cast("double").alias(feature.name) for feature in features_of(target)]
        return subjects.select("*", *nothing)
    alone = [group for group in groups_of(target) if group.kernel is None]
    together = [group for group in groups_of(target) if group.kernel is not None]
    parts = [known.once(group.name, partial(group_rows, group, known, subjects)) for group in alone]
    if together:
        names = tuple(name for group in together for name in group.names)
        kernels = tuple(group.kernel for group in together if group.kernel is not None)
        parts.append(known.once("series", lambda: series_rows(known, subjects, kernels, names)))
    wanted = [feature.name for feature in features_of(target)]
    return reduce(_beside, parts, subjects).select(*subjects.columns, *wanted)


def group_rows(group: FeatureGroup, known: Known, subjects: DataFrame) -> DataFrame:
    """One group's rows: its keys and features for each subject."""
    rows = known.once("subjects", lambda: subjects)
    if group.keys == ORDER_KEYS:
        rows = known.once("order_base", lambda: order_base(known, rows))
    return group.build(known, rows)


def _beside(left: DataFrame, right: DataFrame) -> DataFrame:
    keys = [key for key in (*ORDER_KEYS, *SERIES_KEYS) if key in right.columns]
    return left.join(right, list(dict.fromkeys(keys)), "left")
