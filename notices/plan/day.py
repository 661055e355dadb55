"""A day's candidates, decided and planned: reads the state DB, asks decide (pure), writes the plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Engine

from notices.decide.decide import Candidate, decide
from notices.plan import history
from notices.plan.plan import Surroundings, counts, plan
from notices.write.written import digest_of


def decide_and_plan(engine: Engine, candidates: Iterable[Candidate], s: Surroundings) -> dict[str, int]:
    """Decide about every candidate of the day and plan what follows. Returns the day's counts by decision.

    Candidates whose decision already stands are left as they are, so the same day again changes nothing. A day before
    the newest that was decided is over: what is new on it is recorded as by a rebuild, and nobody is told.
    """
    given = list(candidates)
    with engine.connect() as db:
        newest = history.newest_day(db)
        s = replace(s, armed=s.armed and (newest is None or newest <= s.day))
        policy = history.load_policy(db, s.policy)
        standing = history.decided(db, s.day, policy.kinds)
        fresh = [candidate for candidate in given if candidate.key not in standing]
        recipients = history.load_recipients(db, s.keys, fresh)
        known = history.load(db, s.keys, fresh, policy, s.day, s.now, armed=s.armed)
    decided = decide(fresh, recipients, policy, known, s.keys, s.now)
    plan(engine, decided, recipients, replace(s, policy=policy, policy_version=digest_of(policy)))
    with engine.connect() as db:
        return counts(db, s.day)
