"""What is plainly so with an order, as its buyer can see it: read from the evidence, never predicted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

SITUATIONS = (
    "lost", "returned", "attempt_failed", "delivered_late", "delivered", "overdue", "not_sent", "under_way",
)  # fmt: skip
DELIVERED = frozenset({"delivered", "delivered_late"})
LIKELY = 0.7  # chance from which words say "probably"
JUST = timedelta(days=2)
WIDEST = timedelta(days=21)  # a longer window is no date at all, and is not written as one


def situation(evidence: Mapping[str, Any]) -> str:
    """The one of SITUATIONS that holds at as_of. The carrier's last word comes first, then the promise."""
    scan = evidence.get("last_scan") or {}
    if (evidence.get("ended") or {}).get("event") == "delivered" and scan.get("event") != "delivered":
        scan = {"event": "delivered", "event_at": evidence["ended"]["at"]}
    event, promised = scan.get("event"), _moment(evidence.get("promised_at"))
    if event in {"lost", "returned", "attempt_failed"}:
        return str(event)
    if event == "delivered":
        came = _moment(scan.get("event_at"))
        return "delivered_late" if promised and came and came > promised else "delivered"
    if promised and promised < datetime.fromisoformat(evidence["as_of"]):
        return "overdue"
    return "under_way" if scan else "not_sent"


def lateness(evidence: Mapping[str, Any]) -> str:
    """How sure the words about a late delivery are: late already, likely, may, or ended as the carrier says.

    Raises ValueError without a promise: nothing can be later than what was never promised.
    """
    if not evidence.get("promised_at"):
        raise ValueError("there is no promised_at that a delivery could be later than")
    state = situation(evidence)
    if state in {"lost", "returned", *DELIVERED}:
        return state  # the carrier's word says more than an estimate
    if datetime.fromisoformat(evidence["promised_at"]) < datetime.fromisoformat(evidence["as_of"]):
        return "late"
    probability = evidence.get("probability")
    return "likely" if probability is not None and probability >= LIKELY else "may"


def is_in_time(evidence: Mapping[str, Any]) -> bool:
    """Whether the newest window ends within the promise."""
    last, promised = _moment((evidence.get("window") or {}).get("p90")), _moment(evidence.get("promised_at"))
    return last is not None and promised is not None and last <= promised


def delivered_at(evidence: Mapping[str, Any]) -> str:
    """When the order came, for one of the situations DELIVERED."""
    scan = evidence.get("last_scan") or {}
    return str(scan["event_at"] if scan.get("event") == "delivered" else evidence["ended"]["at"])


def was_just_scanned(evidence: Mapping[str, Any]) -> bool:
    """Whether the parcel is under way, and a scan of the last two days says so."""
    scanned = _moment((evidence.get("last_scan") or {}).get("event_at"))
    if scanned is None or situation(evidence) not in {"under_way", "overdue"}:
        return False
    return datetime.fromisoformat(evidence["as_of"]) - scanned <= JUST


def wrong(evidence: Mapping[str, Any]) -> str:
    """What a correction corrects: back (an all-clear that was too early), happened (it had ended before we wrote), or
    record (what we wrote from was wrong).
    """
    if evidence.get("corrects") == "all_clear":
        return "back"
    return "happened" if (evidence.get("ended") or {}).get("event") in {"delivered", "handed_over"} else "record"


def is_with_seller(evidence: Mapping[str, Any]) -> bool:
    """Whether the parcel has not been scanned and a reason says that the seller still has it."""
    codes = {reason.get("code") for reason in evidence.get("reasons") or ()}
    return not evidence.get("last_scan") and bool(codes & {"hand_over", "not_handed_over"})


def window_words(window: Mapping[str, str | None] | None, as_of: str) -> tuple[str, dict[str, str]]:
    """How a date window can honestly be said: the name of the sentence, and the days that it holds.

    between, one_day; by: it has begun already; not_before: too wide to be a date; unknown: nothing useful is known.
    """
    first, last = ((window or {}).get(edge) for edge in ("p10", "p90"))
    start, end, now = _moment(first), _moment(last), datetime.fromisoformat(as_of)
    if not first or not last or start is None or end is None or end < start or end.date() < now.date():
        return "unknown", {}
    has_begun = start.date() < now.date()
    if end - start > WIDEST:
        return ("unknown", {}) if has_begun else ("not_before", {"first": first})
    if has_begun:
        return "by", {"last": last}
    return "between", {"first": first, "last": last}


def _moment(value: str | None) -> datetime | None:
    """A moment; a bare date is the start of its day, UTC."""
    if not value:
        return None
    return datetime.fromisoformat(value if len(value) > len("2026-03-01") else f"{value}T00:00:00+00:00")
