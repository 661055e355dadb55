"""What is known of an order at a moment: its promise, its items, its last scan, and the rows that say so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lake.store import Lake

Subject = tuple[str, str]
Fields = dict[Subject, dict[str, Any]]
Sources = dict[Subject, dict[str, Mapping[str, Any]]]


def read(lake: Lake, asked: DataFrame, moment: datetime) -> tuple[Fields, Sources]:
    """Fields and source rows by (order_id, ""). asked: subject_id of each candidate. Reads recorded_at < moment."""
    ids = asked.select(F.col("subject_id").alias("order_id"))
    orders = lake.read("orders", known_before=moment).join(ids, "order_id", "left_semi")
    items = lake.read("order_items", known_before=moment).join(ids, "order_id", "left_semi")
    parcels = lake.read("shipments", known_before=moment).join(ids, "order_id", "left_semi")
    scans = lake.read("shipment_events", known_before=moment).join(
        parcels.select("shipment_id", "order_id"), "shipment_id", "inner"
    )
    fields: Fields = {}
    sources: Sources = {}
    for row in _first(orders, ("order_id",)).to_pylist():
        subject = (row["order_id"], "")
        fields[subject] = _order(row)
        _source(sources, subject, "orders", row["order_id"], row["recorded_at"])
    for row in _first(items, ("order_id", "line_no")).to_pylist():
        subject = (row["order_id"], "")
        _item(fields.setdefault(subject, {}), row)
        _source(sources, subject, "order_items", f"{row['order_id']}/{row['line_no']}", row["recorded_at"])
    for row in _first(parcels, ("shipment_id",)).to_pylist():
        subject = (row["order_id"], "")
        if fields.setdefault(subject, {}).get("carrier") is None:
            fields[subject]["carrier"] = row["carrier"]
        _source(sources, subject, "shipments", row["shipment_id"], row["recorded_at"])
    # The scan that happened last; of two at one moment the one that became known last.
    for row in _newest(scans, ("event_at", "recorded_at", "event", "shipment_id", "hub")):
        subject = (row["order_id"], "")
        fields.setdefault(subject, {})["last_scan"] = {
            "event": row["event"],
            "hub": row["hub"],
            "event_at": _iso(row["event_at"]),
            "recorded_at": _iso(row["recorded_at"]),
        }
        key = f"{row['shipment_id']}/{row['event']}/{_iso(row['event_at'])}"
        _source(sources, subject, "shipment_events", key, row["recorded_at"])
    _offers_and_words(lake, items, ids, moment, sources)
    return fields, sources


def _offers_and_words(lake: Lake, items: DataFrame, ids: DataFrame, moment: datetime, sources: Sources) -> None:
    """The rows behind reasons about the article and about what was asked: its newest price, the newest message."""
    prices = lake.read("listings", known_before=moment).where(F.col("price").isNotNull())
    offered = items.where(F.col("line_no") == 1).select("order_id", "seller_id", "sku_id").distinct()
    met = offered.join(prices.select("seller_id", "sku_id", "active_from", "recorded_at"), ["seller_id", "sku_id"])
    named = ("recorded_at", "active_from", "seller_id", "sku_id")
    for row in _newest(met, named):
        key = f"{row['seller_id']}/{row['sku_id']}/{row['active_from']}"
        _source(sources, (row["order_id"], ""), "listings", key, row["recorded_at"])
    wrote = lake.read("contacts", known_before=moment).join(ids, "order_id", "left_semi")
    for row in _newest(wrote, ("event_at", "recorded_at", "contact_id")):
        _source(sources, (row["order_id"], ""), "contacts", row["contact_id"], row["recorded_at"])


def _newest(rows: DataFrame, named: tuple[str, ...]) -> list[dict[str, Any]]:
    """Of each order the row that is last by ``named``."""
    newest = rows.groupBy("order_id").agg(F.max(F.struct(*named)).alias("row"))
    found: list[dict[str, Any]] = (
        newest.select("order_id", *[F.col(f"row.{name}").alias(name) for name in named])
        .orderBy("order_id")
        .toArrow()
        .to_pylist()
    )
    return found


def _order(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "order_id": row["order_id"],
        "recipient_id": row["buyer_id"],
        "seller_id": None,
        "promised_at": _iso(row["promised_at"]),
        "destination_region": row["destination_region"],
        "currency": row["currency"],
        "value": row["value"],
        "carrier": None,
        "last_scan": None,
        "items": [],
    }


def _item(fields: dict[str, Any], row: Mapping[str, Any]) -> None:
    fields.setdefault("items", []).append(
        {"sku_id": row["sku_id"], "category": row["category"], "quantity": row["quantity"]}
    )
    if fields.get("seller_id") is None:
        fields["seller_id"] = row["seller_id"]


def _first(rows: DataFrame, key: tuple[str, ...]) -> pa.Table:
    """The first known row of each key, sorted by key: a later correction does not change what was said."""
    rest = [name for name in rows.columns if name not in key]
    taken = rows.groupBy(*key).agg(
        F.min(F.struct("recorded_at", *[name for name in rest if name != "recorded_at"])).alias("row")
    )
    return taken.select(*key, *[F.col(f"row.{name}").alias(name) for name in rest]).orderBy(*key).toArrow()


def _source(sources: Sources, subject: Subject, table: str, key: str, recorded_at: datetime) -> None:
    """The first row of a table stands for it."""
    sources.setdefault(subject, {}).setdefault(table, {"table": table, "key": key, "recorded_at": _iso(recorded_at)})


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
