"""What the state DB knows that deciding needs: people, wishes, cases, what was told, volumes, switches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, select

from notices.decide.decision import WANTED, Candidate, Case, History, Recipient
from notices.decide.policy import LADDER, Kind, Policy
from notices.keys import Keys
from notices.people import directory, preferences
from notices.people.address import AddressRefused, checked
from notices.people.directory import Entry
from notices.people.preferences import ALL_KINDS
from notices.plan import told
from notices.state import cases, chunks, control, decisions, kinds, notices

VOLUME_DAYS = 28
KILL = "kill"
ON = "on"
_SWITCHED_OFF = select(control.c.name).where(control.c.name.startswith(KILL), control.c.value == ON)
RATE = "rate:"  # control: what a unit of a currency is worth in the money that the kinds count in


def case_id(keys: Keys, kind: str, recipient_id: str, object_id: str, episode: str) -> str:
    """A case's id: the same on every run and in every order of runs."""
    return keys.digest("case", kind, recipient_id, object_id, episode)


def load_policy(db: Connection, policy: Policy) -> Policy:
    """The policy with what people set in the DB: ladder, pause, floor, budget, holdout share, switches and rates."""
    found = dict(policy.kinds)
    for row in db.execute(select(kinds).where(kinds.c.kind.in_(found))):
        kind: Kind = found[row.kind]
        found[row.kind] = replace(
            kind,
            ladder=row.ladder if row.ladder in LADDER else kind.ladder,
            paused=row.paused,
            floor=kind.floor if row.floor is None else row.floor,
            budget=kind.budget if row.budget is None else row.budget,
            holdout_share=kind.holdout_share if row.holdout_share is None else row.holdout_share,
        )
    set_ = select(control.c.name, control.c.value).where(control.c.name.startswith(RATE))
    rates = {row.name.removeprefix(RATE): float(row.value) for row in db.execute(set_)}
    return replace(policy, kinds=found, stopped=stopped_kinds(db), rates={**policy.rates, **rates})


def stopped_kinds(db: Connection) -> frozenset[str]:
    """What is switched off: kinds, ``carrier:<name>``, ``*`` for all. control: ``kill`` or ``kill:<what>``, ``on``."""
    return frozenset(name.partition(":")[2] or "*" for name in db.execute(_SWITCHED_OFF).scalars())


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


def newest_day(db: Connection) -> date | None:
    """The newest day that an armed run decided about; None before the first."""
    newest: date | None = db.execute(select(func.max(decisions.c.day)).where(decisions.c.armed)).scalar()
    return newest


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
    counts_as_told = told.counting(day, armed=armed)
    wanted = {name: _wanted(db, kind, day) for name, kind in policy.kinds.items()}
    return History(
        cases=_cases(db, keys, candidates, policy, day, now, counts_as_told),
        told_7d=told.in_7_days(db, people, now, counts_as_told, but_day=day),
        volumes={name: [n for of, n in by_day.items() if of < day] for name, by_day in wanted.items()},
        taken=_taken(db, day),
        wanted={name: by_day.get(day, 0) for name, by_day in wanted.items()},
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
    told_of = told.stages(db, [row.case_id for row in known.values()], counts_as_told)
    found: dict[tuple[str, str, str], Case] = {}
    for candidate in candidates:
        key = (candidate.kind, candidate.recipient_id, candidate.object_id)
        running = known.get(key)
        episode = running.episode if running else _new_episode(policy.kinds[candidate.kind], day)
        id_ = running.case_id if running else case_id(keys, *key, episode)
        so_far = told_of.get(id_, told.Told())
        is_closed = running is not None and running.closed_at is not None
        found[key] = Case(id_, episode, so_far.facts, frozenset(so_far.accepted), is_closed)
    return found


def _is_running(row: Any, kind: Kind | None, now: datetime) -> bool:
    """Whether a case is the same trouble as now: an order has one episode, stock a new one after a quiet spell."""
    if kind is None or kind.episode_gap_days is None:
        return kind is not None
    gap = timedelta(days=kind.episode_gap_days)
    return bool(row.opened_at - gap <= now <= row.updated_at + gap)


def _new_episode(kind: Kind, day: date) -> str:
    return "1" if kind.episode_gap_days is None else day.isoformat()


def _wanted(db: Connection, kind: Kind, day: date) -> dict[date, int]:
    """Notices that were wanted by day, over the 28 days before ``day`` and itself, on which an armed run decided.

    A day without any counts as 0; the lines of one digest count once.
    """
    first = day - timedelta(days=VOLUME_DAYS)
    is_wanted = decisions.c.decision.in_(sorted(WANTED))
    what = case((is_wanted, decisions.c.recipient_id if kind.digest else decisions.c.decision_id))
    query = (
        select(decisions.c.day, func.count(what.distinct() if kind.digest else what).label("n"))
        .where(decisions.c.kind == kind.name, decisions.c.armed, decisions.c.day >= first, decisions.c.day <= day)
        .group_by(decisions.c.day)
    )
    return {row.day: row.n for row in db.execute(query)}


def _taken(db: Connection, day: date) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    query = select(notices.c.kind, notices.c.recipient_id).where(
        notices.c.day == day, notices.c.state_reason != told.DISARMED
    )
    for row in db.execute(query):
        found[row.kind].append(row.recipient_id)
    return dict(found)


def _reviews_taken(db: Connection, day: date) -> int:
    is_review = case((decisions.c.decision == "review", 1), else_=0)
    query = select(func.coalesce(func.sum(is_review), 0)).where(decisions.c.day == day, decisions.c.armed)
    return int(db.execute(query).scalar_one())
