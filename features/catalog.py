"""Every feature of every target, and the one way to compute them."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features import (
    arrival,
    buyer,
    calendar_days,
    cohorts,
    cover,
    demand,
    hub,
    hubs_ahead,
    in_stock,
    lead_time,
    messages,
    neighbours,
    offer,
    parcel,
    promise,
    promotions,
    scan_gaps,
    scans,
    scopes,
    seller_pace,
    silence,
    troubles,
    ways,
    week,
)  # fmt: skip
from features.known import Known, kept, span_of
from features.order_base import order_base
from features.series_rows import series_rows
from features.spec import ORDER_KEYS, SERIES_KEYS, Feature, FeatureError, FeatureGroup
from lake.store import Lake

_LATE_DELIVERY = (
    promise.GROUP, scans.GROUP, parcel.GROUP, calendar_days.ORDER_GROUP, *scopes.GROUPS, hub.GROUP, scan_gaps.GROUP,
    buyer.GROUP,
)  # fmt: skip
GROUPS: dict[str, tuple[FeatureGroup, ...]] = {
    "late_delivery": _LATE_DELIVERY,
    # All that buyers may run into, built once for every target that is about orders.
    "order_problems": (
        *_LATE_DELIVERY, silence.GROUP, hubs_ahead.GROUP, cohorts.GROUP, ways.GROUP, seller_pace.GROUP, offer.GROUP,
        troubles.GROUP, arrival.GROUP, messages.GROUP,
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


def features_of(target: str, *groups: str) -> tuple[Feature, ...]:
    """Every feature of a target, in the order of its columns; of the named groups alone where some are named.

    Raises FeatureError for a group that the target does not have.
    """
    absent = sorted(set(groups) - {group.name for group in groups_of(target)})
    if absent:
        raise FeatureError(f"{target} has no group {', '.join(absent)}; it has {', '.join(names_of(target))}.")
    return tuple(
        feature for group in groups_of(target) if not groups or group.name in groups for feature in group.features
    )


def names_of(target: str) -> list[str]:
    """The names of a target's groups."""
    return [group.name for group in groups_of(target)]


def build(target: str, lake: Lake, subjects: DataFrame, wanted: Collection[str] | None = None) -> DataFrame:
    """Features of a target: one row per row of ``subjects``, its columns first, then each feature as a double.

    subjects: order_id, as_of; or seller_id, sku_id, as_of; unique; further columns are kept. wanted: names of
    features, all by default: groups that hold none of them are not computed. Reads recorded_at < as_of only. An empty
    frame of subjects gives an empty frame.
    """
    names = [feature.name for feature in features_of(target) if wanted is None or feature.name in wanted]
    asked = kept(lake, subjects)  # every group starts from them
    known = span_of(lake, asked)
    if known is None:
        return subjects.select("*", *[F.lit(None).cast("double").alias(name) for name in names])
    needed = [group for group in groups_of(target) if set(group.names) & set(names)]
    alone = [group for group in needed if group.kernel is None]
    together = [group for group in needed if group.kernel is not None]
    parts = [known.once(group.name, partial(group_rows, group, known, asked)) for group in alone]
    if together:
        columns = tuple(name for group in together for name in group.names)
        kernels = tuple(group.kernel for group in together if group.kernel is not None)
        parts.append(known.once("series", lambda: series_rows(known, asked, kernels, columns)))
    return reduce(_beside, parts, asked).select(*subjects.columns, *names)


def group_rows(group: FeatureGroup, known: Known, subjects: DataFrame) -> DataFrame:
    """One group's rows: its keys and features for each subject."""
    if group.keys == ORDER_KEYS:
        return group.build(known, known.once("order_base", lambda: order_base(known, subjects)))
    return group.build(known, subjects)


def _beside(left: DataFrame, right: DataFrame) -> DataFrame:
    keys = [key for key in (*ORDER_KEYS, *SERIES_KEYS) if key in right.columns]
    return left.join(right, list(dict.fromkeys(keys)), "left")
