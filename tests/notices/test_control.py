"""What a person changes by hand: it holds at once, it is refused where it cannot be meant, and the audit has it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import timedelta

import pytest
from examples import DAY, KEYS, NOW, around, buyer, late
from sqlalchemy import Engine, select, update

from jobs import control as step
from notices.control import audit, outcomes
from notices.control import changes as control
from notices.control.changes import By, ControlRefused
from notices.control.outcomes import Wanted
from notices.decide.policy import LATE_DELIVERY, LOST_PARCEL, Policy
from notices.people import directory
from notices.plan import history
from notices.plan.day import decide_and_plan
from notices.state import audit as entries
from notices.state import control as switches
from notices.state import decisions, deliveries, kinds, notices, writing

ANA = By("ana", NOW, "strike")


def policy(state: Engine) -> Policy:
    with state.connect() as db:
        return history.load_policy(db, Policy())


def said(state: Engine) -> list[tuple[str, str]]:
    with state.connect() as db:
        audit.verify(db, KEYS)
        return [(row.actor, row.action) for row in db.execute(select(entries).order_by(entries.c.seq))]


@pytest.mark.parametrize(
    ("what", "stands_for"), [("all", "*"), ("lost_parcel", "lost_parcel"), ("carrier:Rápido",) * 2]
)
def test_a_switch_holds_until_it_is_turned_back_and_both_are_in_the_audit(
    state: Engine, what: str, stands_for: str
) -> None:
    with writing(state) as db:
        assert control.switch(db, KEYS, what, ANA, stopped=True)
        assert not control.switch(db, KEYS, what, ANA, stopped=True)
    assert policy(state).stopped == {stands_for}
    with writing(state) as db:
        assert control.switch(db, KEYS, what, ANA, stopped=False)
    assert policy(state).stopped == frozenset()
    assert said(state) == [("ana", "stop"), ("ana", "start")]


def test_a_row_for_one_setting_does_not_open_a_kind_that_is_in_shadow(state: Engine) -> None:
    with writing(state) as db:
        control.budget(db, KEYS, "lost_parcel", 7, ANA)
        control.rate(db, KEYS, "IDR", 0.0003, ANA)
        assert control.pause(db, KEYS, "late_delivery", ANA, reason="odd")
        assert not control.pause(db, KEYS, "late_delivery", ANA)
    now = policy(state)
    assert (now.kinds["lost_parcel"].ladder, now.kinds["lost_parcel"].budget) == ("shadow", 7)
    assert now.kinds["late_delivery"].paused
    assert now.rates == {"IDR": 0.0003}
    with writing(state) as db:
        assert control.resume(db, KEYS, "late_delivery", ANA)
        control.budget(db, KEYS, "lost_parcel", None, ANA)
    assert not policy(state).kinds["late_delivery"].paused
    assert policy(state).kinds["lost_parcel"].budget is None


def put_outcomes(state: Engine, kind: str, days_ago: int, true: int, false: int, *, was_told: bool = False) -> None:
    with writing(state) as db:
        at = NOW - timedelta(days=days_ago)
        cases = [
            (Wanted(f"{kind}{days_ago}{n}{was_told}", kind, "o", "", DAY, was_told, {}), n < true, at)
            for n in range(true + false)
        ]
        assert outcomes.record(db, cases) == true + false


def test_up_the_ladder_goes_one_rung_at_a_time_and_only_with_the_floor_kept(state: Engine) -> None:
    with writing(state) as db:
        with pytest.raises(ControlRefused, match="no outcome is known yet"):
            control.move(db, KEYS, "lost_parcel", "1%", ANA)
        with pytest.raises(ControlRefused, match="the next rung is 1%"):
            control.move(db, KEYS, "lost_parcel", "all", ANA)
    put_outcomes(state, "lost_parcel", 3, true=9, false=21)
    with writing(state) as db, pytest.raises(ControlRefused, match=r"50%.*it is 30% of 30 cases"):
        control.move(db, KEYS, "lost_parcel", "1%", ANA)
    put_outcomes(state, "lost_parcel", 5, true=40, false=0)
    with writing(state) as db:
        control.move(db, KEYS, "lost_parcel", "1%", ANA)
        control.move(db, KEYS, "late_delivery", "shadow", ANA)
        control.move(db, KEYS, "late_delivery", "all", ANA, force=True)
    assert policy(state).kinds["lost_parcel"].ladder == "1%"
    assert policy(state).kinds["late_delivery"].ladder == "all"
    with state.connect() as db:
        moves = db.execute(select(entries.c.detail)).scalars().all()
    assert moves[0] == {
        "kind": "lost_parcel", "from": "shadow", "to": "1%", "precision": {"share": 0.7, "cases": 70}, "force": False,
        "note": "strike",
    }  # fmt: skip
    assert moves[-1]["force"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda db: control.switch(db, KEYS, "pigeon", ANA, stopped=True), "there is no kind 'pigeon'"),
        (lambda db: control.move(db, KEYS, "dispute", "20%", ANA), "no rung"),
        (lambda db: control.budget(db, KEYS, "dispute", -1, ANA), "cannot be meant"),
        (lambda db: control.rate(db, KEYS, "IDR", float("nan"), ANA), "cannot be meant"),
        (lambda db: control.release(db, KEYS, ANA), "nothing is named"),
    ],
)
def test_what_cannot_be_meant_changes_nothing_and_says_so(state: Engine, call, words: str) -> None:
    with pytest.raises(ControlRefused, match=words) as refused, writing(state) as db:
        call(db)
    assert "Nothing was changed" in str(refused.value)
    assert said(state) == []


def test_a_held_batch_goes_when_a_person_lets_it_and_what_is_too_late_does_not(state: Engine) -> None:
    directory.put(state, KEYS, [buyer("b1"), buyer("b2", locale="tlh"), buyer("b3")])
    with writing(state) as db:
        control.pause(db, KEYS, "late_delivery", ANA)
    counts = decide_and_plan(state, [late(), late("o2", "b2"), late("o3", "b3")], around())
    assert counts == {"candidates": 3, "held": 3}
    with writing(state) as db:
        b3 = notices.c.recipient_id == "b3"
        db.execute(update(notices).where(b3).values(expires_at=NOW))
        assert control.release(db, KEYS, ANA, day=DAY, kind="stock_out") == 0
        assert control.release(db, KEYS, ANA, day=DAY, kind="late_delivery") == 1
        assert control.release(db, KEYS, ANA, day=DAY) == 0
        found = dict(db.execute(select(notices.c.recipient_id, notices.c.state)).all())
    assert found == {"b1": "APPROVED", "b2": "HELD", "b3": "HELD"}, "b2 is not written, b3 is too late"
    assert said(state)[-1] == ("ana", "release")


def test_a_kind_below_its_floor_two_weeks_running_is_low_and_one_week_is_not(state: Engine) -> None:
    def low(kind=LATE_DELIVERY) -> int:
        with state.connect() as db:
            return len(outcomes.below_floor_twice(db, kind, NOW))

    put_outcomes(state, "late_delivery", 3, true=5, false=25)
    assert low() == 0, "one week"
    put_outcomes(state, "late_delivery", 10, true=5, false=10)
    assert low() == 0, "too few cases in the other"
    put_outcomes(state, "late_delivery", 11, true=3, false=10)
    assert low() == 2
    assert low(replace(LATE_DELIVERY, floor=0.1)) == 0
    assert low(replace(LATE_DELIVERY, floor=None)) == 0
    with writing(state) as db:
        control.pause(db, KEYS, "late_delivery", ANA)
        control.resume(db, KEYS, "late_delivery", By("ana", NOW - timedelta(days=1)))
    assert low() == 0, "measured anew since a person resumed it"


def test_where_telling_changes_what_happens_only_the_untold_are_looked_at(state: Engine) -> None:
    put_outcomes(state, "dispute", 2, true=0, false=40, was_told=True)
    put_outcomes(state, "dispute", 3, true=20, false=5, was_told=False)
    with state.connect() as db:
        kept = outcomes.precision(db, Policy().kinds["dispute"], NOW)
        both = outcomes.precision(db, replace(LOST_PARCEL, name="dispute"), NOW)
    assert kept is not None
    assert both is not None
    assert (kept.share, kept.cases) == (0.8, 25)
    assert both.cases == 65


def test_a_case_counts_once_from_the_first_day_it_was_wanted(state: Engine) -> None:
    directory.put(state, KEYS, [buyer("b1"), buyer("b2")])
    given = [late(), late("o2", "b2", probability=0.05)]
    for n in range(3):
        decide_and_plan(state, given, around(DAY + timedelta(days=n), NOW + timedelta(days=n)))
    with writing(state) as db:
        [case] = outcomes.waiting(db, "late_delivery", DAY + timedelta(days=9))
        assert (case.subject_id, case.day, case.was_told) == ("o1", DAY, True)
        outcomes.record(db, [(case, True, NOW)])
        assert outcomes.waiting(db, "late_delivery", DAY + timedelta(days=9)) == []


def test_the_command_line_says_what_it_did_and_what_is_missing(state: Engine) -> None:
    def run(*words: str) -> str:
        action, what, *to = words
        given = {"to": to[0] if to else None, "notice": [], "force": False, "note": ""}
        with writing(state) as db:
            return step.change(db, KEYS, argparse.Namespace(action=action, what=what, **given), ANA)

    assert run("stop", "carrier:Rápido") == "carrier:Rápido: switched off"
    assert run("stop", "carrier:Rápido").endswith("it was so before")
    assert run("start", "carrier:Rápido") == "carrier:Rápido: switched on"
    assert run("pause", "dispute") == "dispute: paused"
    assert run("resume", "dispute") == "dispute: goes on"
    assert run("budget", "dispute", "40") == "dispute: at most 40 notices a day"
    assert run("rate", "IDR", "0.0003") == "one IDR counts as 0.0003"
    assert run("ladder", "late_delivery", "10%") == "late_delivery: told to 10% from the next decide on"
    assert run("release", "all", DAY.isoformat()).startswith("nothing waits")
    with pytest.raises(ControlRefused, match="to what"):
        run("ladder", "dispute")
    with pytest.raises(ControlRefused, match="not a number"):
        run("budget", "dispute", "many")
    with state.connect() as db:
        assert db.execute(select(kinds.c.ladder).where(kinds.c.kind == "late_delivery")).scalar_one() == "10%"
        assert (
            db.execute(select(switches.c.value).where(switches.c.name == "kill:carrier:Rápido")).scalar_one() == "off"
        )
        assert db.execute(select(decisions)).all() == db.execute(select(deliveries)).all() == []
