"""May this notice go now? Asked again just before sending: switches, expiry, truth, consent, wishes, quiet hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from notices.decide.limits import CARRIER, is_stopped
from notices.keys import Keys
from notices.people import directory, preferences
from notices.people.directory import Entry
from notices.people.hours import safe_moment, zones_of
from notices.people.preferences import Preference
from notices.plan.history import stopped_kinds
from notices.send.outbox import Claimed
from notices.state import chunks, notices

CLOCK_ERROR = timedelta(minutes=10)  # a clock may be wrong by this much, either way, and quiet hours still be kept
ASK_AGAIN = timedelta(hours=1)  # after a switch was found on


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a notice does not go: its end (state and reason), or ``until`` when it may be asked again."""

    state: str
    reason: str
    until: datetime | None = None


def refusals(
    db: Connection,
    keys: Keys,
    claimed: Mapping[Claimed, str],
    untrue: Mapping[str, str],
    moments: Mapping[str, datetime],
) -> dict[str, Refusal]:
    """Those of the claimed deliveries that may not go, by delivery id.

    claimed: each with the address it goes to. moments: when each would go, by its day.
    """
    entries = directory.find(db, keys, [one.recipient_id for one in claimed])
    wishes = preferences.load(db, entries)
    addresses = {one.delivery_id: preferences.address_key(keys, address) for one, address in claimed.items()}
    listed = preferences.suppressed(db, addresses.values())
    stopped = stopped_kinds(db)
    facts = _evidence(db, _with_facts(list(claimed), entries, stopped))
    found: dict[str, Refusal] = {}
    for one in claimed:
        moment, known = moments[one.delivery_id], facts.get(one.notice_id, {})
        refusal = (
            _stopped(one, stopped, known.get("carrier"), moment)
            or _over(one, untrue, moment)
            or _unwanted(entries.get(one.recipient_id), listed.get(addresses[one.delivery_id]))
            or _not_now(
                entries[one.recipient_id],
                preferences.of(wishes, one.recipient_id, one.kind),
                known.get("destination_region"),
                moment,
            )
        )
        if refusal is not None:
            found[one.delivery_id] = refusal
    return found


def _with_facts(claimed: Sequence[Claimed], entries: Mapping[str, Entry], stopped: frozenset[str]) -> list[str]:
    """Notices whose evidence must be read: all if a carrier is switched off, else those to people without a zone."""
    if any(name.startswith(CARRIER) for name in stopped):
        return [one.notice_id for one in claimed]
    homeless = {person for person, entry in entries.items() if not zones_of(entry.time_zone, entry.region)}
    return [one.notice_id for one in claimed if one.recipient_id in homeless]


def _evidence(db: Connection, notice_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    query = select(notices.c.notice_id, notices.c.evidence)
    return {
        row.notice_id: row.evidence
        for chunk in chunks(notice_ids)
        for row in db.execute(query.where(notices.c.notice_id.in_(chunk)))
    }


def _stopped(one: Claimed, stopped: frozenset[str], carrier: str | None, moment: datetime) -> Refusal | None:
    if is_stopped(stopped, one.kind, carrier):
        return Refusal("APPROVED", "kill switch", moment + ASK_AGAIN)
    return None


def _over(one: Claimed, untrue: Mapping[str, str], moment: datetime) -> Refusal | None:
    if one.notice_id in untrue:
        return Refusal("WITHDRAWN", untrue[one.notice_id])
    return Refusal("EXPIRED", "too late to be useful") if one.expires_at <= moment else None


def _unwanted(entry: Entry | None, listed: str | None) -> Refusal | None:
    if entry is None:
        return Refusal("SUPPRESSED", "the recipient is no longer known")
    if not entry.consent:
        return Refusal("SUPPRESSED", "consent was withdrawn")
    return Refusal("SUPPRESSED", f"address suppressed: {listed}") if listed is not None else None


def _not_now(entry: Entry, wish: Preference, ships_to: str | None, moment: datetime) -> Refusal | None:
    if wish.muted:
        return Refusal("SUPPRESSED", "muted by the recipient")
    if wish.snoozed_until is not None and wish.snoozed_until > moment:
        return Refusal("APPROVED", "snoozed", wish.snoozed_until)
    zones = zones_of(entry.time_zone, entry.region, ships_to)
    due = safe_moment(moment, zones, wish.quiet_start, wish.quiet_end, CLOCK_ERROR) if zones else None
    if due is None:
        return Refusal("EXPIRED", "no hour outside the recipient's quiet hours")
    return Refusal("APPROVED", "quiet hours", due) if due > moment else None
