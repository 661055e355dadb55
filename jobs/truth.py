"""Is what a notice says still so? Read from the lake again, just before it is sent."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from contextvars import copy_context
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Engine, select

from jobs import order_facts, stock_facts
from jobs.context import open_lake
from jobs.order_facts import OrderFacts
from jobs.stock_facts import Series
from lake.store import Lake
from notices.decide.policy import KINDS
from notices.state import deliveries, notices
from settings import Settings

FRESH_SECONDS = 30.0  # a fact is never older than this when it is used
WAITING = ("READY", "LEASED", "UNCERTAIN")
# What ends a kind's trouble beside a delivery or a cancellation: the fact, and how it is said.
ENDS: Mapping[str, Mapping[str, str]] = {
    "seller_cancellation": {"handed_over_at": "handed over"},
    "return_or_refund": {"return_requested_at": "a return was requested", "refunded_at": "refunded"},
    "dispute": {"disputed_at": "a claim was opened", "refunded_at": "refunded"},
    "bad_review": {"reviewed_at": "reviewed"},
}


class LakeTruth:
    """Answers for ``notices.send``: of the given notice ids, those no longer true, and why.

    The engine starts with the first question: a run that has nothing to send starts none. One reading of the lake
    answers for all notices that wait, for half a minute.

    A digest is untrue if one of its lines is. ``dropped`` holds these lines, by notice, with the reason of each:
    notices.plan.redigest plans the rest anew.
    """

    def __init__(self, settings: Settings, engine: Engine, now: datetime) -> None:
        self._settings, self._engine, self._now = settings, engine, now
        self._open = ExitStack()
        self._context = copy_context()  # questions come from a worker thread; what it opens is closed from here
        self._lake: Lake | None = None
        self._read_at = float("-inf")
        self._orders: Mapping[str, OrderFacts] = {}
        self._covered: Mapping[Series, str] = {}
        self.dropped: dict[str, dict[Series, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._context.run(self._open.close)

    def __call__(self, notice_ids: Sequence[str]) -> Mapping[str, str]:
        query = select(notices.c.notice_id, notices.c.kind, notices.c.stage, notices.c.evidence)
        with self._engine.connect() as db:
            asked = db.execute(query.where(notices.c.notice_id.in_(notice_ids))).all()
        if asked and time.monotonic() - self._read_at > FRESH_SECONDS:
            self._read()
            self._read_at = time.monotonic()
        reasons = {row.notice_id: self._untrue(row) for row in asked}
        return {notice_id: reason for notice_id, reason in reasons.items() if reason is not None}

    def _untrue(self, row: Any) -> str | None:
        if not KINDS[row.kind].digest:
            known = self._orders.get(row.evidence.get("order_id"))
            return None if known is None else untrue(row.kind, row.stage, row.evidence, known)
        gone = {
            series: self._covered[series] for series in stock_facts.series_of(row.evidence) if series in self._covered
        }
        if not gone:
            return None
        self.dropped[row.notice_id] = gone
        return f"{len(gone)} of {len(row.evidence['lines'])} lines no longer true: {next(iter(gone.values()))}"

    def _read(self) -> None:
        """What is known now of the orders and articles of all notices that wait."""
        joined = notices.join(deliveries, deliveries.c.notice_id == notices.c.notice_id)
        query = select(notices.c.kind, notices.c.evidence).select_from(joined)
        with self._engine.connect() as db:
            waiting = db.execute(query.where(deliveries.c.state.in_(WAITING), notices.c.state == "APPROVED")).all()
        orders = [row.evidence["order_id"] for row in waiting if row.evidence.get("order_id")]
        digests = [row.evidence for row in waiting if KINDS[row.kind].digest]
        if self._lake is None:
            self._lake = self._context.run(self._open.enter_context, open_lake(self._settings))
        self._orders = order_facts.read(self._lake, orders, self._now)
        self._covered = stock_facts.covered(self._lake, digests, self._now)


def untrue(kind: str, stage: str, evidence: Mapping[str, Any], known: OrderFacts) -> str | None:
    """Why a notice about an order is no longer so, in words; None where it still is.

    What the notice itself says (a parcel that it calls delivered) is no news.
    """
    said = (evidence.get("ended") or {}).get("event")
    if known.cancelled_at is not None and said != "cancelled":
        return _at("cancelled", known.cancelled_at)
    scan = (evidence.get("last_scan") or {}).get("event")
    if known.delivered_at is not None and "delivered" not in {said, scan}:
        return _at("delivered", known.delivered_at)
    if stage in {"all_clear", "correction"}:
        return None
    if kind == "will_contact" and known.contacted_at is not None and known.contacted_at >= _moment(evidence["as_of"]):
        return _at("they wrote to us", known.contacted_at)
    for fact, words in ENDS.get(kind, {}).items():
        at = getattr(known, fact)
        if at is not None:
            return _at(words, at)
    return None


def _at(what: str, at: datetime) -> str:
    return f"{what} at {at:%Y-%m-%d %H:%M} UTC"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
