"""The shapes that deciding takes and gives: plain values, made by jobs and by notices.plan.history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from notices.people.directory import Entry
from notices.people.preferences import DEFAULT, Preference

PLANNED = frozenset({"send", "quiet", "digest"})
WAITING = frozenset({"review", "held"})
DECISIONS = (
    "send", "digest", "review", "hold_out", "capped", "quiet", "snoozed", "already_told", "below_value",
    "abstained", "suppressed", "covered", "shadow", "held",
)  # fmt: skip
# Decided to be worth telling, whoever was told in the end: what the volume breaker and precision look at.
WANTED = frozenset({*PLANNED, *WAITING, "hold_out", "capped", "shadow"})

HEADS_UP, UPDATE, ALL_CLEAR, CORRECTION = STAGES = ("heads_up", "update", "all_clear", "correction")
LAST_STAGES = frozenset({ALL_CLEAR, CORRECTION})
# How a trouble that was told ended, and the stage that says so; None: the recipient knows it, the case closes silently.
CLOSINGS: Mapping[str, str | None] = MappingProxyType(
    {"in_time": ALL_CLEAR, "unlikely_now": ALL_CLEAR, "was_untrue": CORRECTION, "came_true": None, "cancelled": None}
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One score that may become a notice. ``sku_id`` is empty where the subject has no article.

    closing: None for a risk; a key of CLOSINGS where a trouble that was told is over. ``value_at_stake`` is money in
    ``evidence["currency"]``.
    """

    kind: str
    subject_id: str
    sku_id: str
    recipient_id: str
    probability: float | None
    abstained: bool
    abstain_reason: str | None
    value_at_stake: float | None
    evidence: Mapping[str, Any]
    model_version: str
    closing: str | None = None

    @property
    def object_id(self) -> str:
        """What the case is about: the seller's article, else the subject itself."""
        return self.sku_id or self.subject_id

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind, self.subject_id, self.sku_id


@dataclass(frozen=True, slots=True)
class Recipient:
    """What deciding needs to know of a person. ``blocked``: why nothing may be sent to them, else None."""

    entry: Entry | None
    blocked: str | None
    wishes: Mapping[str, Preference] = field(default_factory=dict)  # by kind

    @property
    def role(self) -> str:
        return self.entry.role if self.entry else "buyer"

    def wish(self, kind: str) -> Preference:
        return self.wishes.get(kind, DEFAULT)


@dataclass(frozen=True, slots=True)
class Case:
    """One (recipient, object, kind, episode). ``told`` holds the fact of each stage that was told or is on its way.

    accepted: the stages that a relay took; only these can be closed. is_closed: nothing more is told, ever.
    """

    case_id: str
    episode: str
    told: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    accepted: frozenset[str] = frozenset()
    is_closed: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """What happened before the day. ``taken``: planned by an interrupted run of this same day, which stands.

    volumes: notices that were wanted (WANTED) a day by kind, over the last 28 days; wanted: of this day, that stand.
    """

    cases: Mapping[tuple[str, str, str], Case]  # by (kind, recipient_id, object_id)
    told_7d: Mapping[str, int] = field(default_factory=dict)  # notices by recipient, all kinds
    volumes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    taken: Mapping[str, Sequence[str]] = field(default_factory=dict)  # recipients by kind, this day
    wanted: Mapping[str, int] = field(default_factory=dict)  # by kind, this day
    reviews_taken: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """One candidate's end. ``send_at``: when its notice is due; None where none is planned."""

    candidate: Candidate
    decision: str
    reason: str
    expected_value: float | None
    case: Case | None = None
    stage: str = HEADS_UP
    send_at: datetime | None = None

    @property
    def has_notice(self) -> bool:
        return self.send_at is not None
