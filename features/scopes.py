"""Whom an order is compared with: the platform, its lane, both ends of it, carrier, seller, category and payment."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from features.order_base import PLATFORM
from features.usual import Scope, scope_group


def _lane() -> Column:
    return F.concat_ws(">", "origin_region", "destination_region")


def _has_lane() -> Column:
    return F.col("origin_region").isNotNull() & F.col("destination_region").isNotNull()


def _later(*days: str) -> Column:
    return F.greatest(*days)


PLATFORM_SCOPE = Scope(
    "platform", "the whole platform", "platform", lambda: F.lit(PLATFORM), lambda: F.col("order_day"), "platform_load"
)
LANE = Scope(
    "lane", "this route", "lane", lambda: F.when(_has_lane(), _lane()), lambda: _later("order_day", "shipment_day"),
    "route",
)  # fmt: skip
DESTINATION = Scope(
    "destination", "the buyer's region", "destination_region", lambda: F.col("destination_region"),
    lambda: F.col("order_day"), "route",
)  # fmt: skip
CARRIER = Scope(
    "carrier", "this carrier", "carrier", lambda: F.col("carrier"), lambda: _later("order_day", "shipment_day"),
    "carrier",
)  # fmt: skip
SELLER = Scope(
    "seller", "this seller", "seller_id", lambda: F.col("seller_id"), lambda: _later("order_day", "items_day"), "seller"
)
CATEGORY = Scope(
    "category", "this kind of goods", "category", lambda: F.col("category"), lambda: _later("order_day", "items_day"),
    "parcel",
)  # fmt: skip
PAYMENT = Scope(
    "payment",
    "this way of paying",
    "payment_type",
    lambda: F.col("payment_type"),
    lambda: F.col("order_day"),
    "payment",
)
SCOPES = (PLATFORM_SCOPE, LANE, DESTINATION, CARRIER, SELLER, CATEGORY, PAYMENT)
GROUPS = tuple(scope_group(scope) for scope in SCOPES)
