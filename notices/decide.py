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
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from notices.decision import STAGES, Candidate, Case, Decision, History, Recipient
from notices.hours import good_moment, next_hour, zones_of
from notices.keys import Keys
from notices.limits import held, limited, reviewed
from notices.policy import LADDER, Kind, Policy

__all__ = ["Candidate", "Case", "Decision", "History", "Recipient", "decide", "expected_value", "fact_of"]


def decide(
    candidates: Iterable[Candidate],
    recipients: Mapping[str, Recipient],
    policy: Policy,
    history: History,
    keys: Keys,
    now: datetime,
) -> list[Decision]:
    """One decision per candidate, in the order given. ``now``: the moment of planning, from which hours are counted."""
    first = [_alone(candidate, recipients, policy, history, keys, now) for candidate in candidates]
    timed = [_timed(decision, recipients, policy, now) for decision in first]
    within = limited(timed, recipients, policy, history)
    return held(reviewed(within, policy, history), policy, history)


def expected_value(kind: Kind, probability: float, value_at_stake: float | None) -> float:
    """What telling is worth, in money: see Kind for the formula."""
    at_stake = min(max(value_at_stake or 0.0, 0.0), kind.value_limit)
    benefit = kind.benefit_base + kind.benefit_share * at_stake
    return probability * benefit - kind.annoyance - kind.contact_share * kind.contact_cost


def fact_of(candidate: Candidate) -> dict[str, Any]:
    """What a recipient is told, as far as a change of it would be news."""
    evidence = candidate.evidence
    if candidate.kind == "stock_out":
        return {"expected_date": evidence.get("expected_date"), "quantity": evidence.get("quantity")}
    window = evidence.get("window") or {}
    return {"expected_date": window.get("p50"), "window": dict(window)}


def _alone(
    candidate: Candidate,
    recipients: Mapping[str, Recipient],
    policy: Policy,
    history: History,
    keys: Keys,
    now: datetime,
) -> Decision:
    """The gates that look at nothing but this candidate; 'send' if all are open."""
    kind = policy.kinds[candidate.kind]
    if candidate.abstained or candidate.probability is None:
        return Decision(candidate, "abstained", candidate.abstain_reason or "no_probability", None)
    value = expected_value(kind, candidate.probability, candidate.value_at_stake)
    person = recipients.get(candidate.recipient_id, Recipient(None, "unknown_recipient"))
    case = history.cases[(candidate.kind, candidate.recipient_id, candidate.object_id)]
    stage, untold = _stage(candidate, case, kind)
    wish = person.wish(candidate.kind)
    gates = (
        ("suppressed", person.blocked or ("muted" if wish.muted else None)),
        ("snoozed", "until_later" if wish.snoozed_until is not None and wish.snoozed_until > now else None),
        ("covered" if kind.digest else "already_told", untold),
        ("covered", "inbound_in_time" if _inbound_in_time(candidate) else None),
        ("below_value", "not_worth_telling" if value <= 0 else None),
        ("hold_out", "permanent" if _held_out(candidate, kind, keys) else None),
        ("shadow", kind.ladder if not _on_rung(candidate, kind, keys) else None),
    )
    for decision, reason in gates:
        if reason is not None:
            return Decision(candidate, decision, reason, value, case, stage)
    return Decision(candidate, "send", "worth_telling", value, case, stage)


def _stage(candidate: Candidate, case: Case, kind: Kind) -> tuple[str, str | None]:
    """The stage that a notice would have, and why there is none: told already, with no news since."""
    if STAGES[0] not in case.told:
        return STAGES[0], None
    if STAGES[1] in case.told:
        return STAGES[1], "every_stage_told"
    before = _date_of(case.told[STAGES[0]].get("expected_date"))
    now = _date_of(fact_of(candidate)["expected_date"])
    if before is None or now is None or abs((now - before) / timedelta(days=1)) < kind.step_days:
        return STAGES[1], "no_change_of_fact"
    return STAGES[1], None


def _date_of(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value[:10]) if value else None


def _inbound_in_time(candidate: Candidate) -> bool:
    inbound = candidate.evidence.get("open_inbound")
    arrives = _date_of(inbound.get("expected_at")) if inbound else None
    runs_out = _date_of(candidate.evidence.get("expected_date"))
    return arrives is not None and runs_out is not None and arrives <= runs_out


def _held_out(candidate: Candidate, kind: Kind, keys: Keys) -> bool:
    return keys.share("holdout", kind.name, candidate.recipient_id) < kind.holdout_share


def _on_rung(candidate: Candidate, kind: Kind, keys: Keys) -> bool:
    return keys.share("ladder", kind.name, candidate.recipient_id) < LADDER[kind.ladder]


def _timed(decision: Decision, recipients: Mapping[str, Recipient], policy: Policy, now: datetime) -> Decision:
    """When the notice may go: never in the recipient's quiet hours, a digest not before its hour."""
    if decision.decision != "send":
        return decision
    candidate = decision.candidate
    kind = policy.kinds[candidate.kind]
    person = recipients[candidate.recipient_id]
    wish = person.wish(candidate.kind)
    zones = zones_of(person.entry.time_zone, person.entry.region) if person.entry else ()
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
