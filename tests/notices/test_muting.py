"""Muting one kind: at once, once, and without touching what else a person asked for."""

from __future__ import annotations

from dataclasses import replace

from examples import NOW
from sqlalchemy import Engine, select

from notices.people import preferences
from notices.people.preferences import ALL_KINDS, Preference
from notices.state import preferences as table
from notices.state import writing


def mute(state: Engine, kind: str = "late_delivery", *, muted: bool) -> bool:
    with writing(state) as db:
        return preferences.mute(db, "b1", kind, muted=muted)


def wish(state: Engine, kind: str = "late_delivery") -> Preference:
    with state.connect() as db:
        return preferences.of(preferences.load(db, ["b1"]), "b1", kind)


def test_twice_is_once(state: Engine) -> None:
    assert [mute(state, muted=muted) for muted in (False, True, True, False, False)] == [
        False,
        True,
        False,
        True,
        False,
    ]
    with state.connect() as db:
        assert db.execute(select(table)).all() == []


def test_other_kinds_and_people_hear_on(state: Engine) -> None:
    mute(state, muted=True)
    assert wish(state).muted
    assert not wish(state, "stock_out").muted
    with state.connect() as db:
        assert preferences.load(db, ["b2"]) == {}


def test_hours_for_all_kinds_hold_again_after_an_undo(state: Engine) -> None:
    with writing(state) as db:
        preferences.save(db, "b1", ALL_KINDS, Preference(quiet_start=18, digest_hour=11))
    before = wish(state)
    mute(state, muted=True)
    mute(state, muted=False)
    assert wish(state) == before


def test_what_was_asked_for_this_kind_stays(state: Engine) -> None:
    asked = Preference(snoozed_until=NOW, quiet_start=18)
    with writing(state) as db:
        preferences.save(db, "b1", "late_delivery", asked)
    mute(state, muted=True)
    assert wish(state) == replace(asked, muted=True)
    mute(state, muted=False)
    assert wish(state) == asked
