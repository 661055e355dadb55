"""What is known of one article of one seller at a moment, and the plain order plan that follows from it.

One calculation gives the date, the last day to order and the quantity; mail, page and table repeat it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lake.store import Lake

Subject = tuple[str, str]
Fields = dict[Subject, dict[str, Any]]
Sources = dict[Subject, dict[str, Mapping[str, Any]]]

REVIEW_DAYS = 7  # a seller is taken to look at their stock once a week
CURRENCY_DAYS = 90
SAFETY = 1.28  # standard deviations: nine weeks in ten are covered


def read(lake: Lake, asked: DataFrame, moment: datetime) -> tuple[Fields, Sources]:
    """Fields and source rows by (seller_id, sku_id). asked: subject_id and sku_id of each candidate. Reads
    recorded_at < moment.
    """
    keys = asked.select(F.col("subject_id").alias("seller_id"), "sku_id")
    fields: Fields = {}
    sources: Sources = {}
    for row in _newest(lake, "listings", keys, moment, "active_from").to_pylist():
        fields[row["seller_id"], row["sku_id"]] = {"category": row["category"], "price": row["price"]}
    currencies = _currencies(lake, keys, moment)
    for subject, known in fields.items():
        known["currency"] = currencies.get(subject[0])
    for row in _newest(lake, "stock", keys, moment, "stock_day").to_pylist():
        subject = (row["seller_id"], row["sku_id"])
        fields.setdefault(subject, {})["stock_day"] = str(row["stock_day"])
        _source(sources, subject, "stock", str(row["stock_day"]), row["recorded_at"])
    for row in _newest(lake, "promotions", keys, moment, "promo_day").to_pylist():
        _source(sources, (row["seller_id"], row["sku_id"]), "promotions", str(row["promo_day"]), row["recorded_at"])
    for row in _newest(lake, "inbound", keys, moment, "event_at").to_pylist():
        subject = (row["seller_id"], row["sku_id"])
        fields.setdefault(subject, {})["inbound_expected_at"] = row["expected_at"]
        _source(sources, subject, "inbound", row["inbound_id"], row["recorded_at"])
    return fields, sources


def plan(row: pd.Series, known: Mapping[str, Any]) -> dict[str, Any]:
    """The rest of a record: date, order-by date, quantity and value at risk, null where the source counts no
    pieces.

    row: the candidate's features. quantity: demand over lead time and review plus safety, less what is there
    and on its way.
    """
    on_hand, daily = _number(row, "on_hand_units"), _number(row, "demand_units_28d")
    cover, lead = _number(row, "cover_days"), _number(row, "lead_time_days")
    as_of = pd.Timestamp(row["as_of"])
    inbound = _number(row, "open_inbound_units") or 0.0
    until = cover if cover is not None and on_hand is not None else 0.0
    is_counted = on_hand is not None and daily is not None and lead is not None
    expected = as_of + pd.Timedelta(days=min(math.floor(until), 365))
    latest = expected - pd.Timedelta(days=math.ceil(lead or 0))  # past already: then today
    quantity = _quantity(row, on_hand or 0.0, inbound, daily or 0.0, lead or 0.0) if is_counted else None
    price = known.get("price")
    horizon = int(row["horizon_days"])
    at_risk = price * (daily or 0.0) * horizon if price is not None and daily is not None else None
    return {
        "seller_id": row["subject_id"],
        "recipient_id": row["subject_id"],
        "sku_id": row["sku_id"],
        "category": known.get("category"),
        "horizon_days": horizon,
        "snapshot": row["snapshot"],
        "on_hand": on_hand,
        "units_per_day": round(daily, 3) if daily is not None else None,
        "expected_date": expected.date().isoformat(),
        "order_by": max(latest, as_of).date().isoformat() if is_counted else None,
        "quantity": quantity,
        "value_at_risk": round(at_risk, 2) if at_risk is not None else None,
        "currency": known.get("currency"),
        "open_inbound": _inbound(inbound, known.get("inbound_expected_at")),
    }


def _quantity(row: pd.Series, on_hand: float, inbound: float, daily: float, lead: float) -> int:
    days = lead + REVIEW_DAYS
    spread = (_number(row, "demand_std_28d") or 0.0) * math.sqrt(days)
    return max(0, math.ceil(daily * days + SAFETY * spread - on_hand - inbound))


def _inbound(units: float, expected_at: datetime | None) -> dict[str, Any] | None:
    if units <= 0:
        return None
    return {"quantity": units, "expected_at": expected_at.isoformat() if expected_at is not None else None}


def _currencies(lake: Lake, keys: DataFrame, moment: datetime) -> dict[str, str]:
    """The currency that a seller's orders of the last 90 days were paid in; sellers with none or several are left out.

    A listing's price names none, and an amount without its currency says nothing.
    """
    since = moment - timedelta(days=CURRENCY_DAYS)
    orders = lake.read("orders", known_before=moment).where(F.col("recorded_at") >= F.lit(since))
    items = lake.read("order_items", known_before=moment).where(F.col("recorded_at") >= F.lit(since))
    sold = items.join(keys.select("seller_id").distinct(), "seller_id", "left_semi").select("seller_id", "order_id")
    paid = sold.join(orders.select("order_id", "currency"), "order_id", "inner").groupBy("seller_id")
    both = paid.agg(F.min("currency").alias("first"), F.max("currency").alias("last"))
    return {
        row["seller_id"]: row["first"] for row in both.toArrow().to_pylist() if row["first"] == row["last"] is not None
    }


def _newest(lake: Lake, table: str, keys: DataFrame, moment: datetime, by: str) -> pa.Table:
    """The row of each series with the largest ``by``, as known before ``moment``."""
    rows = lake.read(table, known_before=moment).join(keys, ["seller_id", "sku_id"], "left_semi")
    rest = [name for name in rows.columns if name not in {"seller_id", "sku_id", by, "recorded_at"}]
    newest = rows.groupBy("seller_id", "sku_id").agg(F.max(F.struct(by, "recorded_at", *rest)).alias("row"))
    columns = [F.col(f"row.{name}").alias(name) for name in (by, "recorded_at", *rest)]
    return newest.select("seller_id", "sku_id", *columns).orderBy("seller_id", "sku_id").toArrow()


def _source(sources: Sources, subject: Subject, table: str, key: str, recorded_at: datetime) -> None:
    place = f"{subject[0]}/{subject[1]}/{key}"
    sources.setdefault(subject, {})[table] = {"table": table, "key": place, "recorded_at": recorded_at.isoformat()}


def _number(row: pd.Series, name: str) -> float | None:
    value = row.get(name)
    return float(value) if value is not None and math.isfinite(value) else None
