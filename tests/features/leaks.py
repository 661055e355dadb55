"""Leaks by the dozen, made from the ways in which time is mistaken, each with its honest twin.

A leaky column asks a table with a wrong moment; its twin asks the same with ``recorded_at < as_of``. All columns of one
kind are built in one frame, so that one look at another future judges them together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake.store import Lake

Moment = Callable[[], Column]

AS_OF = "as_of"
ORDER = ("order_id", AS_OF)
SERIES = ("seller_id", "sku_id", AS_OF)


def known() -> Column:
    """The honest moment: known before as_of."""
    return F.col("recorded_at") < F.col(AS_OF)


def whenever() -> Column:
    """No moment at all: the row as it stands today."""
    return F.lit(True)


def happened() -> Column:
    """When it happened, not when it became known."""
    return F.col("event_at") < F.col(AS_OF)


def same_day() -> Column:
    """All that the partition of the day itself holds."""
    return F.col("day") <= F.to_date(AS_OF)


def a_day_more() -> Column:
    """A clock in another zone, or a grace that nobody has."""
    return F.col("recorded_at") < F.col(AS_OF) + F.expr("INTERVAL 1 DAY")


def its_day() -> Column:
    """Stock of the days before, reported or not."""
    return F.col("of_day") < F.to_date(AS_OF)


def the_day_itself() -> Column:
    """Stock of the day that is to be foreseen."""
    return F.col("of_day") == F.to_date(AS_OF)


def ordered_before() -> Column:
    """Outcomes of orders that were known by then: the join is by the order's moment, not the outcome's."""
    return F.col("ordered_at") < F.col(AS_OF)


def still_to_come() -> Column:
    """What will have happened: the end of something that is open."""
    return F.col("event_at") >= F.col(AS_OF)


ORDER_TABLES: tuple[tuple[str, Mapping[str, Callable[[], Column]], tuple[Moment, ...]], ...] = (
    (
        "order_items",
        {"pieces": lambda: F.col("quantity"), "price": lambda: F.col("unit_price")},
        (whenever, same_day, a_day_more),
    ),
    (
        "order_events",
        {
            "steps": lambda: F.lit(1),
            "last_step": lambda: F.unix_micros("event_at") / 1e9,
        },
        (whenever, happened, same_day, a_day_more),
    ),
    (
        "shipments",
        {"parcels": lambda: F.lit(1), "distance": lambda: F.col("distance_km")},
        (whenever, same_day, a_day_more),
    ),
    (
        "scans",
        {
            "scans": lambda: F.lit(1),
            "delivered_at": lambda: F.when(F.col("event") == "delivered", F.unix_micros("event_at") / 1e9),
            "troubles": lambda: F.col("event").isin("attempt_failed", "lost", "returned").cast("int"),
        },
        (whenever, happened, same_day, a_day_more),
    ),
    ("contacts", {"messages": lambda: F.lit(1)}, (whenever, happened, same_day, a_day_more)),
    ("reviews", {"stars": lambda: F.col("score")}, (whenever, a_day_more)),
    (
        "disputes",
        {"claims": lambda: F.lit(1), "claimed": lambda: F.col("amount_claimed")},
        (whenever, happened, same_day, a_day_more),
    ),
    # Too few orders of the hand-made world ask back near a cut for the finer moments.
    ("order_events", {"asked_back": lambda: (F.col("event") == "return_requested").cast("int")}, (whenever, happened)),
)
GROUPED_BY = ("seller_id", "carrier", "destination_region", "buyer_id", "category")
OUTCOME_MOMENTS = (whenever, ordered_before, happened, same_day)
STOCK_VALUES = ("in_stock_share", "on_hand", "units_sold", "closing_share")
STOCK_MOMENTS = (whenever, its_day, the_day_itself, same_day, a_day_more)


def order_columns(lake: Lake, asked: DataFrame, *, honest: bool) -> DataFrame:
    """Every leak about an order's own rows (or, ``honest``, their twins): order_id, as_of, one column each."""
    parts = []
    for table, values, moments in ORDER_TABLES:
        columns = [
            _named(f"{table}_{name}", moment, value(), honest=honest)
            for name, value in values.items()
            for moment in moments
        ]
        rows = asked.select(*ORDER).join(_of_orders(lake, table), "order_id", "left")
        parts.append(rows.groupBy(*ORDER).agg(*columns))
    return _joined(parts, ORDER)


def encoded_columns(lake: Lake, asked: DataFrame, *, honest: bool) -> DataFrame:
    """How often orders of the same seller, carrier, region, buyer or category came late, by wrong moments."""
    outcomes = _outcomes(lake)
    parts = []
    for group in GROUPED_BY:
        own = asked.select(*ORDER).join(_group_of(lake, group), "order_id").where(known())
        named = own.select(*ORDER, group).distinct()
        others = outcomes.select(group, "late", "event_at", "recorded_at", "day", "ordered_at")
        columns = [
            _named(f"late_by_{group}", moment, F.col("late"), honest=honest, how=F.avg) for moment in OUTCOME_MOMENTS
        ]
        parts.append(named.join(others, group, "left").groupBy(*ORDER).agg(*columns))
    return _joined(parts, ORDER)


def series_columns(lake: Lake, asked: DataFrame, *, honest: bool) -> DataFrame:
    """Leaks about stock, replenishment and plans: seller_id, sku_id, as_of, one column each."""
    keys = asked.select(*SERIES)
    stock = lake.read("stock").withColumn("of_day", F.col("stock_day"))
    own = keys.join(stock, ["seller_id", "sku_id"], "left").groupBy(*SERIES)
    columns = [
        _named(f"stock_{value}", moment, F.col(value), honest=honest)
        for value in STOCK_VALUES
        for moment in STOCK_MOMENTS
    ]
    shared = stock.drop("seller_id")
    usual = [
        _named(f"usual_{value}", moment, F.col(value), honest=honest, how=F.avg)
        for value in STOCK_VALUES
        for moment in (whenever, its_day, a_day_more)
    ]
    elsewhere = keys.join(shared, "sku_id", "left").groupBy(*SERIES)
    received = lake.read("inbound").where(F.col("event") == "received").drop("expected_at")
    arriving = [
        _named("arriving", moment, F.col("quantity"), honest=honest)
        for moment in (whenever, still_to_come, happened, a_day_more)
    ]
    inbound = keys.join(received, ["seller_id", "sku_id"], "left").groupBy(*SERIES)
    promotions = lake.read("promotions").withColumn("of_day", F.col("promo_day"))
    planned = [
        _named(f"planned_{name}", moment, value, honest=honest)
        for name, value in (("days", F.lit(1)), ("discount", F.col("discount_share")))
        for moment in (whenever, a_day_more)
    ]
    plans = keys.join(promotions, ["seller_id", "sku_id"], "left").groupBy(*SERIES)
    return _joined([own.agg(*columns), elsewhere.agg(*usual), inbound.agg(*arriving), plans.agg(*planned)], SERIES)


def _named(
    name: str, moment: Moment, value: Column, *, honest: bool, how: Callable[[Column], Column] = F.sum
) -> Column:
    """One column: ``value`` where the moment lets it count. The twin adds the honest moment, whatever else it asks."""
    counts = known() & moment() if honest else moment()
    return how(F.when(counts, value)).cast("double").alias(f"{name}_{moment.__name__}")


def _of_orders(lake: Lake, table: str) -> DataFrame:
    if table == "scans":
        parcels = lake.read("shipments").select("shipment_id", "order_id").distinct()
        return lake.read("shipment_events").join(parcels, "shipment_id")
    return lake.read(table)


def _group_of(lake: Lake, group: str) -> DataFrame:
    """order_id, the group, recorded_at: since when the order is known to belong to it."""
    table = {"carrier": "shipments", "destination_region": "orders", "buyer_id": "orders"}.get(group, "order_items")
    return lake.read(table).select("order_id", group, "recorded_at")


def _outcomes(lake: Lake) -> DataFrame:
    """One row per line and parcel of an order: its groups, whether and when it came late, ordered_at, and since when
    all of that is known: recorded_at, and its day.
    """
    orders = lake.read("orders").select(
        "order_id", "promised_at", "buyer_id", "destination_region", F.col("recorded_at").alias("ordered_at")
    )
    lines = lake.read("order_items").select("order_id", "seller_id", "category", F.col("recorded_at").alias("line_at"))
    parcels = lake.read("shipments").select(
        "order_id", "shipment_id", "carrier", F.col("recorded_at").alias("parcel_at")
    )
    came = lake.read("shipment_events").where(F.col("event") == "delivered")
    came = came.select("shipment_id", "event_at", F.col("recorded_at").alias("came_at"))
    late = (F.col("event_at") > F.col("promised_at")).cast("double").alias("late")
    since = F.greatest("ordered_at", "line_at", "parcel_at", "came_at")
    met = orders.join(lines, "order_id").join(parcels, "order_id").join(came, "shipment_id")
    return met.select(
        "order_id",
        *GROUPED_BY,
        late,
        "event_at",
        "ordered_at",
        since.alias("recorded_at"),
        F.to_date(since).alias("day"),
    )


def _joined(parts: list[DataFrame], keys: tuple[str, ...]) -> DataFrame:
    return reduce(lambda left, right: left.join(right, list(keys)), parts)
