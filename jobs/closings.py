"""Troubles that were told and are over: candidates for an all-clear or a correction, from what the lake knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pyspark.sql import functions as F
from sqlalchemy import Engine

from jobs import evidence_orders, order_facts
from jobs.order_facts import OrderFacts
from lake.store import Lake
from notices.decide.decision import Candidate
from notices.decide.policy import Kind, Policy
from notices.plan import open_cases
from notices.plan.open_cases import OpenCase

Ended = tuple[str, str | None, datetime | None]  # a key of decision.CLOSINGS, the event, when it happened


def read(lake: Lake, state: Engine, policy: Policy, day: date, at_risk: Iterable[Candidate]) -> list[Candidate]:
    """One candidate for each told case whose trouble is over, as known at the end of ``day``.

    at_risk: the day's candidates: what is at risk has not ended.
    """
    kinds = {name: kind for name, kind in policy.kinds.items() if kind.closing_benefit > 0 and not kind.digest}
    with state.connect() as db:
        told = open_cases.told_and_open(db, kinds, day)
    if not told:
        return []
    taken = {candidate.key for candidate in at_risk}
    return of_cases(lake, [case for case in told if (case.kind, case.object_id, "") not in taken], kinds, day)


def of_cases(lake: Lake, told: Sequence[OpenCase], kinds: Mapping[str, Kind], day: date) -> list[Candidate]:
    """One candidate for each of these cases whose trouble is over, as known at the end of ``day``."""
    moment = datetime.combine(day + timedelta(days=1), time(0, tzinfo=UTC))
    facts = order_facts.read(lake, [case.object_id for case in told], moment)
    unlikely = {name: _unlikely(lake, kind, day) for name, kind in kinds.items()}
    over: list[tuple[OpenCase, Ended]] = []
    for case in told:
        known = facts.get(case.object_id, OrderFacts())
        ended = ending(case, known, is_unlikely=case.object_id in unlikely[case.kind])
        if ended is not None:
            over.append((case, ended))
    return _candidates(lake, over, unlikely, moment)


def ending(case: OpenCase, known: OrderFacts, *, is_unlikely: bool) -> Ended | None:
    """How the trouble of a told case ended; None while it has not.

    is_unlikely: its chance has been below the kind's lower bound for long enough.
    """
    if known.cancelled_at is not None:
        came_true = case.kind == "seller_cancellation"
        return "came_true" if came_true else "cancelled", "cancelled", known.cancelled_at
    if case.kind == "seller_cancellation" and known.handed_over_at is not None:
        return _no_trouble(case, "handed_over", known.handed_over_at)
    if known.delivered_at is not None:
        is_late = known.promised_at is not None and known.delivered_at > known.promised_at
        if is_late and case.kind in {"late_delivery", "stalled_parcel"}:
            return "came_true", "delivered", known.delivered_at
        return _no_trouble(case, "delivered", known.delivered_at)
    if known.lost_at is not None or known.returned_at is not None:
        return "came_true", None, known.lost_at or known.returned_at
    return ("unlikely_now", None, None) if is_unlikely else None


def _no_trouble(case: OpenCase, event: str, at: datetime) -> Ended:
    """It went well. Where it had done so before we spoke, what we said was not so."""
    return "was_untrue" if at < case.told_as_of else "in_time", event, at


def _unlikely(lake: Lake, kind: Kind, day: date) -> Mapping[str, float]:
    """Orders whose chance was below the kind's lower bound on each of the last days, with the newest chance."""
    name = f"scores_{kind.name}"
    if not lake.exists(name):
        return {}
    first = day - timedelta(days=kind.clear_days - 1)
    rows = lake.read(name).where(F.col("day").between(F.lit(first), F.lit(day)))
    counted = rows.groupBy("subject_id").agg(
        F.count_distinct("day").alias("days"),
        F.max(F.when(F.col("abstained"), F.lit(1.0)).otherwise(F.col("probability"))).alias("highest"),
        F.max(F.struct("day", "probability")).alias("newest"),
    )
    low = counted.where((F.col("days") >= kind.clear_days) & (F.col("highest") < kind.clear_below))
    return {row["subject_id"]: row["newest"]["probability"] for row in low.collect()}


def _candidates(
    lake: Lake, over: Sequence[tuple[OpenCase, Ended]], unlikely: Mapping[str, Mapping[str, float]], moment: datetime
) -> list[Candidate]:
    if not over:
        return []
    asked = lake.spark.createDataFrame(sorted({(case.object_id,) for case, _ in over}), "subject_id string")
    fields, _ = evidence_orders.read(lake, asked, moment)
    return [
        _candidate(case, ended, fields.get((case.object_id, ""), {}), unlikely[case.kind].get(case.object_id), moment)
        for case, ended in over
    ]


def _candidate(
    case: OpenCase, ended: Ended, fields: Mapping[str, Any], probability: float | None, moment: datetime
) -> Candidate:
    closing, event, at = ended
    evidence = {
        "kind": case.kind,
        "as_of": moment.isoformat(),
        "probability": None if probability is None else round(probability, 4),
        "reasons": [],
        "window": None,
        **fields,
        "recipient_id": case.recipient_id,
        "order_id": case.object_id,
        "ended": {"closing": closing, "event": event, "at": at.isoformat() if at else None},
    }
    return Candidate(
        kind=case.kind,
        subject_id=case.object_id,
        sku_id="",
        recipient_id=case.recipient_id,
        probability=probability,
        abstained=False,
        abstain_reason=None,
        value_at_stake=fields.get("value"),
        evidence=evidence,
        model_version="",
        closing=closing,
    )
