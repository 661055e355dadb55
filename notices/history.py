"""What the state DB knows that deciding needs: people, wishes, cases, what was told, volumes, switches."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from notices import directory, preferences
from notices.address import AddressRefused, checked
from notices.decision import Candidate, Case, History, Recipient
from notices.directory import Entry
from notices.keys import Keys
from notices.policy import LADDER, Kind, Policy
from notices.preferences import ALL_KINDS
from notices.state import cases, chunks, control, decisions, deliveries, kinds, notices, tellings

CAP_DAYS = 7
VOLUME_DAYS = 28
DISARMED = "disarmed"
KILL = "kill"
ON = "on"


def was_told() -> ColumnElement[bool]:
    """Whether a notice, joined to its delivery, reached its recipient, may have, or is on its way.

    A notice that never left (held, expired or withdrawn before its first sure try, or planned by a rebuild) told
    nobody: a later day may plan it again, under the same key.
    """
    left = or_(notices.c.state == "APPROVED", deliveries.c.uncertain > 0)
    return and_(deliveries.c.delivery_id.is_not(None), left)


def case_id(keys: Keys, kind: str, recipient_id: str, object_id: str, episode: str) -> str:
    """A case's id: the same on every run and in every order of runs."""
    return keys.digest("case", kind, recipient_id, object_id, episode)


def load_policy(db: Connection, policy: Policy) -> Policy:
    """The policy with what people set in the DB: ladder, pause, budget, holdout share, and the kill switches."""
    found = dict(policy.kinds)
    for row in db.execute(select(kinds).where(kinds.c.kind.in_(found))):
        kind: Kind = found[row.kind]
        found[row.kind] = replace(
            kind,
            ladder=row.ladder if row.ladder in LADDER else kind.ladder,
            paused=row.paused,
            budget=kind.budget if row.budget is None else row.budget,
            holdout_share=kind.holdout_share if row.holdout_share is None else row.holdout_share,
        )
    return replace(policy, kinds=found, stopped=stopped_kinds(db))


def stopped_kinds(db: Connection) -> frozenset[str]:
    """Kinds whose kill switch is on; ``*`` where all are. control: ``kill`` or ``kill:<kind>``, value ``on``."""
    rows = db.execute(select(control.c.name).where(control.c.name.startswith(KILL), control.c.value == ON)).scalars()
    return frozenset(name.partition(":")[2] or "*" for name in rows)


def load_recipients(db: Connection, keys: Keys, candidates: Iterable[Candidate]) -> dict[str, Recipient]:
    """Every recipient of the candidates, with why nothing may be sent to them, if so."""
    wanted = {candidate.recipient_id: candidate.kind for candidate in candidates}
    entries = directory.find(db, keys, wanted)
    wishes = preferences.load(db, wanted)
    addressed = {
        entry.person_id: preferences.address_key(keys, entry.email) for entry in entries.values() if entry.email
    }
    listed = preferences.suppressed(db, addressed.values())
    kinds_asked = {kind for _, kind in wishes} - {ALL_KINDS} | set(wanted.values())
    return {
        person_id: Recipient(
            entry=entries.get(person_id),
            blocked=_blocked(entries.get(person_id), addressed.get(person_id, "") in listed),
            wishes={kind: preferences.of(wishes, person_id, kind) for kind in kinds_asked},
        )
        for person_id in wanted
    }


def _blocked(entry: Entry | None, is_listed: bool) -> str | None:
    if entry is None:
        return "unknown_recipient"
    if not entry.consent:
        return "no_consent"
    if not entry.email:
        return "no_address"
    if is_listed:
        return "address_suppressed"
    try:
        checked(entry.email)
    except AddressRefused:
        return "address_unusable"
    return None


def decided(db: Connection, day: date, kind_names: Iterable[str]) -> set[tuple[str, str, str]]:
    """Candidates of the day whose decision stands for ever: an armed run's. A rebuild's is replaced by the next run."""
    query = select(decisions.c.kind, decisions.c.subject_id, decisions.c.sku_id).where(
        decisions.c.day == day, decisions.c.kind.in_(list(kind_names)), decisions.c.armed
    )
    return {(row.kind, row.subject_id, row.sku_id) for row in db.execute(query)}


def load(
    db: Connection,
    keys: Keys,
    candidates: Sequence[Candidate],
    policy: Policy,
    day: date,
    now: datetime,
    *,
    armed: bool,
) -> History:
    """The history before ``day``, for these candidates.

    ``armed``: only what was really told counts as told; a rebuild also counts what its earlier days would have told.
    """
    people = dict.fromkeys(candidate.recipient_id for candidate in candidates)
    rebuilt = and_(notices.c.state_reason == DISARMED, notices.c.day < day)
    counts_as_told = was_told() if armed else or_(was_told(), rebuilt)
    return History(
        cases=_cases(db, keys, candidates, policy, day, now, counts_as_told),
        told_7d=_told_7d(db, people, day, counts_as_told),
        volumes={name: _volumes(db, name, day) for name in policy.kinds},
        taken=_taken(db, day),
        reviews_taken=_reviews_taken(db, day),
    )


def _cases(
    db: Connection,
    keys: Keys,
    candidates: Sequence[Candidate],
    policy: Policy,
    day: date,
    now: datetime,
    counts_as_told: ColumnElement[bool],
) -> dict[tuple[str, str, str], Case]:
    """A case for every candidate: the running episode, or a new one."""
    known: dict[tuple[str, str, str], Any] = {}
    for chunk in chunks(dict.fromkeys(candidate.recipient_id for candidate in candidates)):
        query = select(cases).where(cases.c.recipient_id.in_(chunk)).order_by(cases.c.updated_at)
        for row in db.execute(query):
            if _is_running(row, policy.kinds.get(row.kind), now):
                known[(row.kind, row.recipient_id, row.object_id)] = row
    told = _told(db, [row.case_id for row in known.values()], counts_as_told)
    found: dict[tuple[str, str, str], Case] = {}
    for candidate in candidates:
        key = (candidate.kind, candidate.recipient_id, candidate.object_id)
        running = known.get(key)
        episode = running.episode if running else _new_episode(policy.kinds[candidate.kind], day)
        id_ = running.case_id if running else case_id(keys, *key, episode)
        found[key] = Case(id_, episode, told.get(id_, {}))
    return found


def _is_running(row: Any, kind: Kind | None, now: datetime) -> bool:
    """Whether a case is the same trouble as now: an order has one episode, stock a new one after a quiet spell."""
    if kind is None or kind.episode_gap_days is None:
        return kind is not None
    gap = timedelta(days=kind.episode_gap_days)
    return bool(row.opened_at - gap <= now <= row.updated_at + gap)


def _new_episode(kind: Kind, day: date) -> str:
    return "1" if kind.episode_gap_days is None else day.isoformat()


def _told(
    db: Connection, case_ids: Sequence[str], counts_as_told: ColumnElement[bool]
) -> dict[str, Mapping[str, Mapping[str, Any]]]:
    found: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    joined = tellings.join(notices, notices.c.notice_id == tellings.c.notice_id).outerjoin(
        deliveries, deliveries.c.notice_id == notices.c.notice_id
    )
    for chunk in chunks(case_ids):
        query = select(tellings.c.case_id, tellings.c.stage, tellings.c.fact).select_from(joined)
        for row in db.execute(query.where(tellings.c.case_id.in_(chunk), counts_as_told)):
            found[row.case_id][row.stage] = row.fact
    return dict(found)


def _told_7d(db: Connection, people: Iterable[str], day: date, counts_as_told: ColumnElement[bool]) -> dict[str, int]:
    """Notices by recipient in the 7 days that end with ``day``, and any later, without those of the day itself.

    What waits for a person counts too: it may still be sent.
    """
    counts: Counter[str] = Counter()
    joined = notices.outerjoin(deliveries, deliveries.c.notice_id == notices.c.notice_id)
    waiting = notices.c.state.in_(["PROPOSED", "HELD"])
    for chunk in chunks(people):
        query = (
            select(notices.c.recipient_id, func.count().label("n"))
            .select_from(joined)
            .where(
                notices.c.recipient_id.in_(chunk),
                notices.c.day > day - timedelta(days=CAP_DAYS),
                notices.c.day != day,
                or_(counts_as_told, waiting),
            )
            .group_by(notices.c.recipient_id)
        )
        counts.update({row.recipient_id: row.n for row in db.execute(query)})
    return dict(counts)


def _volumes(db: Connection, kind_name: str, day: date) -> list[int]:
    """Notices a day over the last 28 days on which an armed run decided; a day without notices counts as 0."""
    first = day - timedelta(days=VOLUME_DAYS)
    ran = select(decisions.c.day).where(
        decisions.c.kind == kind_name, decisions.c.armed, decisions.c.day >= first, decisions.c.day < day
    )
    counted = (
        select(notices.c.day, func.count().label("n"))
        .where(notices.c.kind == kind_name, notices.c.day >= first, notices.c.day < day)
        .where(notices.c.state_reason != DISARMED)
        .group_by(notices.c.day)
    )
    by_day = {row.day: row.n for row in db.execute(counted)}
    return [by_day.get(ran_day, 0) for ran_day in db.execute(ran.distinct()).scalars()]


def _taken(db: Connection, day: date) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    query = select(notices.c.kind, notices.c.recipient_id).where(
        notices.c.day == day, notices.c.state_reason != DISARMED
    )
    for row in db.execute(query):
        found[row.kind].append(row.recipient_id)
    return dict(found)


def _reviews_taken(db: Connection, day: date) -> int:
    is_review = case((decisions.c.decision == "review", 1), else_=0)
    query = select(func.coalesce(func.sum(is_review), 0)).where(decisions.c.day == day, decisions.c.armed)
    return int(db.execute(query).scalar_one())
