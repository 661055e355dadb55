"""The data contract: every table a source may deliver, with types, keys, units and the meaning of a null.

Declared once; the gates, the quarantine reasons, ``check`` and the docs page (``docs/tables.md``) are made from it.

Times are UTC. ``recorded_at`` is when a row became known to the platform, and the only column the as-of rule looks
at: a feature for ``as_of`` reads rows with ``recorded_at < as_of``. The lake is partitioned by ``day``, the UTC date
of ``recorded_at``; sources do not deliver that column.
"""

from __future__ import annotations

from dataclasses import dataclass

PARTITION = "day"
RECORDED_AT = "recorded_at"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``type`` is string, int, double, bool, timestamp (UTC) or date. ``null_means`` None: never null."""

    name: str
    type: str
    means: str
    unit: str = ""
    null_means: str | None = None
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    @property
    def nullable(self) -> bool:
        return self.null_means is not None

    @property
    def has_range(self) -> bool:
        return self.minimum is not None or self.maximum is not None


@dataclass(frozen=True, slots=True)
class Rule:
    """A statement every row must satisfy. ``holds`` is Spark SQL over the table's columns; null counts as satisfied."""

    name: str
    holds: str
    says: str


@dataclass(frozen=True, slots=True)
class Reference:
    """``column`` must name a row of ``table`` that is known by the same day."""

    column: str
    table: str
    to: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the contract. ``max_bad_share``: above it the day is held, as that is more than a few bad rows."""

    name: str
    what: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    event_time: str | None = None
    rules: tuple[Rule, ...] = ()
    references: tuple[Reference, ...] = ()
    max_bad_share: float = 0.02

    def column(self, name: str) -> Column:
        """The column called ``name``. Raises KeyError naming the table and what it does have."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}; it has {', '.join(self.column_names)}")

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def _recorded(means: str = "when this row became known") -> Column:
    return Column(RECORDED_AT, "timestamp", means)


def _happened(means: str) -> Column:
    return Column("event_at", "timestamp", means)


# A clock that is a little ahead is not a contradiction; an event known a day before it happened is.
_NOT_KNOWN_TOO_EARLY = Rule(
    "known_after_it_happened",
    "recorded_at >= event_at - INTERVAL 1 DAY",
    "recorded_at is more than a day before event_at: it was known before it happened",
)
_TO_ORDER = Reference("order_id", "orders", "order_id")

ORDERS = Table(
    "orders",
    "One row per order, as it stood when it became known. Nothing that is learned later belongs here.",
    key=("order_id",),
    event_time="created_at",
    columns=(
        Column("order_id", "string", "the platform's order number"),
        Column("buyer_id", "string", "keyed hash of the buyer's account"),
        Column("created_at", "timestamp", "when the buyer ordered"),
        Column(
            "promised_at",
            "timestamp",
            "last moment at which delivery is on time; a promise for a day ends with that day where the buyer is",
            null_means="no promise was made: the order cannot be late",
        ),
        Column("ship_by", "timestamp", "last moment at which hand-over is on time", null_means="no dispatch limit"),
        Column("destination_region", "string", "ISO 3166-2 region of the buyer", null_means="unknown"),
        Column("payment_type", "string", "how it was paid, the platform's own word", null_means="unknown"),
        Column("currency", "string", "ISO 4217 code"),
        Column(
            "value",
            "double",
            "goods, without freight",
            unit="currency",
            null_means="the source does not say",
            minimum=0,
        ),
        Column(
            "freight", "double", "what the buyer paid for delivery", unit="currency", null_means="unknown", minimum=0
        ),
        _recorded(),
    ),
    rules=(
        Rule(
            "promise_after_order",
            "promised_at >= created_at",
            "promised_at is before created_at: promised before it was ordered",
        ),
        Rule("ship_by_after_order", "ship_by >= created_at", "ship_by is before created_at: due before it was ordered"),
        Rule(
            "known_after_it_happened",
            "recorded_at >= created_at - INTERVAL 1 DAY",
            "recorded_at is more than a day before created_at: it was known before it happened",
        ),
    ),
)

ORDER_ITEMS = Table(
    "order_items",
    "One row per order line.",
    key=("order_id", "line_no"),
    columns=(
        Column("order_id", "string", "the order"),
        Column("line_no", "int", "line within the order, from 1", minimum=1),
        Column("seller_id", "string", "the seller's account number"),
        Column("sku_id", "string", "the seller's article"),
        Column("quantity", "int", "pieces ordered", unit="pieces", minimum=1),
        Column("unit_price", "double", "price of one piece", unit="currency", minimum=0),
        Column("category", "string", "the platform's category", null_means="unknown"),
        Column("weight_g", "double", "weight of one piece", unit="grams", null_means="unknown", minimum=0),
        _recorded(),
    ),
    references=(_TO_ORDER,),
)

ORDER_EVENTS = Table(
    "order_events",
    "What happened to an order outside the parcel's journey.",
    key=("order_id", "event", "event_at"),
    event_time="event_at",
    columns=(
        Column("order_id", "string", "the order"),
        Column(
            "event",
            "string",
            "what happened",
            allowed=("approved", "paid", "cancelled", "return_requested", "refunded", "closed"),
        ),
        _happened("when it happened"),
        Column("by", "string", "who did it", null_means="unknown", allowed=("buyer", "seller", "platform")),
        _recorded(),
    ),
    rules=(_NOT_KNOWN_TOO_EARLY,),
    references=(_TO_ORDER,),
)

SHIPMENTS = Table(
    "shipments",
    "One row per parcel, as planned.",
    key=("shipment_id",),
    columns=(
        Column("shipment_id", "string", "the parcel"),
        Column("order_id", "string", "the order it belongs to"),
        Column("carrier", "string", "who carries it", null_means="not yet chosen, or the source does not say"),
        Column("service_level", "string", "the carrier's product", null_means="the source does not say"),
        Column("origin_region", "string", "ISO 3166-2 region it leaves from", null_means="unknown"),
        Column("destination_region", "string", "ISO 3166-2 region it goes to", null_means="unknown"),
        Column(
            "distance_km", "double", "great-circle distance", unit="km", null_means="unknown", minimum=0, maximum=20_100
        ),
        _recorded(),
    ),
    references=(_TO_ORDER,),
)

SHIPMENT_EVENTS = Table(
    "shipment_events",
    "Scans. Late and out-of-order arrival is normal: event_at says when, recorded_at says since when we know.",
    key=("shipment_id", "event", "event_at"),
    event_time="event_at",
    columns=(
        Column("shipment_id", "string", "the parcel"),
        Column(
            "event",
            "string",
            "what was scanned",
            allowed=(
                "handed_over",
                "hub_in",
                "hub_out",
                "out_for_delivery",
                "attempt_failed",
                "delivered",
                "returned",
                "lost",
            ),
        ),
        _happened("when it was scanned"),
        Column("hub", "string", "where it was scanned", null_means="not at a hub, or the source does not say"),
        _recorded("when the scan reached the platform"),
    ),
    rules=(_NOT_KNOWN_TOO_EARLY,),
    references=(Reference("shipment_id", "shipments", "shipment_id"),),
)

CONTACTS = Table(
    "contacts",
    "Someone wrote or called. Text comes with addresses and numbers already masked.",
    key=("contact_id",),
    event_time="event_at",
    columns=(
        Column("contact_id", "string", "the contact"),
        Column("person_id", "string", "keyed hash of who wrote or called"),
        Column("order_id", "string", "the order it is about", null_means="about no order"),
        Column("topic", "string", "the platform's topic", null_means="not sorted"),
        Column("text", "string", "what was said, masked", null_means="a call, or the source does not say"),
        _happened("when it reached us"),
        _recorded(),
    ),
    rules=(_NOT_KNOWN_TOO_EARLY,),
    references=(_TO_ORDER,),
)

REVIEWS = Table(
    "reviews",
    "What the buyer thought.",
    key=("order_id",),
    event_time="event_at",
    columns=(
        Column("order_id", "string", "the order"),
        Column("score", "int", "stars", unit="1 to 5", minimum=1, maximum=5),
        Column("text", "string", "what was written, masked", null_means="stars only"),
        _happened("when it was given"),
        _recorded(),
    ),
    rules=(_NOT_KNOWN_TOO_EARLY,),
    references=(_TO_ORDER,),
)

DISPUTES = Table(
    "disputes",
    "A claim as a history: a row when it is opened, a row when it is closed, so that the end is unknown at the start.",
    key=("dispute_id", "event"),
    event_time="event_at",
    columns=(
        Column("dispute_id", "string", "the dispute"),
        Column("event", "string", "its step", allowed=("opened", "closed")),
        _happened("when the step was taken"),
        Column("order_id", "string", "the order"),
        Column("reason", "string", "the platform's reason", null_means="none given"),
        Column(
            "amount_claimed",
            "double",
            "what the buyer wants back",
            unit="currency",
            null_means="none stated",
            minimum=0,
        ),
        Column("evidence", "string", "kind of evidence", null_means="none"),
        Column(
            "resolution",
            "string",
            "how it ended",
            null_means="not ended yet",
            allowed=("buyer", "seller", "shared", "withdrawn"),
        ),
        _recorded(),
    ),
    rules=(
        _NOT_KNOWN_TOO_EARLY,
        Rule(
            "no_end_at_the_start",
            "event = 'closed' OR resolution IS NULL",
            "an opened row carries a resolution: the end at the start",
        ),
    ),
    references=(_TO_ORDER,),
)

LISTINGS = Table(
    "listings",
    "What a seller offers. A changed price is a new row.",
    key=("seller_id", "sku_id", "active_from"),
    columns=(
        Column("seller_id", "string", "the seller's account number"),
        Column("sku_id", "string", "the seller's article"),
        Column("category", "string", "the platform's category", null_means="unknown"),
        Column(
            "price", "double", "price of one piece", unit="currency", null_means="the source does not say", minimum=0
        ),
        Column("active_from", "date", "first day on offer at this price"),
        Column("active_to", "date", "last day on offer", null_means="still on offer"),
        _recorded(),
    ),
    rules=(Rule("ends_after_start", "active_to >= active_from", "active_to is before active_from"),),
)

STOCK = Table(
    "stock",
    "How a day ended for one article of one seller.",
    key=("seller_id", "sku_id", "stock_day"),
    columns=(
        Column("seller_id", "string", "the seller's account number"),
        Column("sku_id", "string", "the seller's article"),
        Column("stock_day", "date", "the day, in the seller's own calendar"),
        Column(
            "on_hand",
            "double",
            "sellable pieces at the end of the day",
            unit="pieces",
            null_means="the source has none",
            minimum=0,
        ),
        Column(
            "in_stock_share",
            "double",
            "share of selling hours in stock",
            unit="0 to 1",
            null_means="not measured",
            minimum=0,
            maximum=1,
        ),
        Column(
            "units_sold",
            "double",
            "sold that day",
            unit="pieces, or the source's scaled unit",
            null_means="derive it from order_items",
            minimum=0,
        ),
        _recorded(),
    ),
)

INBOUND = Table(
    "inbound",
    "Replenishment as a history: ordered, then received or cancelled, so that arrival is not known when it is ordered.",
    key=("inbound_id", "event"),
    event_time="event_at",
    columns=(
        Column("inbound_id", "string", "the replenishment"),
        Column("event", "string", "its step", allowed=("ordered", "received", "cancelled")),
        _happened("when the step was taken"),
        Column("seller_id", "string", "the seller's account number"),
        Column("sku_id", "string", "the seller's article"),
        Column("quantity", "double", "pieces ordered, or received", unit="pieces", minimum=0),
        Column("expected_at", "timestamp", "announced arrival", null_means="none announced, or already received"),
        _recorded(),
    ),
    rules=(_NOT_KNOWN_TOO_EARLY,),
)

PROMOTIONS = Table(
    "promotions",
    "Planned discounts and activities of one article. Known before the day they are for.",
    key=("seller_id", "sku_id", "promo_day"),
    columns=(
        Column("seller_id", "string", "the seller's account number"),
        Column("sku_id", "string", "the seller's article"),
        Column("promo_day", "date", "the day it is planned for"),
        Column(
            "discount_share",
            "double",
            "off the list price",
            unit="0 to 1",
            null_means="no discount",
            minimum=0,
            maximum=1,
        ),
        Column("has_activity", "bool", "featured by the platform that day"),
        _recorded("when the plan was known"),
    ),
)

CALENDAR = Table(
    "calendar",
    "Holidays and sales events, known when announced.",
    key=("region", "calendar_day", "name"),
    columns=(
        Column("region", "string", "ISO 3166 country or region, or * for everywhere"),
        Column("calendar_day", "date", "the day"),
        Column("name", "string", "what it is called"),
        Column("kind", "string", "what it is", allowed=("holiday", "sales_event")),
        _recorded("when the plan was known"),
    ),
)

SAMPLING = Table(
    "sampling",
    "How many orders of the full book a sampled order stands for. A weight in fitting and judging, never a feature: it "
    "may depend on how the order ended. Weight 0, recorded with the order: history alone, never predicted or judged.",
    key=("order_id",),
    columns=(
        Column("order_id", "string", "the order"),
        Column("weight", "double", "orders this one stands for", minimum=0),
        _recorded(),
    ),
    references=(_TO_ORDER,),
)

CONTRACT: dict[str, Table] = {
    table.name: table
    for table in (
        ORDERS, ORDER_ITEMS, ORDER_EVENTS, SHIPMENTS, SHIPMENT_EVENTS, CONTACTS, REVIEWS, DISPUTES,
        LISTINGS, STOCK, INBOUND, PROMOTIONS, CALENDAR, SAMPLING,
    )
}  # fmt: skip
