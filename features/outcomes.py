"""How orders of the past ended for their buyers, as daily sums: cancelled, lost, returned, disputed, badly reviewed.

A fact counts on the day on which it became known, or on which it became known whom it is counted for. The first row
that tells a thing counts: a correction adds nothing to the past.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.asof import first_known, known_before
from features.known import LONGEST_JOURNEY_DAYS, OPEN_DAYS, Known
from features.order_base import KEYS

BAD_STARS = 2
FACTS = ("ordered", "delivered", "given_up", "lost", "returned", "disputed", "reviewed", "reviewed_badly", "wrote")


def first_lines(known: Known, asked: DataFrame) -> DataFrame:
    """order_id, as_of, seller_id, sku_id of the first line as known then; no row where no line was known."""
    rows = known_before(known.read("order_items", days_back=OPEN_DAYS + 1), asked.select(*KEYS), "order_id")
    firsts = rows.groupBy(*KEYS).agg(first_known(["line_no"], "seller_id", "sku_id").alias("first"))
    return firsts.select(*KEYS, "first.seller_id", "first.sku_id")


def outcomes(known: Known) -> DataFrame:
    """One row per order: buyer_id, seller_id, sku_id, items_day, and for each of FACTS ``<fact>_day``, null where not.

    given_up: cancelled by the seller. returned: asked to send back, or refunded. wrote: the first contact about it.
    Not cut at any as_of: ``daily`` does that by day.
    """
    orders = known.read("orders").select("order_id", "buyer_id", F.col("recorded_day").alias("ordered_day"))
    lines = (
        known.read("order_items")
        .groupBy("order_id")
        .agg(first_known(["line_no"], "seller_id", "sku_id").alias("first"))
    )
    lines = lines.select(
        "order_id", "first.seller_id", "first.sku_id", F.to_date("first.recorded_at").alias("items_day")
    )
    parts = (lines, _events(known), _parcels(known), _said(known))
    return reduce(lambda left, part: left.join(part, "order_id", "left"), parts, orders)


def daily(known: Known, entity: Sequence[str], facts: Sequence[str] = FACTS) -> DataFrame:
    """Daily sums of ``facts`` per entity (columns of ``outcomes``): one row per (entity columns, day), bigint."""
    rows = known.once("outcomes", lambda: outcomes(known))
    named = reduce(lambda frame, name: frame.where(F.col(name).isNotNull()), entity, rows)
    since = F.col("ordered_day") if list(entity) == ["buyer_id"] else F.greatest("ordered_day", "items_day")
    dated = [F.struct(F.lit(fact).alias("kind"), _day(fact, since).alias("day")) for fact in facts]
    long = named.select(*entity, F.explode(F.array(*dated)).alias("fact")).where(F.col("fact.day").isNotNull())
    sums = [F.count(F.when(F.col("fact.kind") == fact, 1)).cast("bigint").alias(fact) for fact in facts]
    return long.groupBy(*entity, F.col("fact.day").alias("day")).agg(*sums)


def _day(fact: str, since: Column) -> Column:
    """The day a fact counts on; null where it became known long after the order."""
    day = F.col(f"{fact}_day")
    counted = F.greatest(day, since)
    recent = F.date_diff(counted, F.col("ordered_day")) <= LONGEST_JOURNEY_DAYS
    return F.when(day.isNotNull() & recent, counted)


def _first_day(condition: Column) -> Column:
    return F.to_date(F.min(F.when(condition, F.col("recorded_at"))))


def _events(known: Known) -> DataFrame:
    event = F.col("event")
    by_seller = (event == "cancelled") & (F.col("by") == "seller")
    return (
        known.read("order_events")
        .groupBy("order_id")
        .agg(
            _first_day(by_seller).alias("given_up_day"),
            _first_day(event.isin("return_requested", "refunded")).alias("returned_day"),
        )
    )


def _parcels(known: Known) -> DataFrame:
    scans = known.read("shipment_events").where(F.col("event").isin("delivered", "lost"))
    parcels = known.read("shipments").groupBy("shipment_id").agg(F.min("order_id").alias("order_id"))
    met = scans.join(parcels, "shipment_id")
    return met.groupBy("order_id").agg(
        _first_day(F.col("event") == "delivered").alias("delivered_day"),
        _first_day(F.col("event") == "lost").alias("lost_day"),
    )


def _said(known: Known) -> DataFrame:
    """What buyers said of an order: claims, reviews, contacts."""
    kinds = {
        "disputed": known.read("disputes").where(F.col("event") == "opened"),
        "reviewed": known.read("reviews"),
        "reviewed_badly": known.read("reviews").where(F.col("score") <= BAD_STARS),
        "wrote": known.read("contacts"),
    }
    rows = [frame.select("order_id", "recorded_at", F.lit(kind).alias("kind")) for kind, frame in kinds.items()]
    both = reduce(lambda left, right: left.unionByName(right), rows).where(F.col("order_id").isNotNull())
    return both.groupBy("order_id").agg(*[_first_day(F.col("kind") == kind).alias(f"{kind}_day") for kind in kinds])
