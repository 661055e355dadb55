"""Whether parcels come on as usual once they have left a hub: those not seen again some days after, beyond the usual.

A way on which a carrier's parcels stand still shows it first in those that left a hub and are not seen in the next one.
How long that takes differs by leg, a hub and the region it sends to: a parcel that is seen the next day on one is two
days away on another. So each leg is compared with itself, and the legs into a region are added up. The last one, to
the door, is left out: a Sunday stops it, and says nothing of the way.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.asof import MICRO, Window, ratio, rolling, shrunk, whole
from features.cohorts import stays
from features.known import Known
from features.order_base import KEYS, PLATFORM
from features.spec import ORDER_KEYS, Feature, FeatureGroup

WAITS_DAYS = (1, 2, 3, 4)  # after which a parcel that left is looked at
USUAL_DAYS = 56  # days before, which say what is usual
PRIOR = 5.0  # parcels of the platform that those of a leg are mixed with
_WAY = ("carrier", "region")
_LEG = (*_WAY, "hub")
_DUE = tuple(f"{what}_{wait}" for wait in WAITS_DAYS for what in ("due", "unseen"))
_COUNTS = (*_DUE, "seen", "went_on")
_SUMS = (*_DUE, *(f"expected_{wait}" for wait in WAITS_DAYS))
USUAL = Window(USUAL_DAYS, _COUNTS)
YESTERDAY = Window(1, _SUMS)

FEATURES = tuple(
    Feature(f"way_unseen_{wait}_days_excess_share_1d", "share of parcels, -1 to 1",
            f"parcels on this carrier's way into the region not seen again {wait} days after they left a hub, beyond "
            "the usual share of each hub and region", "this carrier's way into the region is not known", "route", 1,
            (-1.0, 1.0))
    for wait in WAITS_DAYS
)  # fmt: skip


def daily(known: Known) -> DataFrame:
    """Daily sums of YESTERDAY per way: carrier, region, day, bigint; expected_n in millionths of a parcel.

    due_n: parcels that had left a hub n days before. unseen_n: those of them not seen since. expected_n: how many of
    those due would be unseen by the usual share of their legs. Legs whose parcels are mostly seen at the door next, and
    days of which nothing usual is known, are left out.
    """
    legs = known.once("legs_daily", lambda: _legs(known))
    platform = legs.groupBy("day").agg(*[F.sum(name).alias(name) for name in _COUNTS])
    platform = platform.withColumn("entity", F.lit(PLATFORM))
    of_all = _usual(platform, ("entity",)).select("day", *[F.col(name).alias(f"p_{name}") for name in USUAL.names()])
    rows = legs.join(_usual(legs, _LEG), [*_LEG, "day"]).join(of_all, "day")
    expected = {f"expected_{wait}": whole(F.col(f"due_{wait}") * _share(wait)) for wait in WAITS_DAYS}
    goes_on = F.col(f"went_on_{USUAL_DAYS}d") * 2 >= F.col(f"seen_{USUAL_DAYS}d")
    told = rows.where(goes_on).withColumns(expected).dropna(subset=list(expected))
    return told.groupBy(*_WAY, "day").agg(*[F.sum(name).cast("bigint").alias(name) for name in _SUMS])


def _legs(known: Known) -> DataFrame:
    """Daily sums of USUAL per leg: carrier, region, hub, day, bigint. seen: parcels that had left the longest of the
    waits before and were seen since. went_on: those of them that were seen in a hub.
    """
    left = known.once("cohort_stays", lambda: stays(known)).dropna(subset=["left_day", *_WAY])
    looked = left.select(
        *_LEG, "left_day", "seen_day", "went_on", F.explode(F.array(*map(F.lit, WAITS_DAYS))).alias("wait")
    )
    rows = looked.withColumn("day", F.date_add("left_day", F.col("wait")))
    is_unseen = F.coalesce(F.col("seen_day") > F.col("day"), F.lit(True))
    sums = {f"due_{wait}": F.count(F.when(F.col("wait") == wait, 1)) for wait in WAITS_DAYS}
    sums |= {f"unseen_{wait}": F.count(F.when((F.col("wait") == wait) & is_unseen, 1)) for wait in WAITS_DAYS}
    is_seen = (F.col("wait") == WAITS_DAYS[-1]) & ~is_unseen
    sums |= {"seen": F.count(F.when(is_seen, 1)), "went_on": F.count(F.when(is_seen & F.col("went_on"), 1))}
    return rows.groupBy(*_LEG, "day").agg(*[sums[name].cast("bigint").alias(name) for name in _COUNTS])


def _usual(sums: DataFrame, keys: tuple[str, ...]) -> DataFrame:
    """keys, day: for each day of ``sums``, those of the USUAL_DAYS before it."""
    return rolling(sums.select(*keys, "day", F.col("day").alias("as_of_day")), sums, keys, (USUAL,), ("day",))


def _share(wait: int) -> Column:
    """Usual share of a leg's parcels that are unseen after so many days."""
    unseen, due = f"unseen_{wait}_{USUAL_DAYS}d", f"due_{wait}_{USUAL_DAYS}d"
    return shrunk(F.col(unseen), F.col(due), ratio(F.col(f"p_{unseen}"), F.col(f"p_{due}")), PRIOR)


def build(known: Known, base: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``base`` with FEATURES."""
    asked = base.select(*KEYS, "as_of_day", "carrier", F.col("destination_region").alias("region"))
    sums = rolling(asked, daily(known), _WAY, (YESTERDAY,), KEYS)
    is_known = F.col("carrier").isNotNull() & F.col("region").isNotNull()
    values = {feature.name: _excess(wait) for wait, feature in zip(WAITS_DAYS, FEATURES, strict=True)}
    return sums.select(*KEYS, *[F.when(is_known, value).cast("double").alias(n) for n, value in values.items()])


def _excess(wait: int) -> Column:
    """Unseen parcels beyond those expected, a share of those due; one more is due, so that a lone one says little."""
    over = F.col(f"unseen_{wait}_1d") - F.col(f"expected_{wait}_1d") / float(MICRO)
    return over / (F.col(f"due_{wait}_1d") + 1.0)


GROUP = FeatureGroup("ways", ORDER_KEYS, FEATURES, build)
