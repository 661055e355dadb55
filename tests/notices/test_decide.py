"""Deciding: one decision per candidate, never to whom it must not, and the best within what is allowed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from zoneinfo import ZoneInfo

from examples import KEYS, NOW, buyer, late, late_evidence, no_holdout, seller, stock
from hypothesis import given, settings
from hypothesis import strategies as st

from notices.decide.decide import Candidate, Case, Decision, History, Recipient, decide, expected_value
from notices.decide.decision import DECISIONS, PLANNED
from notices.decide.policy import LATE_DELIVERY, Policy
from notices.people.preferences import Preference

ZONES = [
    "America/Sao_Paulo",
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/St_Johns",
    "Pacific/Chatham",
    "Australia/Lord_Howe",
    None,
]


def history(candidates: list[Candidate], told: dict[str, dict] | None = None, **changed) -> History:
    cases = {
        (one.kind, one.recipient_id, one.object_id): Case(
            f"case-{one.object_id}", "1", (told or {}).get(one.object_id, {})
        )
        for one in candidates
    }
    return History(cases=cases, **changed)


def people(*entries, **wishes: Preference) -> dict[str, Recipient]:
    return {
        entry.person_id: Recipient(
            entry,
            None if entry.consent else "no_consent",
            {kind: wishes.get(entry.person_id, Preference()) for kind in ("late_delivery", "stock_out")},
        )
        for entry in entries
    }


def one(
    candidate: Candidate,
    recipients: dict[str, Recipient] | None = None,
    policy: Policy | None = None,
    now: datetime = NOW,
    **known,
) -> Decision:
    given_people = recipients or people(buyer("b1"), seller("s1"))
    [decision] = decide([candidate], given_people, policy or no_holdout(), history([candidate], **known), KEYS, now)
    return decision


BUYERS = [f"b{n}" for n in range(6)]
candidates = st.lists(
    st.builds(
        late,
        order_id=st.integers(0, 10_000).map(lambda n: f"o{n}"),
        buyer_id=st.sampled_from(BUYERS),
        probability=st.floats(0, 1),
        value=st.floats(0, 3_000),
        abstained=st.booleans(),
    ),
    max_size=25,
    unique_by=lambda candidate: candidate.subject_id,
)
recipients = st.fixed_dictionaries(
    {
        person: st.builds(
            lambda person_id, zone, consent, muted, snoozed, start, end: Recipient(
                buyer(person_id, time_zone=zone, region=None, consent=consent),
                None if consent else "no_consent",
                {"late_delivery": Preference(muted, NOW + timedelta(hours=5) if snoozed else None, start, end)},
            ),
            st.just(person),
            st.sampled_from(ZONES),
            st.integers(0, 9).map(bool),
            st.integers(0, 9).map(lambda n: n == 0),
            st.integers(0, 9).map(lambda n: n == 0),
            st.integers(0, 23),
            st.integers(0, 23),
        )
        for person in BUYERS
    }
)
moments = st.datetimes(datetime(2024, 2, 20), datetime(2027, 11, 10)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


@settings(max_examples=200, deadline=None)
@given(candidates, recipients, moments, st.dictionaries(st.sampled_from(BUYERS), st.integers(0, 4)), st.floats(0, 1))
def test_never_to_whom_it_must_not_and_every_candidate_ends_once(
    given_candidates: list[Candidate],
    given_people: dict[str, Recipient],
    now: datetime,
    told_7d: dict[str, int],
    share: float,
) -> None:
    policy = Policy(kinds={"late_delivery": replace(LATE_DELIVERY, holdout_share=share)}, capacity=12)
    decisions = decide(given_candidates, given_people, policy, history(given_candidates, told_7d=told_7d), KEYS, now)
    assert [decision.candidate for decision in decisions] == given_candidates
    assert {decision.decision for decision in decisions} <= set(DECISIONS)
    notices = [decision for decision in decisions if decision.has_notice]
    assert len(notices) <= 12
    per_person = Counter(decision.candidate.recipient_id for decision in notices)
    for decision in notices:
        person = given_people[decision.candidate.recipient_id]
        wish = person.wish("late_delivery")
        assert decision.decision in PLANNED | {"review"}
        assert person.blocked is None
        assert not wish.muted
        assert wish.snoozed_until is None or wish.snoozed_until <= now
        assert KEYS.share("holdout", "late_delivery", decision.candidate.recipient_id) >= share
        assert decision.expected_value > 0
        assert not decision.candidate.abstained
        assert per_person[decision.candidate.recipient_id] + told_7d.get(decision.candidate.recipient_id, 0) <= 3
        ships_to = "America/Sao_Paulo"  # BR-SP, as every example's order
        hour = decision.send_at.astimezone(ZoneInfo(person.entry.time_zone or ships_to)).hour
        start, end = wish.quiet_start, wish.quiet_end
        assert not (start <= hour < end if start <= end else hour >= start or hour < end)
        assert now <= decision.send_at < now + timedelta(hours=48)
    again = decide(given_candidates, given_people, policy, history(given_candidates, told_7d=told_7d), KEYS, now)
    assert again == decisions


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["b1", "b2"]), st.floats(0.5, 1), st.floats(0, 900)), min_size=1, max_size=9),
    st.integers(1, 6),
)
def test_what_is_sent_within_the_caps_is_the_best_set_there_is(
    rows: list[tuple[str, float, float]], capacity: int
) -> None:
    given_candidates = [
        late(f"o{n}", person, probability, value) for n, (person, probability, value) in enumerate(rows)
    ]
    policy = replace(no_holdout(), caps={"buyer": 2, "seller": 7}, capacity=capacity)
    decisions = decide(given_candidates, people(buyer("b1"), buyer("b2")), policy, history(given_candidates), KEYS, NOW)
    worth = {decision.candidate.subject_id: decision.expected_value for decision in decisions}
    sent = {decision.candidate.subject_id for decision in decisions if decision.has_notice}
    owner = {candidate.subject_id: candidate.recipient_id for candidate in given_candidates}
    allowed = (
        subset
        for size in range(min(capacity, len(rows)) + 1)
        for subset in combinations([order for order in owner if worth[order] > 0], size)
        if max(Counter(owner[order] for order in subset).values(), default=0) <= 2
    )
    best = max(sum(worth[order] for order in subset) for subset in allowed)
    assert abs(sum(worth[order] for order in sent) - best) < 1e-9


def test_each_gate_gives_its_reason() -> None:
    assert (one(late(abstained=True, abstain_reason="no promise")).decision) == "abstained"
    assert one(late(buyer_id="b9")).reason == "unknown_recipient"
    assert one(late(), people(buyer("b1", consent=False))).reason == "no_consent"
    assert one(late(), people(buyer("b1"), b1=Preference(muted=True))).reason == "muted"
    assert one(late(), people(buyer("b1"), b1=Preference(snoozed_until=NOW + timedelta(days=1)))).decision == "snoozed"
    assert one(late(probability=0.05)).decision == "below_value"
    everyone_out = replace(Policy(), kinds={"late_delivery": replace(LATE_DELIVERY, holdout_share=1.0)})
    assert one(late(), policy=everyone_out).decision == "hold_out"
    shadow = replace(Policy(), kinds={"late_delivery": replace(LATE_DELIVERY, holdout_share=0.0, ladder="shadow")})
    assert one(late(), policy=shadow).decision == "shadow"
    assert one(late(), told_7d={"b1": 3}).reason == "recipient_7_days"
    assert one(late(value=1500.0, probability=0.3)).decision == "review"
    nowhere = late(evidence=late_evidence(destination_region=None))
    assert one(nowhere, people(buyer("b1", time_zone=None, region=None))).reason == "zone_unknown"
    assert one(late(), people(buyer("b1", time_zone=None, region=None))).decision == "send", "where the order goes"
    assert one(late()).decision == "send"
    assert one(stock()).decision == "digest"


def test_quiet_means_planned_for_the_end_of_quiet_hours() -> None:
    night = datetime(2026, 3, 2, 3, tzinfo=UTC)  # midnight in Sao Paulo
    decision = one(late(), now=night)
    assert (decision.decision, decision.send_at) == ("quiet", datetime(2026, 3, 2, 11, tzinfo=UTC))


def test_a_zone_is_taken_from_the_region_where_it_is_not_known() -> None:
    decision = one(
        late(), people(buyer("b1", time_zone=None, region="BR-AM")), now=datetime(2026, 3, 2, 11, 30, tzinfo=UTC)
    )
    assert (decision.decision, decision.send_at) == ("quiet", datetime(2026, 3, 2, 12, tzinfo=UTC))


def test_a_case_is_told_again_only_when_its_date_moved_enough() -> None:
    def told(day: str) -> dict[str, dict]:
        return {"o1": {"heads_up": {"expected_date": day}}}

    assert one(late(), told=told("2026-03-07")).reason == "no_change_of_fact"
    moved = one(late(), told=told("2026-03-04"))
    assert (moved.decision, moved.stage) == ("send", "update")
    both = {"o1": {"heads_up": {"expected_date": "2026-03-01"}, "update": {"expected_date": "2026-03-02"}}}
    assert one(late(), told=both).reason == "every_stage_told"


def test_a_digest_is_one_notice_ordered_by_value_and_leaves_out_what_is_covered() -> None:
    arriving = {"open_inbound": {"quantity": 5, "expected_at": "2026-03-05T00:00:00+00:00"}}
    given_candidates = [
        stock("s1", "k1", value=10.0),
        stock("s1", "k2", value=900.0),
        stock("s1", "k3", facts=arriving),
    ]
    known = history(given_candidates, told_7d={"s1": 6})
    decisions = decide(given_candidates, people(seller("s1")), no_holdout(), known, KEYS, NOW)
    assert [decision.decision for decision in decisions] == ["digest", "digest", "covered"]
    at_usual_demand = stock("s1", "k4", facts={"is_covered": True})
    assert one(at_usual_demand).reason == "inbound_in_time"
    full = decide(given_candidates, people(seller("s1")), no_holdout(), replace(known, told_7d={"s1": 7}), KEYS, NOW)
    assert [decision.decision for decision in full] == ["capped", "capped", "covered"]


def test_a_digest_waits_for_its_hour() -> None:
    early = datetime(2026, 3, 2, 11, 30, tzinfo=UTC)  # half past eight in Sao Paulo
    assert one(stock(), now=early).send_at == datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_an_odd_volume_holds_the_kind_and_not_the_others() -> None:
    many = [late(f"o{n}", f"b{n}") for n in range(40)]
    both = [*many, stock()]
    crowd = people(*(buyer(f"b{n}") for n in range(40)), seller("s1"))

    def ended(usual: list[int]) -> Counter[str]:
        known = history(both, volumes={"late_delivery": usual, "stock_out": [1] * 10})
        return Counter(decision.decision for decision in decide(both, crowd, no_holdout(), known, KEYS, NOW))

    assert ended([10] * 10) == {"held": 40, "digest": 1}
    assert ended([14] * 10) == {"send": 40, "digest": 1}
    assert ended([134] * 10) == {"held": 40, "digest": 1}
    assert ended([10] * 6) == {"send": 40, "digest": 1}, "six days are no history"


def test_a_switch_or_a_pause_holds() -> None:
    assert one(late(), policy=replace(no_holdout(), stopped=frozenset({"*"}))).reason == "kill_switch"
    assert one(late(), policy=replace(no_holdout(), stopped=frozenset({"stock_out"}))).decision == "send"
    paused = replace(Policy(), kinds={"late_delivery": replace(LATE_DELIVERY, holdout_share=0.0, paused=True)})
    assert one(late(), policy=paused).reason == "kind_paused"


def test_reviews_are_limited_and_the_dearest_come_first() -> None:
    unsure = [late(f"o{n}", f"b{n}", probability=0.3, value=1_000.0 + n) for n in range(5)]
    crowd = people(*(buyer(f"b{n}") for n in range(5)))
    decisions = decide(unsure, crowd, replace(no_holdout(), review_capacity=2), history(unsure), KEYS, NOW)
    assert [decision.decision for decision in decisions] == ["capped", "capped", "capped", "review", "review"]


def test_the_holdout_is_a_stable_share_of_people_and_rungs_contain_each_other() -> None:
    ids = [f"person{n}" for n in range(4_000)]
    out = {person for person in ids if KEYS.share("holdout", "late_delivery", person) < 0.05}
    assert 0.035 < len(out) / len(ids) < 0.065
    other = {person for person in ids if KEYS.share("holdout", "stock_out", person) < 0.05}
    assert len(out & other) < 40, "one draw for each kind"
    rungs = defaultdict(set)
    for rung in (0.01, 0.10):
        rungs[rung] = {person for person in ids if KEYS.share("ladder", "late_delivery", person) < rung}
    assert rungs[0.01] <= rungs[0.10]


def test_expected_value_counts_what_telling_costs() -> None:
    assert expected_value(LATE_DELIVERY, 0.5, 100.0) == 0.5 * (8.0 + 0.05 * 100.0) - 3.0 - 0.05 * 6.0
    assert expected_value(LATE_DELIVERY, 1.0, 1e9) == expected_value(LATE_DELIVERY, 1.0, 2_000.0)
    assert expected_value(LATE_DELIVERY, 0.0, None) < 0
