"""The contract's tables about sellers' articles: offers, stock, replenishment, plans; and the calendar."""

from __future__ import annotations

from lake.table import NOT_KNOWN_TOO_EARLY, Column, Rule, Table, happened, recorded

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
        Column(
            "region",
            "string",
            "where it is sold: goods of one region run out together",
            null_means="unknown",
            optional=True,
        ),
        recorded(),
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
        Column(
            "closing_share",
            "double",
            "share of the last quarter of selling hours in stock",
            unit="0 to 1",
            null_means="not measured",
            minimum=0,
            maximum=1,
            optional=True,
        ),
        Column(
            "ended_out", "bool", "whether nothing was left when the day ended", null_means="not measured", optional=True
        ),
        recorded(),
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
        happened("when the step was taken"),
        Column("seller_id", "string", "the seller's account number"),
        Column("sku_id", "string", "the seller's article"),
        Column("quantity", "double", "pieces ordered, or received", unit="pieces", minimum=0),
        Column("expected_at", "timestamp", "announced arrival", null_means="none announced, or already received"),
        recorded(),
    ),
    rules=(NOT_KNOWN_TOO_EARLY,),
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
        recorded("when the plan was known"),
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
        recorded("when the plan was known"),
    ),
)
