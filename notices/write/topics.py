"""What buyers are written to about: one entry a kind. The sentences of a kind are in the locale files under its name.

Three kinds are about the parcel and say so. The others predict what a person may do (open a dispute, ask for money
back, rate badly, write to us). Nobody is told what they may do: those kinds send a service message about the order's
own facts, with what can be done and how to reach a person. Which fact leads is read from the order (``situations``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from notices.write.situations import is_in_time, lateness, situation, was_just_scanned

Tone = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Topic:
    """How one kind is told.

    heads_up, all_clear: which of the kind's sentences fit the evidence; a sentence without that ending serves all.
    reasons: codes whose sentences may be said, and whether also those without numbers.
    """

    heads_up: Tone = situation
    all_clear: Tone = situation
    reasons: frozenset[str] = frozenset({"slack", "hand_over", "scan_gap", "hub", "attempt"})
    plain_reasons: bool = False
    shows_window: bool = True


def _on_track(evidence: Mapping[str, Any]) -> str:
    is_unlikely = (evidence.get("ended") or {}).get("closing") == "unlikely_now"
    return "on_track" if is_in_time(evidence) or is_unlikely else situation(evidence)


def _moving(evidence: Mapping[str, Any]) -> str:
    return "moving" if was_just_scanned(evidence) else situation(evidence)


# Reasons about the seller's other orders, the way of paying, the buyer's history or their messages are not on an order
# page, so no buyer reads them.
LATE = frozenset({"slack", "hand_over", "not_handed_over", "scan_gap", "no_scan", "hub", "attempt", "route", "carrier",
                  "platform_load", "parcel", "calendar"})  # fmt: skip

TOPICS: Mapping[str, Topic] = MappingProxyType({
    "late_delivery": Topic(heads_up=lateness, all_clear=_on_track, reasons=LATE, plain_reasons=True),
    "stalled_parcel": Topic(all_clear=_moving),
    "lost_parcel": Topic(all_clear=_moving, shows_window=False),
    "seller_cancellation": Topic(),
    "return_or_refund": Topic(),
    "dispute": Topic(),
    "bad_review": Topic(),
    "will_contact": Topic(),
})  # fmt: skip
