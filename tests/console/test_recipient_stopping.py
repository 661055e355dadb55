"""The second link: opening it changes nothing, one click stops one kind for one person, one more undoes it."""

from __future__ import annotations

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from console_mails import KEYS
from recipient_letters import (
    DAY,
    NOW,
    app_of,
    around,
    late,
    letters,
    links,
    put_people,
    stock,
    tell,
    url_of,
    visitor,
)
from sqlalchemy import create_engine, select
from test_recipient_pages import said

from console.recipients import stop_page, stopping
from notices import state
from notices.control import audit
from notices.people import preferences
from notices.people.preferences import ALL_KINDS, Preference
from notices.plan.day import decide_and_plan
from notices.write.tokens import Token, sign

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
BUTTON = {"do": "stop"}


def content(home: Path) -> dict[str, list[Any]]:
    """Every row of the state DB."""
    engine = create_engine(url_of(home))
    with engine.connect() as db:
        found = {table.name: list(map(tuple, db.execute(select(table)))) for table in state.metadata.sorted_tables}
    engine.dispose()
    return found


def stop_of(home: Path, who: str = "buyer2") -> str:
    return links(letters(home)[who])[1]


def proof_in(html: str) -> str:
    return re.search('name="proof" value="([^"]+)"', html)[1]


def test_following_links_any_number_of_times_changes_nothing(stopping_home):
    before = content(stopping_home)
    files = {file: file.read_bytes() for file in stopping_home.rglob("*") if file.is_file() and "-shm" not in file.name}
    with visitor(app_of(stopping_home)) as client:
        for mail in letters(stopping_home).values():
            for path in links(mail):
                for method in ("GET", "HEAD", "GET"):
                    answer = client.request(method, path, headers={"cookie": "a=b"})
                    assert answer.status_code == 200
                    assert client.request(method, f"{path}?do=stop&List-Unsubscribe=One-Click").status_code == 200
    assert {file: file.read_bytes() for file in files} == files
    assert content(stopping_home) == before


@pytest.mark.parametrize("asked", [
    {"data": ONE_CLICK},
    {"files": {"List-Unsubscribe": (None, "One-Click")}},  # multipart, which RFC 8058 prefers
    {"data": BUTTON},
], ids=["one click", "one click, multipart", "button"])  # fmt: skip
def test_a_post_stops_this_kind_for_this_person_and_notes_it(stopping_home, asked):
    before = content(stopping_home)
    with visitor(app_of(stopping_home)) as client:
        answer = client.post(stop_of(stopping_home), **asked)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert "These notices are stopped" in said(answer.text)
    after = content(stopping_home)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"preferences", "token_use", "audit"}
    assert after["preferences"] == [("buyer2", "late_delivery", True, None, None, None, None)]
    (entry,) = after["audit"]
    by = "page" if asked.get("data") == BUTTON else "one_click"
    notice_id = stop_of(stopping_home).split(".")[1]
    told = {"by": by, "kind": "late_delivery", "notice_id": notice_id, "recipient_id": "buyer2"}
    assert entry[2:5] == ("recipient", "mute", told)
    (use,) = after["token_use"]
    assert use[1] == "stop"
    assert use[3] == {"by": by, "kind": "late_delivery", "times": 1}
    signature = stop_of(stopping_home).rpartition(".")[2]
    assert signature not in repr(after["audit"] + after["token_use"])


def test_asked_again_it_answers_again_and_writes_nothing(stopping_home):
    path = stop_of(stopping_home)
    with visitor(app_of(stopping_home)) as client:
        first = client.post(path, data=ONE_CLICK)
        after = content(stopping_home)
        again = [client.post(path, data=data) for data in (ONE_CLICK, BUTTON, ONE_CLICK)]
        seen = client.get(path)
    assert [answer.text for answer in again] == [first.text] * 3
    assert seen.text == first.text
    assert content(stopping_home) == after


def test_pressed_many_times_at_once_it_is_one_change(stopping_home):
    path = stop_of(stopping_home)
    with visitor(app_of(stopping_home)) as client, ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: client.post(path, data=ONE_CLICK).status_code, range(6)))
    assert answers == [200] * 6
    assert len(content(stopping_home)["audit"]) == 1


def test_an_undo_takes_it_back_and_both_stand_in_the_audit(stopping_home):
    before = content(stopping_home)
    path = stop_of(stopping_home, "buyer1")
    with visitor(app_of(stopping_home)) as client:
        stopped = client.post(path, data=BUTTON)
        undone = client.post(path, data={"do": "undo", "proof": proof_in(stopped.text)})
        seen = client.get(path)
    assert "Você parou de receber estes avisos" in said(stopped.text)
    assert "Você vai receber estes avisos de novo" in said(undone.text)
    assert "Parar de receber estes avisos?" in said(seen.text)
    after = content(stopping_home)
    assert after["preferences"] == before["preferences"]
    assert [entry[3] for entry in after["audit"]] == ["mute", "unmute"]
    assert sorted(use[1] for use in after["token_use"]) == ["stop", "undo"]
    engine = state.open_state(url_of(stopping_home))
    with engine.connect() as db:
        assert audit.verify(db, KEYS).entries == 2
    engine.dispose()


def test_an_undo_needs_a_proof_from_a_page_of_this_very_link(stopping_home):
    path, other = stop_of(stopping_home), stop_of(stopping_home, "buyer1")
    notice_id, until = path.split(".")[1], NOW + timedelta(days=61)
    with visitor(app_of(stopping_home)) as client:
        client.post(path, data=BUTTON)
        foreign = proof_in(client.post(other, data=BUTTON).text)
        after = content(stopping_home)
        proofs = ("", "undo", foreign, path.removeprefix("/u/"), sign(KEYS, Token("undo", notice_id, until)), "a" * 900)
        for proof in proofs:
            answer = client.post(path, data={"do": "undo", "proof": proof})
            assert answer.status_code == 400
            assert "Nothing was changed" in answer.text
        assert client.post(path, data={"do": "undo"}).status_code == 400
    assert content(stopping_home) == after


def test_a_link_can_be_undone_a_fixed_number_of_times_and_stopped_always(stopping_home, monkeypatch):
    monkeypatch.setattr(stopping, "MOST_UNDOS", 2)
    path = stop_of(stopping_home)
    with visitor(app_of(stopping_home)) as client:
        for _ in range(2):
            proof = proof_in(client.post(path, data=BUTTON).text)
            client.post(path, data={"do": "undo", "proof": proof})
        last = client.post(path, data=BUTTON)
        assert "proof" not in last.text
        assert "These notices are stopped" in said(client.post(path, data={"do": "undo", "proof": proof}).text)
    assert len(content(stopping_home)["audit"]) == 5


def test_who_stopped_everything_is_told_so_and_this_link_does_not_undo_that(stopping_home):
    engine = state.open_state(url_of(stopping_home))
    with state.writing(engine) as db:
        preferences.save(db, "buyer2", ALL_KINDS, Preference(muted=True))
    engine.dispose()
    with visitor(app_of(stopping_home)) as client:
        html = client.get(stop_of(stopping_home)).text
    assert "These notices are stopped" in said(html)
    assert "<form" not in html


URL_ENCODED = {"content-type": "application/x-www-form-urlencoded"}
ODD = {
    "empty": ({}, 400),
    "other words": ({"data": {"List-Unsubscribe": "Yes"}}, 400),
    "other button": ({"data": {"do": "everything"}}, 400),
    "json": ({"json": ONE_CLICK}, 400),
    "many fields": ({"files": [(f"f{n}", (None, "x")) for n in range(9)]}, 400),
    "a file": ({"files": {"List-Unsubscribe": ("a.txt", b"One-Click")}}, 400),
    "broken multipart": ({"content": b"--x", "headers": {"content-type": "multipart/form-data"}}, 400),
    "large": ({"data": {"do": "stop", "note": "x" * 5000}}, 413),
    "large, not announced": ({"content": iter([b"do=stop&x=", b"y" * 5000]), "headers": URL_ENCODED}, 413),
}


@pytest.mark.parametrize("what", ODD)
def test_an_odd_post_is_refused_and_changes_nothing(stopping_home, what):
    asked, status = ODD[what]
    before = content(stopping_home)
    with visitor(app_of(stopping_home)) as client:
        answer = client.post(stop_of(stopping_home), **asked)
    assert answer.status_code == status
    assert "Nada foi alterado" in answer.text
    assert content(stopping_home) == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_no_other_method_is_known(stopping_home, method):
    with visitor(app_of(stopping_home)) as client:
        for path in links(letters(stopping_home)["buyer2"]):
            assert client.request(method, path).status_code == 405
        assert client.post(links(letters(stopping_home)["buyer2"])[0], data=BUTTON).status_code == 405


async def test_a_body_that_never_ends_is_not_waited_for(stopping_home, monkeypatch):
    monkeypatch.setattr(stop_page, "BODY_SECONDS", 0.2)
    path = stop_of(stopping_home)
    form = [(b"host", b"127.0.0.1"), (b"content-type", b"application/x-www-form-urlencoded")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "headers": form, "client": None, "server": None,
    }  # fmt: skip
    sent: list[Any] = []

    async def trickle() -> dict[str, Any]:
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b"d", "more_body": True}

    async def keep(message: Any) -> None:
        sent.append(message)

    begun = time.monotonic()
    await app_of(stopping_home)(scope, trickle, keep)
    assert sent[0]["status"] == 408
    assert time.monotonic() - begun < 5


async def test_who_stopped_a_kind_is_not_written_to_the_next_day_and_others_are(tmp_path):
    engine = state.open_state(url_of(tmp_path))
    put_people(engine)
    await tell(engine, tmp_path, [late("order1", "buyer1"), late("order2", "buyer2"), *stock("seller1")])
    for who in ("buyer2", "seller1"):
        with visitor(app_of(tmp_path)) as client:
            assert client.post(links(letters(tmp_path)[who])[1], data=ONE_CLICK).status_code == 200
    day, now = DAY + timedelta(days=1), NOW + timedelta(days=1)
    tomorrow = [late("order3", "buyer1", now), late("order4", "buyer2", now), late("order5", "seller1", now)]
    counts = await tell(engine, tmp_path, [*tomorrow, *stock("seller1", now, count=30)[23:]], day, now)
    assert counts == {"candidates": 10, "send": 2, "suppressed": 8}
    with engine.connect() as db:
        rows = db.execute(select(state.decisions).where(state.decisions.c.day == day)).all()
    engine.dispose()
    ended = {(row.subject_id, row.kind): (row.decision, row.reason) for row in rows}
    assert ended == {
        ("order3", "late_delivery"): ("send", "worth_telling"),
        ("order4", "late_delivery"): ("suppressed", "muted"),
        ("order5", "late_delivery"): ("send", "worth_telling"),  # the seller stopped another kind
        ("seller1", "stock_out"): ("suppressed", "muted"),
    }


async def test_what_was_planned_before_the_stop_does_not_go_after_it(tmp_path):
    engine = state.open_state(url_of(tmp_path))
    put_people(engine)
    decide_and_plan(engine, [late("order1", "buyer1"), late("order2", "buyer2")], around())
    with engine.connect() as db:
        query = select(state.notices.c.notice_id).where(state.notices.c.recipient_id == "buyer2")
        notice_id = db.execute(query).scalar_one()
    with visitor(app_of(tmp_path)) as client:
        token = sign(KEYS, Token("stop", notice_id, NOW + timedelta(days=60)))
        assert client.post(f"/u/{token}", data=ONE_CLICK).status_code == 200
    await tell(engine, tmp_path, [])
    with engine.connect() as db:
        query = select(state.notices.c.state, state.notices.c.state_reason)
        ended = db.execute(query.where(state.notices.c.notice_id == notice_id)).one()
    engine.dispose()
    assert ended == ("SUPPRESSED", "muted by the recipient")
    assert set(letters(tmp_path)) == {"buyer1"}
