"""Which lines of a digest are no longer so: stock came, or is announced in time, since the line was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pyspark.sql import functions as F

from lake.store import Lake

Series = tuple[str, str]  # seller_id, sku_id


def series_of(evidence: Mapping[str, Any]) -> list[Series]:
    """The articles of a digest's lines."""
    return [(line["seller_id"], line["sku_id"]) for line in evidence.get("lines") or ()]


def covered(lake: Lake, digests: Iterable[Mapping[str, Any]], known_before: datetime) -> dict[Series, str]:
    """Articles of these digests that are covered by now, and by what.

    digests: evidence with ``lines``. Covered is what was received since the line's ``as_of``, or was ordered since then
    and is announced for no later than the day on which the article runs out.
    """
    lines = {(line["seller_id"], line["sku_id"]): line for digest in digests for line in digest.get("lines") or ()}
    if not lines:
        return {}
    rows = [
        (*series, datetime.fromisoformat(line["as_of"]), line.get("expected_date")) for series, line in lines.items()
    ]
    asked = lake.spark.createDataFrame(
        rows, "seller_id string, sku_id string, as_of timestamp, expected_date string"
    ).withColumn("runs_out", F.to_date("expected_date"))
    moves = lake.read("inbound", known_before=known_before).join(asked, ["seller_id", "sku_id"])
    cancelled = moves.where(F.col("event") == "cancelled").select("inbound_id").distinct()
    news = moves.where(F.col("recorded_at") >= F.col("as_of")).join(cancelled, "inbound_id", "left_anti")
    is_in_time = (F.col("event") == "ordered") & (F.to_date("expected_at") <= F.col("runs_out"))
    relevant = news.where((F.col("event") == "received") | is_in_time)
    found = relevant.groupBy("seller_id", "sku_id").agg(F.max(F.struct("recorded_at", "event")).alias("last"))
    return {
        (
            row["seller_id"],
            row["sku_id"],
        ): f"stock was {row['last']['event']}, known {row['last']['recorded_at']:%F %R} UTC"
        for row in found.toArrow().to_pylist()
    }
