"""The life of a case as a list of moments: facts, decisions, notices, tries to deliver, and what is still ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from console import words
from console.formats import fact, moment, plain, record, share


@dataclass(frozen=True, slots=True)
class Moment:
    """``at``: datetime or ISO string; ``tone``: told, bad, ahead or empty."""

    at: object
    title: str
    detail: str = ""
    tone: str = ""


def timeline(
    evidence: Mapping[str, Any],
    case: RowMapping | None,
    decisions: Sequence[RowMapping],
    notices: Sequence[RowMapping],
    attempts: Sequence[RowMapping],
    now: datetime,
) -> list[Moment]:
    """Every moment that is known, in no order. What is after ``now`` is marked as ahead."""
    found = [
        *_facts(evidence),
        *_case(case),
        *(_decided(row) for row in decisions),
        *(part for row in notices for part in _noticed(row)),
        *(_tried(row) for row in attempts),
    ]
    return [_ahead(entry, now) for entry in found if moment(entry.at) is not None]


def _ahead(entry: Moment, now: datetime) -> Moment:
    at = moment(entry.at)
    return Moment(entry.at, entry.title, entry.detail, "ahead") if at is not None and at > now else entry


def _facts(evidence: Mapping[str, Any]) -> Iterator[Moment]:
    scan = record(evidence.get("last_scan"))
    if scan:
        what = " at ".join(plain(part) for part in (scan.get("event"), scan.get("hub")) if part)
        yield Moment(scan.get("event_at"), f"Last scan: {what}", f"known to us since {fact(scan.get('recorded_at'))}")
    yield Moment(evidence.get("promised_at"), "Promised until", "the last moment at which delivery is on time")
    window = record(evidence.get("window"))
    yield Moment(
        window.get("p50"),
        "Delivery expected",
        f"8 in 10 between {fact(window.get('p10'))} and {fact(window.get('p90'))}",
    )
    yield Moment(evidence.get("order_by"), "Order by", "later than this, stock ends before it can arrive")
    yield Moment(evidence.get("expected_date"), "Stock expected to end")
    inbound = record(evidence.get("open_inbound"))
    yield Moment(inbound.get("expected_at"), "Replenishment expected", f"{fact(inbound.get('quantity'))} pieces")


def _case(case: RowMapping | None) -> Iterator[Moment]:
    if case is not None:
        yield Moment(case["opened_at"], "Case opened", f"episode {case['episode']}")
        yield Moment(case["closed_at"], "Case closed")


def _decided(row: RowMapping) -> Moment:
    word = words.word(words.DECISIONS, row["decision"])
    known = f"on what was known at the end of {row['day']}; reason: {plain(row['reason'])}; chance {share(row['probability'])}"
    return Moment(row["decided_at"], f"Decided: {word.label}", known, "told" if row["decision"] in words.TOLD else "")


def _noticed(row: RowMapping) -> Iterator[Moment]:
    stage = words.word(words.STAGES, row["stage"]).label
    state = words.word(words.NOTICE_STATES, row["state"])
    yield Moment(row["planned_at"], f"{stage} planned", row["state_reason"] or state.means)
    if row["accepted_at"]:
        yield Moment(row["accepted_at"], f"{stage} accepted by the relay", row["relay"] or "", "told")


def _tried(row: RowMapping) -> Moment:
    said = " ".join(str(part) for part in (row["code"], row["reply"]) if part is not None)
    phase = f"ended at {row['phase']}" if row["phase"] else "no end is known"
    is_bad = row["code"] is None or row["code"] >= 400  # noqa: PLR2004 - SMTP: 4xx and 5xx are refusals
    return Moment(
        row["started_at"],
        f"Try {row['epoch']} to hand it over",
        f"{phase}: {said}" if said else phase,
        "bad" if is_bad else "",
    )
