"""Which features know the future: the one checker that honest groups pass and planted leaks fail.

A world is rewritten from a moment on: what was recorded at or after it is deleted, altered or repeated, and reports
about the time before it arrive later. A feature of a subject with as_of up to that moment must not notice.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from world import Row, World, changed, write

from lake.store import Lake

Build = Callable[[Lake, DataFrame], DataFrame]
TOLERANCE = 1e-9

EVENTS = {
    "order_events": ("approved", "cancelled", "closed", "refunded", "paid", "return_requested"),
    "shipment_events": ("handed_over", "hub_in", "hub_out", "out_for_delivery", "attempt_failed", "delivered", "lost"),
    "inbound": ("ordered", "received", "cancelled"),
    "disputes": ("opened", "closed"),
}
NEW_KEYS = {
    "orders": "order_id", "order_items": "line_no", "shipments": "shipment_id", "contacts": "contact_id",
    "calendar": "name", "inbound": "inbound_id", "disputes": "dispute_id",
}  # fmt: skip
FIXED = {"recorded_at", "day", "order_id", "shipment_id", "seller_id", "sku_id", "inbound_id", "contact_id", "region",
         "dispute_id", "line_no", "name", "stock_day", "promo_day", "calendar_day", "active_from"}  # fmt: skip


def future_rewritten(world: World, cut: datetime, seed: int) -> World:
    """The world with another future: rows recorded at or after ``cut`` deleted, altered or repeated, late reports."""
    pick = random.Random(seed)

    def rewrite(name: str, row: Row) -> list[Row]:
        fate = pick.random()
        if fate < 0.3:
            return []
        other = altered(name, row, pick)
        other["recorded_at"] = max(cut, row["recorded_at"] + timedelta(hours=pick.uniform(-30, 60)))
        return [other] if fate < 0.8 else [row, *repeated(name, other, pick, len(world[name]))]

    rewritten = changed(world, lambda row: row["recorded_at"] >= cut, rewrite)
    for name, rows in world.items():
        known = [row for row in rows if row["recorded_at"] < cut]
        for row in pick.sample(known, min(len(known), 12)):
            late = altered(name, row, pick) | {"recorded_at": cut + timedelta(hours=pick.uniform(0, 20))}
            rewritten[name] += repeated(name, late, pick, len(rows))
    return rewritten


def without_future(world: World, cut: datetime) -> World:
    """The world as it stood at ``cut``: nothing recorded at or after it."""
    return changed(world, lambda row: row["recorded_at"] >= cut, lambda _name, _row: [])


def past_rewritten(world: World, cut: datetime, seed: int) -> World:
    """The sabotage twin: what was recorded before ``cut`` is altered, and some of it deleted."""
    pick = random.Random(seed)

    def rewrite(name: str, row: Row) -> list[Row]:
        return [] if pick.random() < 0.15 else [altered(name, row, pick)]

    return changed(world, lambda row: row["recorded_at"] < cut, rewrite)


def altered(name: str, row: Row, pick: random.Random) -> Row:
    """The row with other contents under the same key and recorded_at."""
    other = dict(row)
    for column, value in row.items():
        if column in FIXED or value is None:
            continue
        if column == "event" and name in EVENTS:
            other[column] = pick.choice(EVENTS[name])
        elif isinstance(value, datetime):
            other[column] = value + timedelta(hours=pick.uniform(-50, 50))
        elif isinstance(value, bool):
            other[column] = not value
        elif column.endswith("_share"):
            other[column] = pick.choice((0.0, 0.3, 0.8, 1.0))
        elif isinstance(value, int | float):
            other[column] = type(value)(value * pick.choice((0, 1, 2, 3)) + 1)
        elif column in {
            "carrier",
            "hub",
            "category",
            "payment_type",
            "destination_region",
            "origin_region",
            "buyer_id",
            "by",
            "topic",
            "text",
        }:
            other[column] = pick.choice(sorted({str(value), *ALTERNATIVES[column]}))
        elif column == "kind":
            other[column] = pick.choice(("holiday", "sales_event"))
    return other


ALTERNATIVES = {
    "carrier": ("post", "van"), "hub": ("h1", "h2", "h3"), "category": ("toys", "books"),
    "payment_type": ("card", "boleto"), "destination_region": ("BR-SP", "BR-RJ"), "origin_region": ("BR-SP", "BR-RJ"),
    "buyer_id": ("buyer1", "buyer2"), "by": ("seller", "buyer"), "topic": ("where", "not_as_described"),
    "text": ("Where is it?!", "thank you"),
}  # fmt: skip


def repeated(name: str, row: Row, pick: random.Random, count: int) -> list[Row]:
    """The row once more under a new key; nothing where the key cannot change without naming another fact."""
    if name in {"stock", "promotions", "listings", "reviews"}:
        return []
    key = NEW_KEYS.get(name)
    if key is None:
        return [row]  # events: the key holds event_at, which was altered
    fresh: object = count + pick.randrange(1000) if key == "line_no" else f"{row[key]}+{pick.randrange(10_000)}"
    return [row | {key: fresh}]


def rows_of(frame: DataFrame, keys: Iterable[str]) -> pd.DataFrame:
    """A built frame in memory, indexed and sorted by its keys."""
    rows = frame.toArrow().to_pandas()
    return rows.set_index(list(keys)).sort_index()


def differing(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, int]:
    """Columns whose values differ, and in how many rows; rows of ``before`` that are missing after differ in all."""
    after = after.reindex(before.index)
    found = {}
    for name in before.columns:
        if before[name].dtype != np.float64:
            continue
        old, new = before[name].to_numpy(), after[name].to_numpy(dtype=float)
        same = (np.isnan(old) & np.isnan(new)) | np.isclose(old, new, rtol=TOLERANCE, atol=TOLERANCE)
        if not same.all():
            found[name] = int((~same).sum())
    return found


def knows_the_future(
    spark: SparkSession, folder: Path, world: World, subjects: DataFrame, build: Build, cuts: Sequence[datetime]
) -> dict[str, int]:
    """Features of ``build`` that notice another future: name and number of rows. Empty for an honest build.

    subjects: keys and as_of; for each cut those at or before it are built in the world as it was, in one that ends
    there, and in two with another future. folder: empty, the worlds are written below it.
    """
    keys = [name for name in ("order_id", "seller_id", "sku_id", "as_of") if name in subjects.columns]
    honest = build(write(Lake(folder / "as_it_was", spark), world), subjects)
    before = rows_of(honest, keys)
    found: dict[str, int] = {}
    for number, cut in enumerate(cuts):
        asked = subjects.where(F.col("as_of") <= F.lit(cut))
        known = before[before.index.get_level_values("as_of") <= cut]
        others = [without_future(world, cut), *[future_rewritten(world, cut, seed) for seed in (1, 2)]]
        for other, rewritten in enumerate(others):
            lake = write(Lake(folder / f"as_it_could_be_{number}_{other}", spark), rewritten)
            for name, rows in differing(known, rows_of(build(lake, asked), keys)).items():
                found[name] = found.get(name, 0) + rows
    return found
