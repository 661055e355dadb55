"""May this notice go now? Asked again just before sending: switches, expiry, truth, consent, wishes, quiet hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from notices import directory, preferences
from notices.directory import Entry
from notices.history import stopped_kinds
from notices.hours import good_moment, zones_of
from notices.keys import Keys
from notices.outbox import Claimed
from notices.preferences import Preference


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a notice does not go: its end (state and reason), or ``until`` when it may be asked again."""

    state: str
    reason: str
    until: datetime | None = None


def refusals(
    db: Connection,
    keys: Keys,
    claimed: Sequence[Claimed],
    untrue: Mapping[str, str],
    moments: Mapping[str, datetime],
) -> dict[str, Refusal]:
    """Those of the claimed deliveries that may not go, by delivery id. ``moments``: when each would go, by its day."""
    entries = directory.find(db, keys, [one.recipient_id for one in claimed])
    wishes = preferences.load(db, entries)
    addresses = {one.delivery_id: preferences.address_key(keys, keys.unseal(one.sealed_to).decode()) for one in claimed}
    listed = preferences.suppressed(db, addresses.values())
    stopped = stopped_kinds(db)
    found: dict[str, Refusal] = {}
    for one in claimed:
        moment = moments[one.delivery_id]
        refusal = (
            _stopped(one, stopped, moment)
            or _over(one, untrue, moment)
            or _unwanted(entries.get(one.recipient_id), listed.get(addresses[one.delivery_id]))
            or _not_now(entries[one.recipient_id], preferences.of(wishes, one.recipient_id, one.kind), moment)
        )
        if refusal is not None:
            found[one.delivery_id] = refusal
    return found


def _stopped(one: Claimed, stopped: frozenset[str], moment: datetime) -> Refusal | None:
    if stopped & {"*", one.kind}:
        return Refusal("APPROVED", "kill switch", moment)
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


def _not_now(entry: Entry, wish: Preference, moment: datetime) -> Refusal | None:
    if wish.muted:
        return Refusal("SUPPRESSED", "muted by the recipient")
    if wish.snoozed_until is not None and wish.snoozed_until > moment:
        return Refusal("APPROVED", "snoozed", wish.snoozed_until)
    zones = zones_of(entry.time_zone, entry.region)
    due = good_moment(moment, zones, wish.quiet_start, wish.quiet_end) if zones else None
    if due is None:
        return Refusal("EXPIRED", "no hour outside the recipient's quiet hours")
    return Refusal("APPROVED", "quiet hours", due) if due > moment else None
