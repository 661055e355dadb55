"""The life of a case as a list of moments: facts, decisions, notices, tries to deliver, and what is still ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from console import words
from console.formats import day_words, fact, moment, plain, record, share

REFUSED_FROM = 400  # SMTP replies: 4xx for now, 5xx for good


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
        *(_planned(row) for row in notices),
        *(_tried(row) for row in attempts),
        *(_accepted(row) for row in notices),
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
    known = f"chance {share(row['probability'])} at the end of {day_words(row['day'])}; {words.because(row['reason'])}"
    return Moment(row["decided_at"], f"Decided: {word.label}", known, "told" if row["decision"] in words.TOLD else "")


def notice_name(row: RowMapping) -> str:
    """What a notice is called: its stage, or the digest, which is of no single case."""
    return words.word(words.STAGES, row["stage"]).label if row["case_id"] else "Digest"


def _planned(row: RowMapping) -> Moment:
    state = words.word(words.NOTICE_STATES, row["state"])
    why = words.because(row["state_reason"]) or state.means
    return Moment(row["planned_at"], f"{notice_name(row)} planned", f"{state.label}: {why[0].lower()}{why[1:]}")


def _accepted(row: RowMapping) -> Moment:
    return Moment(row["accepted_at"], f"{notice_name(row)} accepted by the relay", row["relay"] or "", "told")


def _tried(row: RowMapping) -> Moment:
    said = " ".join(str(part) for part in (row["code"], row["reply"]) if part is not None)
    phase = f"ended at {row['phase']}" if row["phase"] else "no end is known"
    is_bad = row["code"] is None or row["code"] >= REFUSED_FROM
    title = f"Try {row['epoch']} to hand it over"
    return Moment(row["started_at"], title, f"{phase}: {said}" if said else phase, "bad" if is_bad else "")
