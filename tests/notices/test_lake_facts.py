"""What the lake knows meanwhile: notices that are no longer so, digests that lose a line, cases that end, outcomes."""

from __future__ import annotations

import argparse
import dataclasses
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from examples import DAY, buyer, late_evidence, seller, stock_evidence
from sqlalchemy import select, update
from test_steps import SECRET, WALL, put_candidates

from jobs import decide, learn, order_facts, send
from jobs.closings import ending
from jobs.context import Context, clock
from jobs.order_facts import OrderFacts
from jobs.truth import untrue
from lake.store import Lake, spark_schema
from lake.tables import CONTRACT
from models import target
from notices.decide.policy import Policy
from notices.keys import Keys
from notices.people import directory
from notices.plan import history
from notices.plan.open_cases import OpenCase
from notices.state import cases, decisions, deliveries, notices, open_state, outcomes, writing
from settings import Settings

ARMED = argparse.Namespace(disarmed=False)
PROMISED = datetime(2026, 3, 5, 2, 59, 59, tzinfo=UTC)
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)  # after the day ended, before its notices go
SAID = "at 2026-03-02 09:00 UTC"


def put(lake: Lake, table: str, day: date, *rows: dict[str, Any]) -> None:
    """Rows of a contract table; columns that a row does not name are null, ``recorded_at`` is ``event_at``."""
    names = [*CONTRACT[table].column_names, "day"]
    full = [{"recorded_at": row.get("event_at", AT), "day": day, **row} for row in rows]
    frame = lake.spark.createDataFrame(
        [tuple(row.get(name) for name in names) for row in full], spark_schema(CONTRACT[table])
    )
    lake.replace_days(table, frame, day, day)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    home = tmp_path / "simulator"
    settings = Settings(home=home, secret=SECRET, state_url=f"sqlite:///{home / 'state.db'}")
    state = open_state(settings.state_url)
    everyone = [*(buyer(f"b{n}") for n in range(1, 7)), seller("s1")]
    told = [one for one in everyone if all(_is_told(kind, one.person_id) for kind in ("late_delivery", "stock_out"))]
    assert len(told) >= 4, "the draw of this secret holds out too many"
    directory.put(state, Keys(SECRET), everyone)
    state.dispose()
    return Context(settings, DAY, clock(DAY, WALL))


def _is_told(kind: str, person: str) -> bool:
    return Keys(SECRET).share("holdout", kind, person) >= 0.05


def test_an_order_is_read_as_it_was_known_and_whole_when_its_last_parcel_came(lake: Lake) -> None:
    put(
        lake,
        "orders",
        DAY,
        {"order_id": "o1", "promised_at": PROMISED, "recorded_at": AT},
        {"order_id": "o2", "recorded_at": AT},
    )
    put(lake, "shipments", DAY, {"shipment_id": "p1", "order_id": "o1"}, {"shipment_id": "p2", "order_id": "o1"})
    scan = {"shipment_id": "p1", "event": "delivered", "event_at": AT}
    late_scan = {"shipment_id": "p2", "event": "delivered", "event_at": AT + timedelta(hours=5)}
    put(lake, "shipment_events", DAY, scan, {"shipment_id": "p2", "event": "handed_over", "event_at": AT}, late_scan)
    put(lake, "order_events", DAY, {"order_id": "o2", "event": "cancelled", "event_at": AT})
    put(lake, "contacts", DAY, {"contact_id": "c1", "order_id": "o2", "event_at": AT})
    half = order_facts.read(lake, ["o1", "o2", "o9"], AT + timedelta(hours=1))
    assert half["o1"].delivered_at is None
    assert half["o1"].handed_over_at == AT
    assert (half["o2"].cancelled_at, half["o2"].contacted_at) == (AT, AT)
    assert "o9" not in half
    whole = order_facts.read(lake, ["o1"], AT + timedelta(hours=6))["o1"]
    assert (whole.delivered_at, whole.promised_at) == (AT + timedelta(hours=5), PROMISED)
    assert order_facts.read(lake, [], AT) == {}


HAS_COME, ENDED = {"last_scan": {"event": "delivered"}}, {"ended": {"event": "delivered"}}
DELIVERED = OrderFacts(promised_at=PROMISED, delivered_at=AT)


@pytest.mark.parametrize(
    ("kind", "stage", "evidence", "known", "expected"),
    [
        ("late_delivery", "heads_up", {}, DELIVERED, f"delivered {SAID}"),
        ("late_delivery", "heads_up", {}, OrderFacts(cancelled_at=AT), f"cancelled {SAID}"),
        ("late_delivery", "heads_up", {}, OrderFacts(handed_over_at=AT), None),
        ("seller_cancellation", "heads_up", {}, OrderFacts(handed_over_at=AT), f"handed over {SAID}"),
        ("bad_review", "heads_up", HAS_COME, DELIVERED, None),
        ("bad_review", "heads_up", HAS_COME, OrderFacts(reviewed_at=AT), f"reviewed {SAID}"),
        ("dispute", "heads_up", {}, OrderFacts(disputed_at=AT), f"a claim was opened {SAID}"),
        ("will_contact", "heads_up", {}, OrderFacts(contacted_at=AT), f"they wrote to us {SAID}"),
        ("will_contact", "heads_up", {}, OrderFacts(contacted_at=AT - timedelta(days=5)), None),
        ("late_delivery", "all_clear", ENDED, DELIVERED, None),
        ("late_delivery", "all_clear", {"ended": {"event": None}}, DELIVERED, f"delivered {SAID}"),
        ("late_delivery", "all_clear", ENDED, OrderFacts(cancelled_at=AT), f"cancelled {SAID}"),
    ],
)  # fmt: skip
def test_what_happened_since_makes_a_notice_untrue(kind, stage, evidence, known, expected) -> None:
    assert untrue(kind, stage, {**late_evidence(), **evidence}, known) == expected


CASE = OpenCase("late_delivery", "b1", "o1", AT, late_evidence())


@pytest.mark.parametrize(
    ("kind", "known", "is_unlikely", "expected"),
    [
        ("late_delivery", OrderFacts(), False, None),
        ("late_delivery", OrderFacts(), True, "unlikely_now"),
        ("late_delivery", OrderFacts(PROMISED, AT + timedelta(hours=1)), False, "in_time"),
        ("late_delivery", OrderFacts(PROMISED, AT - timedelta(hours=1)), False, "was_untrue"),
        ("late_delivery", OrderFacts(PROMISED, PROMISED + timedelta(days=2)), True, "came_true"),
        ("late_delivery", OrderFacts(cancelled_at=AT), False, "cancelled"),
        ("late_delivery", OrderFacts(lost_at=AT), False, "came_true"),
        ("lost_parcel", OrderFacts(PROMISED, PROMISED + timedelta(days=9)), False, "in_time"),
        ("lost_parcel", OrderFacts(lost_at=AT), False, "came_true"),
        ("seller_cancellation", OrderFacts(cancelled_at=AT), False, "came_true"),
        ("seller_cancellation", OrderFacts(handed_over_at=AT + timedelta(hours=1)), False, "in_time"),
    ],
)
def test_how_a_told_trouble_ended(kind: str, known: OrderFacts, is_unlikely: bool, expected: str | None) -> None:
    found = ending(dataclasses.replace(CASE, kind=kind), known, is_unlikely=is_unlikely)
    assert (found[0] if found else None) == expected


def told_on_the_first_day(context: Context, spark) -> Lake:
    """Heads-ups for o1 to o4, accepted; returns the lake."""
    lake = Lake(context.settings.lake, spark)
    people = [f"b{n}" for n in range(1, 7) if _is_told("late_delivery", f"b{n}")][:4]
    records = [late_evidence(f"o{n}", person) for n, person in enumerate(people, 1)]
    put_candidates(lake, "late_delivery", DAY, records)
    put(
        lake,
        "orders",
        DAY,
        *(
            {
                "order_id": f"o{n}",
                "buyer_id": person,
                "promised_at": PROMISED,
                "currency": "BRL",
                "recorded_at": AT - timedelta(days=9),
            }
            for n, person in enumerate(people, 1)
        ),
    )
    decide.main(context, ARMED)
    assert send.main(context, ARMED).counts["accepted"] == 4
    return lake


def put_scores(lake: Lake, day: date, **chances: float) -> None:
    rows = [(order, chance, False, day) for order, chance in chances.items()]
    frame = lake.spark.createDataFrame(rows, "subject_id string, probability double, abstained boolean, day date")
    lake.replace_days("scores_late_delivery", frame, day, day)


def test_a_parcel_that_came_in_time_and_a_chance_that_stays_low_bring_an_all_clear(context: Context, spark) -> None:
    lake = told_on_the_first_day(context, spark)
    tomorrow = dataclasses.replace(context, day=DAY + timedelta(days=2), now=clock(DAY + timedelta(days=2), WALL))
    came = AT + timedelta(hours=8)
    put(lake, "shipments", came.date(), {"shipment_id": "p1", "order_id": "o1", "recorded_at": came})
    put(lake, "shipment_events", came.date(), {"shipment_id": "p1", "event": "delivered", "event_at": came})
    put_candidates(lake, "late_delivery", tomorrow.day, [late_evidence("o4", _owner(context, "o4"))])
    put_scores(lake, DAY + timedelta(days=1), o2=0.02, o3=0.02, o4=0.02)
    put_scores(lake, DAY + timedelta(days=2), o2=0.03, o3=0.4, o4=0.6)
    counts = decide.main(tomorrow, ARMED).counts
    assert counts == {"candidates": 3, "already_told": 1, "send": 2}, (
        "o4 is still at risk; o3 is not low for long enough"
    )
    assert send.main(tomorrow, ARMED).counts["accepted"] == 2
    assert decide.main(tomorrow, ARMED).counts == counts
    state = open_state(context.settings.state_url)
    with state.connect() as db:
        told = {
            row.evidence["order_id"]: row for row in db.execute(select(notices).where(notices.c.stage == "all_clear"))
        }
        closed = dict(db.execute(select(cases.c.object_id, cases.c.closed_at.is_not(None))).all())
    state.dispose()
    assert told["o1"].evidence["ended"] == {"closing": "in_time", "event": "delivered", "at": came.isoformat()}
    assert told["o2"].evidence["ended"]["closing"] == "unlikely_now"
    assert told["o2"].evidence["before"]["window"]["p50"] == "2026-03-08"
    assert closed == {"o1": True, "o2": False, "o3": False, "o4": False}


def _owner(context: Context, order: str) -> str:
    state = open_state(context.settings.state_url)
    with state.connect() as db:
        found: str = db.execute(select(cases.c.recipient_id).where(cases.c.object_id == order)).scalar_one()
    state.dispose()
    return found


def digest(context: Context, spark, *skus: str) -> Lake:
    lake = Lake(context.settings.lake, spark)
    records = [stock_evidence("s1", sku, value_at_risk=900.0 - n) for n, sku in enumerate(skus)]
    put_candidates(lake, "stock_out", DAY, records)
    decide.main(context, ARMED)
    return lake


def cover(lake: Lake, *skus: str) -> None:
    """Stock for these articles is ordered and announced in time, after the day ended."""
    arrives = datetime(2026, 3, 4, tzinfo=UTC)
    order = {"event": "ordered", "event_at": AT, "seller_id": "s1", "quantity": 9.0, "expected_at": arrives}
    put(lake, "inbound", AT.date(), *({**order, "inbound_id": f"i{sku}", "sku_id": sku} for sku in skus))


def bodies(context: Context) -> list[str]:
    import email
    import email.policy

    read = [
        email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        for file in (context.settings.mailbox / "new").iterdir()
    ]
    return [mail.get_body(("plain",)).get_content() for mail in read]


def test_a_digest_goes_without_the_line_that_is_no_longer_so_and_only_once(context: Context, spark) -> None:
    lake = digest(context, spark, "k1", "k2", "k3")
    cover(lake, "k2")
    sent = send.main(context, ARMED)
    assert (sent.counts["withdrawn"], sent.counts["accepted"]) == (1, 1)
    [text] = bodies(context)
    assert "k1" in text
    assert "k3" in text
    assert "k2" not in text
    assert send.main(context, ARMED).counts["accepted"] == 0
    state = open_state(context.settings.state_url)
    with state.connect() as db:
        ends = dict(db.execute(select(decisions.c.sku_id, decisions.c.decision)).all())
        assert ends == {"k1": "digest", "k2": "covered", "k3": "digest"}
        known = history.decided(db, DAY, ["stock_out"])
    state.dispose()
    assert len(known) == 3, "what was decided stands"
    assert decide.main(context, ARMED).counts == {"candidates": 3, "covered": 1, "digest": 2}


def test_a_digest_of_which_nothing_is_left_stays_withdrawn(context: Context, spark) -> None:
    cover(digest(context, spark, "k1"), "k1")
    sent = send.main(context, ARMED)
    assert (sent.counts["withdrawn"], sent.counts["accepted"]) == (1, 0)


def test_a_digest_that_may_have_left_is_not_written_again(context: Context, spark) -> None:
    lake = digest(context, spark, "k1", "k2")
    state = open_state(context.settings.state_url)
    with writing(state) as db:
        db.execute(update(deliveries).values(state="UNCERTAIN", uncertain=1))
    cover(lake, "k2")
    assert send.main(context, ARMED).counts["accepted"] == 0
    with state.connect() as db:
        assert db.execute(select(deliveries.c.state)).scalar_one() == "PARKED"
    state.dispose()


def test_stock_that_was_cancelled_or_comes_too_late_covers_nothing(context: Context, spark) -> None:
    lake = digest(context, spark, "k1", "k2")
    late = datetime(2026, 3, 9, tzinfo=UTC)
    order = {"event": "ordered", "event_at": AT, "seller_id": "s1", "quantity": 9.0}
    gone = {**order, "inbound_id": "i1", "sku_id": "k1", "expected_at": datetime(2026, 3, 3, tzinfo=UTC)}
    put(
        lake,
        "inbound",
        AT.date(),
        gone,
        {**gone, "event": "cancelled"},
        {**order, "inbound_id": "i2", "sku_id": "k2", "expected_at": late},
    )
    sent = send.main(context, ARMED)
    assert (sent.counts["withdrawn"], sent.counts["accepted"]) == (0, 1)


def test_outcomes_are_noted_when_they_could_be_known_and_a_low_kind_is_paused(context: Context, spark) -> None:
    lake = told_on_the_first_day(context, spark)
    came = PROMISED - timedelta(days=1)
    put(lake, "shipments", came.date(), {"shipment_id": "p1", "order_id": "o1", "recorded_at": came})
    put(lake, "shipment_events", came.date(), {"shipment_id": "p1", "event": "delivered", "event_at": came})
    spec, state = target.spec("late_delivery"), open_state(context.settings.state_url)
    assert learn.note(lake, state, spec, PROMISED - timedelta(hours=1)) == 0, "the promise is not over"
    assert learn.note(lake, state, spec, PROMISED + timedelta(days=3)) == 4
    assert learn.note(lake, state, spec, PROMISED + timedelta(days=3)) == 0
    with state.connect() as db:
        assert sorted(db.execute(select(outcomes.c.value)).scalars()) == [0.0, 1.0, 1.0, 1.0]
    kind = dataclasses.replace(Policy().kinds["late_delivery"], floor=0.9)
    with writing(state) as db:
        week = timedelta(days=7)
        known = [
            {"case_id": f"c{n}", "name": "came_true", "kind": kind.name, "value": 0.0, "at": PROMISED - week * (n % 2),
             "detail": {"was_told": True}}
            for n in range(50)
        ]  # fmt: skip
        db.execute(outcomes.insert(), known)
    keys, now = Keys(SECRET), PROMISED + timedelta(days=3)
    assert learn.pause_if_low(state, keys, kind, now)
    assert not learn.pause_if_low(state, keys, kind, now)
    with state.connect() as db:
        assert history.load_policy(db, Policy()).kinds[kind.name].paused
    state.dispose()
    report = learn.main(dataclasses.replace(context, now=now), ARMED)
    assert report.status == "done"
    assert "late_delivery" in report.message


def test_an_article_that_ran_out_within_its_horizon_came_true(context: Context, spark) -> None:
    lake, state = digest(context, spark, "k1", "k2"), open_state(context.settings.state_url)
    first = DAY + timedelta(days=1)
    for n in range(7):
        day, at = first + timedelta(days=n), AT + timedelta(days=n, hours=12)
        share = {"k1": 0.2 if n == 3 else 1.0, "k2": 1.0}
        rows = [
            {"seller_id": "s1", "sku_id": sku, "stock_day": day, "in_stock_share": share[sku], "on_hand": 5.0}
            for sku in share
        ]
        put(lake, "stock", day, *({**row, "recorded_at": at} for row in rows))
    spec = target.spec("stock_out")
    assert learn.note(lake, state, spec, AT + timedelta(days=2)) == 0
    assert learn.note(lake, state, spec, AT + timedelta(days=9)) == 2
    with state.connect() as db:
        query = select(cases.c.object_id, outcomes.c.value).join(outcomes, outcomes.c.case_id == cases.c.case_id)
        assert dict(db.execute(query).all()) == {"k1": 1.0, "k2": 0.0}
    state.dispose()
