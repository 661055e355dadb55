"""Planning: twice equals once, wherever it was interrupted; what never left does not stand in the way of the truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from examples import DAY, KEYS, NOW, around, buyer, late, late_evidence, seller, stock
from sqlalchemy import Engine, event, select, update

from notices.decide import policy
from notices.decide.decide import Candidate
from notices.people import directory
from notices.plan import plan
from notices.plan.day import decide_and_plan
from notices.state import cases, control, decisions, deliveries, holdouts, kinds, mails, notices, tellings, writing


def crowd(state: Engine, many: int) -> list[Candidate]:
    directory.put(state, KEYS, [*(buyer(f"b{n % 40}") for n in range(many)), *(seller(f"s{n}") for n in range(5))])
    buyers = [late(f"o{n}", f"b{n % 40}", probability=(n % 10) / 10, value=10.0 * n) for n in range(many)]
    return [*buyers, *(stock(f"s{n % 5}", f"k{n}", value=100.0 * n) for n in range(20))]


def rows(state: Engine) -> dict[str, list]:
    """Everything that was planned, without ciphertext, which is new each time."""
    found = {}
    with state.connect() as db:
        for table in (decisions, cases, notices, tellings, holdouts):
            found[table.name] = sorted(map(repr, db.execute(select(table))))
        found["deliveries"] = sorted(
            map(repr, db.execute(select(deliveries.c.notice_id, deliveries.c.state, deliveries.c.next_try_at)))
        )
        found["mime"] = sorted(KEYS.unseal(sealed) for sealed in db.execute(select(mails.c.sealed_mime)).scalars())
    return found


def test_planned_twice_is_planned_once(state: Engine) -> None:
    candidates = crowd(state, 60)
    first = decide_and_plan(state, candidates, around())
    before = rows(state)
    assert decide_and_plan(state, list(reversed(candidates)), around()) == first
    assert decide_and_plan(state, candidates, around(now=NOW + timedelta(hours=3))) == first
    assert rows(state) == before


@pytest.mark.parametrize("breaks_at", [1, 2, 5, 9])
def test_interrupted_anywhere_the_next_run_ends_the_same(state: Engine, monkeypatch, breaks_at: int) -> None:
    monkeypatch.setattr(plan, "UNITS_A_TRANSACTION", 7)
    monkeypatch.setattr(plan, "LIGHT", 1.0)
    candidates = crowd(state, 60)
    commits = 0

    def break_off(_connection: object) -> None:
        nonlocal commits
        commits += 1
        if commits == breaks_at:
            raise KeyboardInterrupt

    event.listen(state, "commit", break_off)
    with pytest.raises(KeyboardInterrupt):
        decide_and_plan(state, candidates, around())
    event.remove(state, "commit", break_off)
    counted = decide_and_plan(state, candidates, around())
    broken = rows(state)
    with writing(state) as db:
        for table in (tellings, mails, deliveries, notices, decisions, cases, holdouts):
            db.execute(table.delete())
    assert decide_and_plan(state, candidates, around()) == counted
    assert rows(state) == broken


def test_days_run_again_in_any_order_plan_nothing_new(state: Engine) -> None:
    candidates = crowd(state, 30)
    days = [around(day=DAY + timedelta(days=n), now=NOW + timedelta(days=n)) for n in range(3)]
    for surroundings in days:
        decide_and_plan(state, candidates, surroundings)
    before = rows(state)
    for order in permutations(days):
        for surroundings in order:
            decide_and_plan(state, candidates, surroundings)
            decide_and_plan(state, candidates, replace(surroundings, armed=False))
    assert rows(state) == before


def test_the_counts_add_up_and_every_candidate_has_a_row(state: Engine) -> None:
    candidates = crowd(state, 60)
    counts = decide_and_plan(state, candidates, around())
    assert counts["candidates"] == len(candidates) == sum(n for name, n in counts.items() if name != "candidates")


def test_a_language_that_is_not_there_holds_the_notice(state: Engine) -> None:
    directory.put(state, KEYS, [buyer("b1", locale="tlh")])
    assert decide_and_plan(state, [late()], around()) == {"candidates": 1, "held": 1}
    with state.connect() as db:
        row = db.execute(select(notices.c.state, notices.c.state_reason)).one()
        assert db.execute(select(deliveries)).all() == []
    assert row.state == "HELD"
    assert "tlh" in row.state_reason


def test_what_was_held_and_never_left_can_be_planned_by_a_later_day(state: Engine) -> None:
    directory.put(state, KEYS, [buyer("b1", locale="tlh")])
    decide_and_plan(state, [late()], around())
    directory.put(state, KEYS, [buyer("b1")])
    tomorrow = around(day=DAY + timedelta(days=1), now=NOW + timedelta(days=1))
    assert decide_and_plan(state, [late()], tomorrow) == {"candidates": 1, "send": 1}
    with state.connect() as db:
        assert db.execute(select(notices.c.state, notices.c.day)).all() == [("APPROVED", DAY + timedelta(days=1))]


@pytest.mark.parametrize("ended", ["EXPIRED", "WITHDRAWN", "HELD"])
def test_a_rebuild_never_touches_a_true_notice(state: Engine, ended: str) -> None:
    directory.put(state, KEYS, [buyer("b1")])
    decide_and_plan(state, [late()], around())
    with writing(state) as db:
        db.execute(update(notices).values(state=ended))
    before = rows(state)
    earlier = around(day=DAY - timedelta(days=3), now=NOW - timedelta(days=3), armed=False)
    decide_and_plan(state, [late()], earlier)
    after = rows(state)
    assert (after["notices"], after["deliveries"]) == (before["notices"], before["deliveries"])


def test_a_moved_date_is_told_once_more_with_the_earlier_estimate(state: Engine) -> None:
    directory.put(state, KEYS, [buyer("b1")])
    decide_and_plan(state, [late()], around())
    later = {"p10": "2026-03-12", "p50": "2026-03-14", "p90": "2026-03-18"}
    moved = replace(late(), evidence=late_evidence(window=later))
    for days in (1, 2):
        at = around(day=DAY + timedelta(days=days), now=NOW + timedelta(days=days))
        decide_and_plan(state, [moved], at)
    with state.connect() as db:
        planned = {row.stage: row for row in db.execute(select(notices))}
        assert Counter(db.execute(select(decisions.c.decision)).scalars()) == {"send": 2, "already_told": 1}
        query = select(notices.c.stage, mails.c.sealed_mime).select_from(notices.join(deliveries).join(mails))
        sealed = dict(db.execute(query).all())
    assert set(planned) == {"heads_up", "update"}
    assert planned["update"].evidence["before"]["window"]["p10"] == "2026-03-06"
    assert b"earlier estimate: Fri, Mar 6 to Wed, Mar 11" in KEYS.unseal(sealed["update"])


def test_what_people_set_in_the_db_holds(state: Engine) -> None:
    directory.put(state, KEYS, [buyer("b1"), buyer("b2")])
    with writing(state) as db:
        db.execute(kinds.insert().values(kind="late_delivery", ladder="all", budget=1, holdout_share=0.0))
    given = [late("o1", "b1", value=10.0), late("o2", "b2", value=500.0)]
    assert decide_and_plan(state, given, around(policy=policy.Policy())) == {"candidates": 2, "capped": 1, "send": 1}


def test_the_holdout_is_recorded_once_per_case(state: Engine) -> None:
    directory.put(state, KEYS, [buyer("b1")])
    everyone = replace(policy.LATE_DELIVERY, holdout_share=1.0)
    out = policy.Policy(kinds={"late_delivery": everyone})
    for days in (0, 1):
        at = around(day=DAY + timedelta(days=days), now=NOW + timedelta(days=days), policy=out)
        assert decide_and_plan(state, [late()], at) == {"candidates": 1, "hold_out": 1}
    with state.connect() as db:
        assert [row.day for row in db.execute(select(holdouts))] == [DAY]
        assert db.execute(select(notices)).all() == []


def test_lines_of_a_digest_that_was_held_go_into_the_next_and_the_held_one_is_put_aside(state: Engine) -> None:
    directory.put(state, KEYS, [seller("s1")])
    stopped = replace(around().policy, stopped=frozenset({"stock_out"}))
    with writing(state) as db:
        db.execute(control.insert().values(name="kill", value="on", changed_by="test", changed_at=NOW))
    assert decide_and_plan(state, [stock()], around(policy=stopped)) == {"candidates": 1, "held": 1}
    with writing(state) as db:
        db.execute(update(control).values(value="off"))
    tomorrow = around(day=DAY + timedelta(days=1), now=NOW + timedelta(days=1))
    assert decide_and_plan(state, [stock()], tomorrow) == {"candidates": 1, "digest": 1}
    with state.connect() as db:
        ended = {row.day: (row.state, row.state_reason) for row in db.execute(select(notices))}
    assert ended == {
        DAY: ("SUPPRESSED", "overtaken by a later notice"),
        DAY + timedelta(days=1): ("APPROVED", ""),
    }


def test_a_record_that_cannot_be_told_holds_its_notice_and_no_other(state: Engine) -> None:
    directory.put(state, KEYS, [buyer("b1"), buyer("b2")])
    lame = late_evidence("o1", "b1")
    del lame["promised_at"]
    counts = decide_and_plan(state, [late("o1", "b1", evidence=lame), late("o2", "b2")], around())
    assert counts == {"candidates": 2, "held": 1, "send": 1}
    with state.connect() as db:
        [reason] = db.execute(select(notices.c.state_reason).where(notices.c.state == "HELD")).scalars()
    assert "promised_at" in reason
