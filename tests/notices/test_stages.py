"""A case from its first notice to its end: one notice a stage, news only when it is news, the last word when owed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from examples import DAY, KEYS, NOW, around, buyer, late, late_evidence, no_holdout, seller, stock
from sqlalchemy import Engine, select, update
from test_decide import one, people

from notices.decide.decide import Candidate, Case, Decision, History, closing_value, decide
from notices.decide.policy import LATE_DELIVERY
from notices.people import directory
from notices.plan.day import decide_and_plan
from notices.plan.open_cases import told_and_open
from notices.state import cases, decisions, deliveries, notices, writing

TOLD = {"heads_up": {"expected_date": "2026-03-07"}}
AND_CLEARED = {**TOLD, "all_clear": {"expected_date": None}}


def over(closing: str, **changed: object) -> Candidate:
    ended = {"closing": closing, "event": None, "at": None}
    return late(closing=closing, probability=0.02, evidence=late_evidence(ended=ended), **changed)


def ended(candidate: Candidate, told: dict, accepted: set[str], policy=None, **known) -> Decision:
    case = Case("c1", "1", told, frozenset(accepted), known.pop("is_closed", False))
    past = History(cases={(candidate.kind, candidate.recipient_id, candidate.object_id): case}, **known)
    [decision] = decide([candidate], people(buyer("b1")), policy or no_holdout(), past, KEYS, NOW)
    return decision


@pytest.mark.parametrize(
    ("closing", "told", "accepted", "expected"),
    [
        ("in_time", TOLD, {"heads_up"}, ("send", "all_clear")),
        ("unlikely_now", TOLD, {"heads_up"}, ("send", "all_clear")),
        ("was_untrue", TOLD, {"heads_up"}, ("send", "correction")),
        ("was_untrue", AND_CLEARED, {"heads_up", "all_clear"}, ("send", "correction")),
        ("in_time", TOLD, set(), ("already_told", "ended_silently")),  # not accepted: nobody heard
        ("in_time", {}, set(), ("already_told", "ended_silently")),
        ("came_true", TOLD, {"heads_up"}, ("already_told", "ended_came_true")),
        ("cancelled", TOLD, {"heads_up"}, ("already_told", "ended_cancelled")),
        ("in_time", AND_CLEARED, {"heads_up", "all_clear"}, ("already_told", "every_stage_told")),
    ],
)
def test_how_a_trouble_ends_says_what_is_told(closing: str, told: dict, accepted: set[str], expected: tuple) -> None:
    decision = ended(over(closing), told, accepted)
    assert (decision.decision, decision.stage if decision.has_notice else decision.reason) == expected


def test_a_trouble_that_comes_back_after_an_all_clear_is_a_correction_once() -> None:
    back = ended(late(), AND_CLEARED, {"heads_up", "all_clear"})
    assert (back.decision, back.stage) == ("send", "correction")
    assert ended(late(), AND_CLEARED, {"heads_up"}).reason == "no_change_of_fact", "the all-clear has not left"
    corrected = {**AND_CLEARED, "correction": {"expected_date": "2026-03-09"}}
    assert ended(late(), corrected, {"heads_up", "all_clear", "correction"}).reason == "every_stage_told"
    assert ended(late(), TOLD, {"heads_up"}, is_closed=True).reason == "case_closed"


def test_who_was_told_is_owed_the_end_whatever_the_ladder_or_a_pause_says() -> None:
    def policy(**changed: object):
        return replace(no_holdout(), kinds={"late_delivery": replace(LATE_DELIVERY, holdout_share=0.0, **changed)})

    for stopped in ({"ladder": "shadow"}, {"paused": True}):
        assert ended(over("in_time"), TOLD, {"heads_up"}, policy(**stopped)).decision == "send"
        assert ended(late(), {}, set(), policy(**stopped)).decision in {"shadow", "held"}
    assert ended(over("in_time"), TOLD, {"heads_up"}, policy(closing_benefit=0.0)).reason == "ended_silently"
    everyone_out = replace(policy(), kinds={"late_delivery": replace(LATE_DELIVERY, holdout_share=1.0)})
    assert ended(over("in_time"), TOLD, {"heads_up"}, everyone_out).decision == "hold_out"
    killed = replace(policy(), stopped=frozenset({"late_delivery"}))
    assert ended(over("in_time"), TOLD, {"heads_up"}, killed).reason == "kill_switch"


def test_an_all_clear_is_worth_the_same_to_everyone_and_takes_a_place_like_any_other() -> None:
    assert closing_value(LATE_DELIVERY) == 5.0 - 3.0 - 0.05 * 6.0
    assert ended(over("in_time"), TOLD, {"heads_up"}, told_7d={"b1": 3}).decision == "capped"
    assert ended(over("was_untrue"), TOLD, {"heads_up"}, told_7d={"b1": 3}).decision == "send", "the lane"
    assert ended(over("was_untrue"), TOLD, {"heads_up"}, told_7d={"b1": 4}).decision == "capped"


def test_money_in_another_currency_counts_at_its_rate_and_without_one_not_at_all() -> None:
    priced = replace(no_holdout(), rates={"BRL": 1.0, "IDR": 0.0003})
    rupiah = late(value=2_000_000.0, evidence=late_evidence(currency="IDR"))
    assert one(rupiah, policy=priced).expected_value == pytest.approx(0.82 * (8 + 0.05 * 600) - 3.3)
    unknown = late(value=500.0, evidence=late_evidence(currency="XAU"))
    assert one(unknown, policy=priced).expected_value == pytest.approx(0.82 * 8 - 3.3)
    unsure = late(value=5.0, probability=0.45, evidence=late_evidence(currency="XAU"))
    assert one(unsure, policy=priced).decision == "review", "nobody knows how dear it is"


def test_a_carrier_that_is_switched_off_stops_its_parcels_and_no_others() -> None:
    strike = replace(no_holdout(), stopped=frozenset({"carrier:Rápido"}))
    assert one(late(), policy=strike).reason == "kill_switch"
    assert one(late(evidence=late_evidence(carrier="Lento")), policy=strike).decision == "send"


def live(state: Engine, n: int, candidate: Candidate) -> tuple[str, str]:
    """Decide day ``n`` and let the relay take what was planned; returns the decision and its reason."""
    day = DAY + timedelta(days=n)
    decide_and_plan(state, [candidate], around(day, NOW + timedelta(days=n)))
    with writing(state) as db:
        taken = {"state": "ACCEPTED", "accepted_at": NOW + timedelta(days=n)}
        db.execute(update(deliveries).where(deliveries.c.state == "READY").values(**taken))
        return tuple(db.execute(select(decisions.c.decision, decisions.c.reason).where(decisions.c.day == day)).one())


def test_a_case_lives_from_heads_up_to_its_correction_and_is_then_closed(state: Engine) -> None:
    directory.put(state, KEYS, [buyer("b1")])
    moved = late(evidence=late_evidence(window={"p10": "2026-03-12", "p50": "2026-03-14", "p90": "2026-03-18"}))
    steps = [
        (late(), ("send", "worth_telling")),
        (late(), ("already_told", "no_change_of_fact")),
        (moved, ("send", "worth_telling")),
        (over("unlikely_now"), ("send", "worth_telling")),
        (over("unlikely_now"), ("already_told", "every_stage_told")),
        (late(), ("send", "worth_telling")),
        (over("in_time"), ("already_told", "case_closed")),
        (late(), ("already_told", "case_closed")),
    ]
    for n, (candidate, expected) in enumerate(steps):
        wide = 4 * n  # days apart, so that no cap is in the way
        assert live(state, wide, candidate) == expected, n
    with state.connect() as db:
        told = db.execute(select(notices.c.stage, notices.c.evidence).order_by(notices.c.day)).all()
        case = db.execute(select(cases)).one()
        assert told_and_open(db, ["late_delivery"], DAY + timedelta(days=60)) == []
    assert [row.stage for row in told] == ["heads_up", "update", "all_clear", "correction"]
    assert told[2].evidence["before"]["window"]["p50"] == "2026-03-14"
    assert told[3].evidence["corrects"] == "all_clear"
    assert case.closed_at is not None


def test_only_what_was_accepted_on_an_earlier_day_is_open(state: Engine) -> None:
    directory.put(state, KEYS, [buyer("b1"), buyer("b2"), seller("s1")])
    decide_and_plan(state, [late(), late("o2", "b2"), stock()], around())
    with writing(state) as db:
        first = select(notices.c.notice_id).where(notices.c.recipient_id == "b1").scalar_subquery()
        db.execute(update(deliveries).where(deliveries.c.notice_id == first).values(state="ACCEPTED"))
    with state.connect() as db:
        assert told_and_open(db, ["late_delivery"], DAY) == []
        [case] = told_and_open(db, ["late_delivery"], DAY + timedelta(days=1))
    assert (case.object_id, case.recipient_id, case.kind) == ("o1", "b1", "late_delivery")
