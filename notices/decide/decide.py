"""Who is told, and who is not, and why: pure. One decision for every candidate; nothing is dropped.

The gates run in a fixed order and the first that closes gives the reason, so a count by decision adds up to the
number of candidates:

abstained, suppressed, snoozed, already_told or covered, below_value, hold_out, shadow: each candidate by itself
send, quiet, digest: planned for now, for the end of the recipient's quiet hours, or with the day's digest
capped: the recipient, the kind or the day may take no more, and others are worth more
review, held: prepared, and waiting for a person
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from notices.decide.decision import Candidate, Case, Decision, History, Recipient
from notices.decide.limits import limited, stop_reasons
from notices.decide.policy import LADDER, Kind, Policy
from notices.decide.stages import date_of, fact_of, stage_of
from notices.keys import Keys
from notices.people.hours import good_moment, next_hour, zones_of

__all__ = [
    "Candidate", "Case", "Decision", "History", "Recipient", "closing_value", "decide", "expected_value", "fact_of",
]  # fmt: skip


def decide(
    candidates: Iterable[Candidate],
    recipients: Mapping[str, Recipient],
    policy: Policy,
    history: History,
    keys: Keys,
    now: datetime,
) -> list[Decision]:
    """One decision per candidate, in the order given. ``now``: the moment of planning, from which hours are counted."""
    around = _Around(recipients, policy, history, keys, now)
    timed = [_timed(_alone(candidate, around), around) for candidate in candidates]
    stopped = stop_reasons(timed, policy, history)
    return limited(timed, recipients, policy, history, stopped)


def expected_value(kind: Kind, probability: float, value_at_stake: float | None) -> float:
    """What telling of a risk is worth, in the money of the kind: see Kind for the formula."""
    at_stake = min(max(value_at_stake or 0.0, 0.0), kind.value_limit)
    benefit = kind.benefit_base + kind.benefit_share * at_stake
    return probability * benefit - kind.annoyance - kind.contact_share * kind.contact_cost


def closing_value(kind: Kind) -> float:
    """What telling that a trouble is over, or that we were wrong, is worth: it is sure, and the same for everyone."""
    return kind.closing_benefit - kind.annoyance - kind.contact_share * kind.contact_cost


@dataclass(frozen=True, slots=True)
class _Around:
    recipients: Mapping[str, Recipient]
    policy: Policy
    history: History
    keys: Keys
    now: datetime


def _alone(candidate: Candidate, around: _Around) -> Decision:
    """The gates that look at nothing but this candidate; 'send' if all are open."""
    kind, now = around.policy.kinds[candidate.kind], around.now
    is_risk = candidate.closing is None
    if is_risk and (candidate.abstained or candidate.probability is None):
        return Decision(candidate, "abstained", candidate.abstain_reason or "no_probability", None)
    person = around.recipients.get(candidate.recipient_id, Recipient(None, "unknown_recipient"))
    case = around.history.cases[(candidate.kind, candidate.recipient_id, candidate.object_id)]
    stage, untold = stage_of(candidate, case, kind)
    value = _value(candidate, stage, kind, around.policy)
    wish = person.wish(candidate.kind)
    # Who was told is owed the end: a rung or a pause stops what is new, never an all-clear or a correction.
    is_owed = bool(case.accepted) and (not is_risk or stage == "correction")
    gates = (
        ("suppressed", person.blocked or ("muted" if wish.muted else None)),
        ("snoozed", "until_later" if wish.snoozed_until is not None and wish.snoozed_until > now else None),
        ("covered" if kind.digest else "already_told", untold),
        ("covered", "inbound_in_time" if is_risk and inbound_in_time(candidate) else None),
        ("below_value", "not_worth_telling" if value <= 0 else None),
        ("hold_out", "permanent" if _held_out(candidate, kind, around.keys) else None),
        ("shadow", kind.ladder if not is_owed and not _on_rung(candidate, kind, around.keys) else None),
    )
    for decision, reason in gates:
        if reason is not None:
            return Decision(candidate, decision, reason, value, case, stage)
    return Decision(candidate, "send", "worth_telling", value, case, stage)


def _value(candidate: Candidate, stage: str, kind: Kind, policy: Policy) -> float:
    """A correction of an all-clear is a risk as well: the better of both reasons to tell."""
    if candidate.closing is not None:
        return closing_value(kind)
    at_stake = policy.money(candidate.value_at_stake, candidate.evidence.get("currency"))
    value = expected_value(kind, candidate.probability or 0.0, at_stake)
    return max(value, closing_value(kind)) if stage == "correction" else value


def inbound_in_time(candidate: Candidate) -> bool:
    """Whether stock that is on its way arrives before the article runs out, by the forecast or by its usual demand."""
    if candidate.evidence.get("is_covered"):
        return True
    inbound = candidate.evidence.get("open_inbound")
    arrives = date_of(inbound.get("expected_at")) if inbound else None
    runs_out = date_of(candidate.evidence.get("expected_date"))
    return arrives is not None and runs_out is not None and arrives <= runs_out


def _held_out(candidate: Candidate, kind: Kind, keys: Keys) -> bool:
    return keys.share("holdout", kind.name, candidate.recipient_id) < kind.holdout_share


def _on_rung(candidate: Candidate, kind: Kind, keys: Keys) -> bool:
    return keys.share("ladder", kind.name, candidate.recipient_id) < LADDER[kind.ladder]


def _timed(decision: Decision, around: _Around) -> Decision:
    """When the notice may go: never in the recipient's quiet hours, a digest not before its hour."""
    if decision.decision != "send":
        return decision
    candidate, now = decision.candidate, around.now
    kind = around.policy.kinds[candidate.kind]
    person = around.recipients[candidate.recipient_id]
    wish = person.wish(candidate.kind)
    ships_to = candidate.evidence.get("destination_region")
    zones = zones_of(person.entry.time_zone, person.entry.region, ships_to) if person.entry else ()
    if not zones:
        return replace(decision, decision="quiet", reason="zone_unknown")
    earliest = now
    if kind.digest:
        latest_hour = wish.quiet_start if wish.quiet_start > wish.digest_hour else 24
        earliest = max(next_hour(now, zone, wish.digest_hour, latest_hour) for zone in zones)
    due = good_moment(earliest, zones, wish.quiet_start, wish.quiet_end)
    if due is None or due >= now + timedelta(hours=kind.expires_hours):
        return replace(decision, decision="quiet", reason="no_hour_before_it_expires")
    if kind.digest:
        return replace(decision, decision="digest", reason="line_of_digest", send_at=due)
    if due > now:
        return replace(decision, decision="quiet", reason="quiet_hours", send_at=due)
    return replace(decision, send_at=due)
