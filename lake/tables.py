"""The data contract: every table a source may deliver, with types, keys, units and the meaning of a null.

Declared once; the gates, the quarantine reasons, ``check`` and the docs page (``docs/tables.md``) are made from it.

Times are UTC. ``recorded_at`` is when a row became known to the platform, and the only column the as-of rule looks
at: a feature for ``as_of`` reads rows with ``recorded_at < as_of``. The lake is partitioned by ``day``, the UTC date
of ``recorded_at``; sources do not deliver that column.
"""

from __future__ import annotations

from lake.order_tables import (
    CONTACTS,
    DISPUTES,
    ORDER_EVENTS,
    ORDER_ITEMS,
    ORDERS,
    REVIEWS,
    SAMPLING,
    SHIPMENT_EVENTS,
    SHIPMENTS,
)
from lake.stock_tables import CALENDAR, INBOUND, LISTINGS, PROMOTIONS, STOCK
from lake.table import PARTITION, RECORDED_AT, Column, Reference, Rule, Table

__all__ = ["CONTRACT", "PARTITION", "RECORDED_AT", "Column", "Reference", "Rule", "Table"]

CONTRACT: dict[str, Table] = {
    table.name: table
    for table in (
        ORDERS, ORDER_ITEMS, ORDER_EVENTS, SHIPMENTS, SHIPMENT_EVENTS, CONTACTS, REVIEWS, DISPUTES,
        LISTINGS, STOCK, INBOUND, PROMOTIONS, CALENDAR, SAMPLING,
    )
}  # fmt: skip
