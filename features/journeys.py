"""What the orders of the past did, as daily sums: the raw material of every rolling window on the order side.

A fact counts on the day on which it was known in full: the latest recorded day among the rows it is made from. What
became known first stays, so a later correction adds nothing to the past. Measures of time are sums of ln(hours), which
quantiles of skewed durations are made from.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.asof import first_known, hours, whole
from features.known import LONGEST_JOURNEY_DAYS, Known
from features.open_orders import ORDER_ENDS, OVERDUE_DAYS, PARCEL_ENDS

DURATIONS = ("handling", "transit", "total")  # approval to hand-over, hand-over to delivery, approval to delivery
DURATION_SUMS = tuple(f"{name}_{part}" for name in DURATIONS for part in ("count", "log", "log_squared"))
COUNTS = ("orders", "matured", "matured_late", "dispatched", "dispatched_late", "delivered", "delivered_late")
FLOWS = ("open", "overdue", "unshipped")  # in minus out: their sum over all days before is how many there are now
SUMS = (*COUNTS, *DURATION_SUMS, *FLOWS)
WATCHED_DAYS = 120  # an order leaves the flows this long after it entered them

Facts = dict[str, tuple[Column, dict[str, Column]]]  # kind of fact: the day it counts on, and what it adds to which sum


def journeys(known: Known) -> DataFrame:
    """One row per order: when its steps happened (``_at``), became known (``_day``), and who took part.

    order_id, buyer_id, payment_type, destination_region, created_at, promised_at, ship_by, order_day; approved_at,
    approved_day, ended_day; carrier, origin_region, shipment_day; seller_id, category, items_day; handed_over_at,
    handed_over_day, delivered_at, delivered_day, parcel_ended_day. Not cut at any as_of: ``daily`` does that by day.
    """
    orders = known.read("orders").withColumnRenamed("recorded_day", "order_day")
    parts = (_events(known), _items(known), _parcels(known))
    base = orders.select(
        "order_id",
        "buyer_id",
        "payment_type",
        "destination_region",
        "created_at",
        "promised_at",
        "ship_by",
        "order_day",
    )
    return reduce(lambda left, part: left.join(part, "order_id", "left"), parts, base)


def _events(known: Known) -> DataFrame:
    rows = known.read("order_events")
    approved = F.when(F.col("event") == "approved", F.struct("recorded_at", "event_at"))
    ended = F.when(F.col("event").isin(*ORDER_ENDS), F.col("recorded_at"))
    firsts = rows.groupBy("order_id").agg(F.min(approved).alias("approved"), F.min(ended).alias("ended"))
    return firsts.select(
        "order_id",
        F.col("approved.event_at").alias("approved_at"),
        F.to_date("approved.recorded_at").alias("approved_day"),
        F.to_date("ended").alias("ended_day"),
    )


def _items(known: Known) -> DataFrame:
    rows = known.read("order_items")
    firsts = rows.groupBy("order_id").agg(first_known(["line_no"], "seller_id", "category").alias("first"))
    return firsts.select(
        "order_id", "first.seller_id", "first.category", F.to_date("first.recorded_at").alias("items_day")
    )


def _parcels(known: Known) -> DataFrame:
    scans = known.read("shipment_events")

    def first_of(*events: str) -> Column:
        return F.min(F.when(F.col("event").isin(*events), F.struct("recorded_at", "event_at")))

    steps = scans.groupBy("shipment_id").agg(
        first_of("handed_over").alias("handed_over"),
        first_of("delivered").alias("delivered"),
        first_of(*PARCEL_ENDS).alias("ended"),
    )
    plans = known.read("shipments").select("shipment_id", "order_id", "carrier", "origin_region", "recorded_at")
    firsts = (
        plans.join(steps, "shipment_id", "left")
        .groupBy("order_id")
        .agg(
            first_known(["shipment_id"], "carrier", "origin_region").alias("plan"),
            F.min("handed_over").alias("handed_over"),
            F.min("delivered").alias("delivered"),
            F.min("ended").alias("ended"),
        )
    )
    return firsts.select(
        "order_id", "plan.carrier", "plan.origin_region", F.to_date("plan.recorded_at").alias("shipment_day"),
        F.col("handed_over.event_at").alias("handed_over_at"),
        F.to_date("handed_over.recorded_at").alias("handed_over_day"),
        F.col("delivered.event_at").alias("delivered_at"), F.to_date("delivered.recorded_at").alias("delivered_day"),
        F.to_date("ended.recorded_at").alias("parcel_ended_day"),
    )  # fmt: skip


def daily(known: Known, entity: Column, entity_day: Column) -> DataFrame:
    """Daily sums of ``SUMS`` per entity: one row per (entity, day); bigint, 0 where nothing of the kind was recorded.

    entity: who the facts are counted for (a carrier, a lane), made from columns of ``journeys``; entity_day: the day on
    which that was known. A fact older than that is not counted for the entity; what was open is, from that day on.
    """
    rows = known.once("journeys", lambda: journeys(known))
    named = rows.withColumn("entity", entity).withColumn("entity_day", entity_day).where(F.col("entity").isNotNull())
    facts = {**_done(), **_matured(), **_flows()}
    dated = F.array(*[F.struct(F.lit(kind).alias("kind"), day.alias("day")) for kind, (day, _) in facts.items()])
    long = named.select("*", F.explode(dated).alias("fact"))
    kept = long.where(F.col("fact.day").isNotNull() & (F.col("fact.day") >= F.col("entity_day")))
    sums: dict[str, Column] = {}
    for kind, (_, values) in facts.items():
        for name, value in values.items():
            counted = F.when(F.col("fact.kind") == kind, F.coalesce(value.cast("bigint"), F.lit(0).cast("bigint")))
            sums[name] = F.coalesce(sums[name], counted) if name in sums else counted
    return kept.groupBy("entity", F.col("fact.day").alias("day")).agg(
        *[F.coalesce(F.sum(sums[name]), F.lit(0).cast("bigint")).alias(name) for name in SUMS]
    )


def _known_day(*days: str) -> Column:
    """The day on which all of these were known, null while one is not, or where the first is long before the last."""
    together = reduce(lambda a, b: a & b, [F.col(day).isNotNull() for day in days])
    last, first = F.greatest(*days), F.least(*days)
    return F.when(together & (F.date_diff(last, first) <= LONGEST_JOURNEY_DAYS), last)


def _duration(name: str, start: str, end: str) -> dict[str, Column]:
    log = F.ln(F.greatest(hours(start, end), F.lit(1.0)))
    return {f"{name}_count": F.lit(1), f"{name}_log": whole(log), f"{name}_log_squared": whole(log * log)}


def _done() -> Facts:
    """Orders placed, handed over and delivered, with how long it took and whether it was too late."""
    dispatched = {
        "dispatched": F.col("ship_by").isNotNull().cast("int"),
        "dispatched_late": (F.col("handed_over_at") > F.col("ship_by")).cast("int"),
    }
    delivered = {"delivered": F.lit(1), "delivered_late": (F.col("delivered_at") > F.col("promised_at")).cast("int")}
    return {
        "order": (F.col("order_day"), {"orders": F.lit(1)}),
        "hand_over": (
            _known_day("handed_over_day", "approved_day", "order_day"),
            {**dispatched, **_duration("handling", "approved_at", "handed_over_at")},
        ),
        "transit": (
            _known_day("delivered_day", "handed_over_day", "order_day"),
            _duration("transit", "handed_over_at", "delivered_at"),
        ),
        "delivery": (
            _known_day("delivered_day", "approved_day", "order_day"),
            {**delivered, **_duration("total", "approved_at", "delivered_at")},
        ),
    }


def _matured() -> Facts:
    """Promises that ran out: a day after, so that a delivery scanned on the last evening has arrived."""
    day = F.greatest(F.date_add(F.to_date("promised_at"), 1), F.col("order_day"))
    delivered = F.coalesce(F.col("delivered_day") <= day, F.lit(False))
    ended = F.coalesce(F.col("ended_day") <= day, F.lit(False)) & ~delivered
    in_time = delivered & F.coalesce(F.col("delivered_at") <= F.col("promised_at"), F.lit(False))
    recent = F.date_diff(day, F.col("order_day")) <= LONGEST_JOURNEY_DAYS
    when = F.when(F.col("promised_at").isNotNull() & ~ended & recent, day)
    return {"promise": (when, {"matured": F.lit(1), "matured_late": (~in_time).cast("int")})}


def _flows() -> Facts:
    """One in and one out for each state that an order is in for a while; an entity known late joins late."""
    start = F.greatest("order_day", "entity_day")
    last = F.date_add(F.col("order_day"), WATCHED_DAYS)
    promise = F.to_date("promised_at")
    end = F.least("parcel_ended_day", "ended_day", last, F.date_add(promise, OVERDUE_DAYS))
    overdue = F.greatest(start, promise)
    shipped = F.least("handed_over_day", end)
    spans = {"open": (start, end), "overdue": (overdue, end), "unshipped": (start, shipped)}
    has_promise = F.col("promised_at").isNotNull()
    flows: Facts = {}
    for name, (since, until) in spans.items():
        happens = (since < until) & has_promise if name == "overdue" else since < until
        flows[f"{name}_in"] = (F.when(happens, since), {name: F.lit(1)})
        flows[f"{name}_out"] = (F.when(happens, until), {name: F.lit(-1)})
    return flows
