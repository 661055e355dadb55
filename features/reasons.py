"""The plain reasons that features are summed into when a prediction is explained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """says: what it is about. tables: where the row stands that it can be checked against, the nearest first.

    A reason without a source row cannot be shown, so every reason names a table.
    """

    code: str
    says: str
    tables: tuple[str, ...]


REASONS: dict[str, Reason] = {
    reason.code: reason
    for reason in (
        Reason("slack", "how much of the promised time is left", ("orders",)),
        Reason("hand_over", "whether and when the seller handed it over", ("shipment_events", "orders")),
        Reason("scan_gap", "how long it has not been seen", ("shipment_events",)),
        Reason("hub", "how the hub it is in keeps up", ("shipment_events",)),
        Reason("attempt", "a delivery that failed", ("shipment_events",)),
        Reason("route", "how parcels of this route and region fare", ("shipments", "orders")),
        Reason("carrier", "how this carrier's parcels fare", ("shipments",)),
        Reason("seller", "how this seller's orders fare", ("order_items",)),
        Reason("platform_load", "how busy and how late everything is", ("orders",)),
        Reason("parcel", "what is sent, and how far", ("shipments", "order_items", "orders")),
        Reason("payment", "how it was paid", ("orders",)),
        Reason("calendar", "holidays, weekends and sales events", ("calendar", "orders", "stock")),
        Reason("buyer", "the buyer's own history", ("orders",)),
        Reason("contact", "what was asked about the order", ("contacts",)),
        Reason("article", "how orders of this article fare, and how it is offered", ("listings", "order_items")),
        Reason("arrival", "how it arrived", ("shipment_events", "orders")),
        Reason("recent_stock", "how well it was in stock lately", ("stock",)),
        Reason("on_hand", "how long what is there will last", ("stock",)),
        Reason("demand", "what it sells when it is there", ("stock", "order_items")),
        Reason("weekday", "how it fares on this weekday", ("stock",)),
        Reason("promotion", "a planned discount or activity", ("promotions",)),
        Reason("inbound", "what is on its way", ("inbound", "stock")),
        Reason("lead_time", "how long a replenishment takes here", ("inbound",)),
        Reason("neighbours", "how the same goods fare elsewhere", ("stock",)),
        Reason("seller_shelf", "how the seller's other articles fare", ("stock",)),
    )
}
