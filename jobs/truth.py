"""Is what a notice says still so? Read from the lake again, just before it is sent."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from contextvars import copy_context
from datetime import datetime
from typing import Self

from pyspark.sql import functions as F
from sqlalchemy import Engine, select

from jobs.context import open_lake
from lake.store import Lake
from notices.state import deliveries, notices
from settings import Settings

FRESH_SECONDS = 30.0  # a fact is never older than this when it is used


class LakeTruth:
    """Answers for ``notices.send``: of the given notice ids, those no longer true, and why.

    The engine starts with the first question: a run that has nothing to send starts none. One reading of the lake
    answers for all notices that wait, for half a minute.
    """

    def __init__(self, settings: Settings, engine: Engine, now: datetime) -> None:
        self._settings, self._engine, self._now = settings, engine, now
        self._open = ExitStack()
        self._context = copy_context()  # questions come from a worker thread; what it opens is closed from here
        self._lake: Lake | None = None
        self._read_at = float("-inf")
        self._ended: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._context.run(self._open.close)

    def __call__(self, notice_ids: Sequence[str]) -> Mapping[str, str]:
        orders = self._orders(notice_ids)
        if not orders:
            return {}
        if time.monotonic() - self._read_at > FRESH_SECONDS:
            self._ended = self._read()
            self._read_at = time.monotonic()
        return {notice_id: self._ended[order] for notice_id, order in orders.items() if order in self._ended}

    def _orders(self, notice_ids: Sequence[str]) -> dict[str, str]:
        """The order that each late-delivery notice is about. A digest is about stock, which is known once a day."""
        query = select(notices.c.notice_id, notices.c.evidence).where(
            notices.c.notice_id.in_(notice_ids), notices.c.kind == "late_delivery"
        )
        with self._engine.connect() as db:
            return {row.notice_id: row.evidence["order_id"] for row in db.execute(query)}

    def _waiting(self) -> list[str]:
        joined = notices.join(deliveries, deliveries.c.notice_id == notices.c.notice_id)
        query = (
            select(notices.c.evidence)
            .select_from(joined)
            .where(notices.c.kind == "late_delivery", deliveries.c.state.in_(["READY", "LEASED", "UNCERTAIN"]))
        )
        with self._engine.connect() as db:
            return [evidence["order_id"] for evidence in db.execute(query).scalars()]

    def _read(self) -> dict[str, str]:
        """Orders of waiting notices that have ended, as known now: delivered whole, or cancelled."""
        if self._lake is None:
            self._lake = self._context.run(self._open.enter_context, open_lake(self._settings))
        lake = self._lake
        waiting = lake.spark.createDataFrame([(order,) for order in set(self._waiting())], "order_id string")
        events = lake.read("order_events", known_before=self._now).where(F.col("event") == "cancelled")
        cancelled = events.join(waiting, "order_id").groupBy("order_id").agg(F.min("event_at").alias("at"))
        parcels = lake.read("shipments", known_before=self._now).join(waiting, "order_id")
        scans = lake.read("shipment_events", known_before=self._now).where(F.col("event") == "delivered")
        came = scans.groupBy("shipment_id").agg(F.min("event_at").alias("at"))
        whole = (
            parcels.select("shipment_id", "order_id").distinct()
            .join(came, "shipment_id", "left")
            .groupBy("order_id")
            .agg(F.max("at").alias("at"), F.count("at").alias("came"), F.count("*").alias("sent"))
            .where(F.col("came") == F.col("sent"))
        )  # fmt: skip
        ended = {row["order_id"]: f"cancelled at {row['at']:%Y-%m-%d %H:%M} UTC" for row in cancelled.collect()}
        return ended | {row["order_id"]: f"delivered at {row['at']:%Y-%m-%d %H:%M} UTC" for row in whole.collect()}
