"""The contract's tables about orders: what was ordered, what happened to it, its parcels, what buyers said."""

from __future__ import annotations

from lake.table import NOT_KNOWN_TOO_EARLY, TO_ORDER, Column, Reference, Rule, Table, happened, recorded

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
        recorded(),
    ),
    rules=(
        Rule(
            "promise_after_order",
            "promised_at >= created_at",
            "promised_at is before created_at: promised before it was ordered",
        ),
        Rule("ship_by_after_order", "ship_by >= created_at", "ship_by is before created_at: due before it was ordered"),
        Rule(
            "known_after_ithappened",
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
        recorded(),
    ),
    references=(TO_ORDER,),
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
        happened("when it happened"),
        Column("by", "string", "who did it", null_means="unknown", allowed=("buyer", "seller", "platform")),
        recorded(),
    ),
    rules=(NOT_KNOWN_TOO_EARLY,),
    references=(TO_ORDER,),
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
        recorded(),
    ),
    references=(TO_ORDER,),
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
        happened("when it was scanned"),
        Column("hub", "string", "where it was scanned", null_means="not at a hub, or the source does not say"),
        recorded("when the scan reached the platform"),
    ),
    rules=(NOT_KNOWN_TOO_EARLY,),
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
        happened("when it reached us"),
        recorded(),
    ),
    rules=(NOT_KNOWN_TOO_EARLY,),
    references=(TO_ORDER,),
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
        happened("when it was given"),
        recorded(),
    ),
    rules=(NOT_KNOWN_TOO_EARLY,),
    references=(TO_ORDER,),
)

DISPUTES = Table(
    "disputes",
    "A claim as a history: a row when it is opened, a row when it is closed, so that the end is unknown at the start.",
    key=("dispute_id", "event"),
    event_time="event_at",
    columns=(
        Column("dispute_id", "string", "the dispute"),
        Column("event", "string", "its step", allowed=("opened", "closed")),
        happened("when the step was taken"),
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
        recorded(),
    ),
    rules=(
        NOT_KNOWN_TOO_EARLY,
        Rule(
            "no_end_at_the_start",
            "event = 'closed' OR resolution IS NULL",
            "an opened row carries a resolution: the end at the start",
        ),
    ),
    references=(TO_ORDER,),
)

SAMPLING = Table(
    "sampling",
    "How many orders of the full book a sampled order stands for. A weight in fitting and judging, never a feature: it "
    "may depend on how the order ended. Weight 0, recorded with the order: history alone, never predicted or judged.",
    key=("order_id",),
    columns=(
        Column("order_id", "string", "the order"),
        Column("weight", "double", "orders this one stands for", minimum=0),
        recorded(),
    ),
    references=(TO_ORDER,),
)
