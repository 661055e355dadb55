"""What is known of an order at a moment: its promise, its items, its last scan, and the rows that say so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame
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
    for row in _last(scans).to_pylist():
        subject = (row["order_id"], "")
        fields.setdefault(subject, {})["last_scan"] = {
            "event": row["event"],
            "hub": row["hub"],
            "event_at": _iso(row["event_at"]),
            "recorded_at": _iso(row["recorded_at"]),
        }
        key = f"{row['shipment_id']}/{row['event']}/{_iso(row['event_at'])}"
        _source(sources, subject, "shipment_events", key, row["recorded_at"])
    return fields, sources


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


def _last(scans: DataFrame) -> pa.Table:
    """The newest scan of each order by when it happened; ties by when it became known."""
    named: list[Column | str] = ["event_at", "recorded_at", "event", "shipment_id", "hub"]
    newest = scans.groupBy("order_id").agg(F.max(F.struct(*named)).alias("row"))
    return (
        newest.select("order_id", *[F.col(f"row.{name}").alias(str(name)) for name in named])
        .orderBy("order_id")
        .toArrow()
    )


def _source(sources: Sources, subject: Subject, table: str, key: str, recorded_at: datetime) -> None:
    """The first row of a table stands for it."""
    sources.setdefault(subject, {}).setdefault(table, {"table": table, "key": key, "recorded_at": _iso(recorded_at)})


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
