"""From candidates to mails in a mailbox: decide, plan, compose, send, on both state DBs."""

from __future__ import annotations

import email
import email.policy
from datetime import timedelta
from pathlib import Path

from examples import DAY, KEYS, NOW, around, buyer, late, seller, stock
from sqlalchemy import Engine, select

from notices.people import directory
from notices.plan.day import decide_and_plan
from notices.relay import mailbox
from notices.send.run import Clock, Options, send_due
from notices.state import decisions, deliveries, notices

CLOCK = Clock(NOW, NOW + timedelta(hours=24))


def mails(path: Path) -> list[email.message.EmailMessage]:
    read = email.policy.default
    return [email.message_from_bytes(file.read_bytes(), policy=read) for file in sorted((path / "new").iterdir())]


async def test_candidates_become_mails_once(state: Engine, tmp_path: Path) -> None:
    directory.put(state, KEYS, [buyer("b1"), buyer("b2", locale="pt-BR"), seller("s1"), buyer("b3", consent=False)])
    candidates = [
        late("o1", "b1"),
        late("o2", "b2"),
        late("o3", "b3"),
        late("o4", "b1", probability=0.01),
        late("o5", "b9"),
        stock("s1", "k1"),
        stock("s1", "k2", value=90.0),
        stock("s1", "k3", facts={"open_inbound": {"quantity": 9, "expected_at": "2026-03-04"}}),
    ]
    counts = decide_and_plan(state, candidates, around())
    expected = {"candidates": 8, "send": 2, "suppressed": 2, "below_value": 1, "digest": 2, "covered": 1}
    assert counts == expected
    assert decide_and_plan(state, candidates, around()) == expected

    with mailbox.running(tmp_path) as relay:
        report = await send_due(state, KEYS, relay, CLOCK, lambda _ids: {}, Options())
        again = await send_due(state, KEYS, relay, CLOCK, lambda _ids: {}, Options())
    assert report.counts["accepted"] == 3
    assert again.counts.get("accepted", 0) == 0
    sent = {mail["To"].addresses[0].addr_spec: mail for mail in mails(tmp_path)}
    assert set(sent) == {"b1@mail.example", "b2@mail.example", "s1@mail.example"}
    assert sent["b2@mail.example"]["Subject"].startswith("O pedido o2 provavelmente vai chegar depois de")
    assert "k1" in sent["s1@mail.example"].get_body(("plain",)).get_content()
    assert "k3" not in sent["s1@mail.example"].get_body(("plain",)).get_content()
    with state.connect() as db:
        assert set(db.execute(select(deliveries.c.state)).scalars()) == {"ACCEPTED"}
        assert set(db.execute(select(notices.c.state)).scalars()) == {"APPROVED"}
        assert len(db.execute(select(decisions)).all()) == 8


async def test_the_next_day_tells_nobody_again(state: Engine, tmp_path: Path) -> None:
    directory.put(state, KEYS, [buyer("b1"), seller("s1")])
    candidates = [late("o1", "b1"), stock("s1", "k1")]
    decide_and_plan(state, candidates, around())
    with mailbox.running(tmp_path) as relay:
        await send_due(state, KEYS, relay, CLOCK, lambda _ids: {}, Options())
        tomorrow = around(day=DAY + timedelta(days=1), now=NOW + timedelta(days=1))
        assert decide_and_plan(state, candidates, tomorrow) == {"candidates": 2, "already_told": 1, "covered": 1}
        later = Clock(NOW + timedelta(days=1), NOW + timedelta(days=2))
        report = await send_due(state, KEYS, relay, later, lambda _ids: {}, Options())
    assert report.counts.get("accepted", 0) == 0
    assert len(mails(tmp_path)) == 2


async def test_what_is_no_longer_true_is_withdrawn(state: Engine, tmp_path: Path) -> None:
    directory.put(state, KEYS, [buyer("b1")])
    decide_and_plan(state, [late("o1", "b1")], around())
    with mailbox.running(tmp_path) as relay:
        report = await send_due(
            state, KEYS, relay, CLOCK, lambda ids: dict.fromkeys(ids, "delivered at 2026-03-02 09:00"), Options()
        )
    assert report.counts["withdrawn"] == 1
    assert mails(tmp_path) == []
    with state.connect() as db:
        row = db.execute(select(notices.c.state, notices.c.state_reason)).one()
    assert row == ("WITHDRAWN", "delivered at 2026-03-02 09:00")


async def test_a_rebuild_tells_nobody_and_does_not_stand_in_the_way_of_a_true_notice(
    state: Engine, tmp_path: Path
) -> None:
    directory.put(state, KEYS, [buyer("b1"), buyer("b2")])
    before = around(day=DAY - timedelta(days=1), now=NOW - timedelta(days=1), armed=False)
    for _ in range(2):
        assert decide_and_plan(state, [late("o1", "b1")], before) == {"candidates": 1, "send": 1}
    with mailbox.running(tmp_path) as relay:
        silent = await send_due(state, KEYS, relay, CLOCK, lambda _ids: {}, Options())
        assert silent.counts.get("accepted", 0) == 0
        assert decide_and_plan(state, [late("o1", "b1"), late("o2", "b2")], around()) == {"candidates": 2, "send": 2}
        loud = await send_due(state, KEYS, relay, CLOCK, lambda _ids: {}, Options())
        assert loud.counts["accepted"] == 2
        assert decide_and_plan(state, [late("o1", "b1")], around(armed=False))["send"] == 2
        after = await send_due(state, KEYS, relay, CLOCK, lambda _ids: {}, Options())
    assert after.counts.get("accepted", 0) == 0
    assert len(mails(tmp_path)) == 2
