"""Nothing from outside becomes markup, nothing is loaded from elsewhere, nobody is named, reading changes nothing."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from console_day import DAY
from console_mails import Maildir, letter
from sqlalchemy import insert, text
from sqlalchemy.exc import OperationalError

from console.database import StateReader
from notices import state

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
AT = datetime(2026, 3, 2, 6, tzinfo=UTC)


@pytest.fixture
def hostile_home(tmp_path: Path) -> Path:
    """Every text that can come from outside is markup here."""
    engine = state.open_state(f"sqlite:///{tmp_path / 'state.db'}")
    evidence = {
        "kind": "late_delivery", "order_id": HOSTILE, "carrier": HOSTILE, "currency": HOSTILE, "value": 5,
        "as_of": HOSTILE, "promised_at": HOSTILE, "last_scan": {"event": HOSTILE, "hub": HOSTILE},
        "reasons": [{"code": HOSTILE, "facts": {HOSTILE: HOSTILE}, "source": {"table": HOSTILE, "key": HOSTILE}}],
        "items": [{"category": HOSTILE}],
    }  # fmt: skip
    decision = {
        "decision_id": "d1", "day": DAY, "kind": "late_delivery", "subject_id": HOSTILE, "sku_id": "",
        "recipient_id": HOSTILE[:60], "case_id": "c1", "decision": "<u>", "reason": HOSTILE[:60], "probability": 0.5,
        "expected_value": 2, "evidence": evidence, "model_version": HOSTILE[:60], "armed": False, "decided_at": AT,
    }  # fmt: skip
    notice = {
        "notice_id": "n1", "dedupe_key": "k1", "decision_id": "d1", "case_id": "c1", "kind": "late_delivery",
        "stage": "<i>", "recipient_id": HOSTILE[:60], "day": DAY, "state": "HELD", "state_reason": HOSTILE,
        "locale": "<u>", "evidence": evidence, "planned_at": AT, "expires_at": AT, "updated_at": AT,
    }  # fmt: skip
    with state.writing(engine) as db:
        db.execute(insert(state.decisions), [decision])
        db.execute(insert(state.notices), [notice])
    state.record_run(
        engine, run_id="r1", day=DAY, step="<s>", target="<s>", status="failed", message=HOSTILE,
        counts={HOSTILE: {HOSTILE: 1}}, versions={HOSTILE: HOSTILE}, started_at=AT, ended_at=None,
    )  # fmt: skip
    engine.dispose()
    mail = letter(
        "eve@example.net", HOSTILE, HOSTILE, f"<p>{HOSTILE}</p><img src='https://elsewhere.example/pixel.gif'>"
    )
    Maildir(tmp_path / "mailbox").add("1.hostile.local", mail, AT)
    return tmp_path


PAGES = (
    "/", "/alerts", "/notices", "/runs/r1", "/cases/c1", "/decisions/d1", "/mailbox", "/mailbox/1.hostile.local",
    "/mailbox/1.hostile.local?view=text", "/mailbox/1.hostile.local?view=headers",
    "/alerts?q=%3Cscript%3E&kind=%3Cscript%3E&decision=%3Cscript%3E",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_text_from_outside_is_never_markup(hostile_home, client_of, path):
    answer = client_of(hostile_home).get(path)
    assert answer.status_code == 200
    assert not re.search(r"<(script|img|i|s|u)\b", answer.text, re.IGNORECASE)


@pytest.mark.parametrize("path", [*PAGES, "/nowhere", "/alerts?day=never", "/static/console.css"])
def test_every_answer_forbids_scripts_and_other_places(hostile_home, client_of, path):
    headers = client_of(hostile_home).get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe-inline" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", PAGES)
def test_pages_use_no_inline_style_and_nothing_from_elsewhere(hostile_home, client_of, path):
    html = client_of(hostile_home).get(path).text
    assert "style=" not in html
    assert not re.search(r'(?:src|href)="https?://(?!127\.0\.0\.1)', html)


def test_a_mail_is_shown_as_it_is_but_in_a_box_that_can_do_nothing(hostile_home, client_of):
    answer = client_of(hostile_home).get("/mailbox/1.hostile.local/body")
    assert "<script>alert(1)</script>" in answer.text  # as the recipient gets it
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox;")
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "img-src data:;" in policy  # no pixel is fetched
    assert "frame-ancestors 'self'" in policy


def test_no_page_or_address_names_a_person(client, filled_home):
    with sqlite3.connect(filled_home / "state.db") as db:
        buyer, case_id = db.execute("SELECT recipient_id, case_id FROM decisions WHERE decision = 'send'").fetchone()
    for path in ("/", "/alerts?decision=send", "/notices", "/mailbox", f"/cases/{case_id}"):
        html = client.get(path).text
        assert buyer not in html
        assert "@example.net" not in html


def test_addresses_are_masked_in_every_header_that_repeats_them(tmp_path, client_of):
    state.open_state(f"sqlite:///{tmp_path / 'state.db'}").dispose()
    Maildir(tmp_path / "mailbox").add("1.a.local", letter("Eve <EVE@example.net>", "Hello", "Hi"), AT)
    html = client_of(tmp_path).get("/mailbox/1.a.local?view=headers").text
    assert "example.net&gt;" not in html.replace("other@example.net", "")
    assert "eve@" not in html.lower()
    assert "someone@elsewhere.example" in html  # who wrote it is no secret


def test_reading_changes_neither_the_db_nor_the_mailbox(home, client_of):
    def content() -> dict[str, str]:
        files = [home / "state.db", *sorted((home / "mailbox").rglob("*"))]
        return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()}

    before = content()
    client = client_of(home)
    case_id = StateReader(f"sqlite:///{home / 'state.db'}")
    with case_id.reading() as db:
        one = db.scalar(text("SELECT case_id FROM decisions WHERE decision = 'send'"))
    case_id.engine.dispose()
    mail = next((home / "mailbox" / "new").iterdir()).name
    for path in ("/", "/alerts", "/notices", "/mailbox", f"/cases/{one}", f"/mailbox/{mail}", f"/mailbox/{mail}/body"):
        assert client.get(path).status_code == 200
    assert content() == before


def test_the_database_itself_refuses_a_write(home):
    reader = StateReader(f"sqlite:///{home / 'state.db'}")
    with reader.engine.connect() as db, pytest.raises(OperationalError, match="readonly"):
        db.execute(text("DELETE FROM decisions"))
    reader.engine.dispose()


def test_pages_take_no_posts(client):
    for path in ("/", "/alerts", "/mailbox"):
        assert client.post(path).status_code == 405


def test_only_loopback_names_are_answered(client):
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/", headers={"host": "localhost:8765"}).status_code == 200


@pytest.mark.parametrize("path", ["..%2Fstate.db", "%2e%2e/state.db", "../state.db", "new%2F1.hostile.local", "%00"])
def test_no_file_outside_the_mailbox_or_the_docs_is_served(hostile_home, client_of, path):
    client = client_of(hostile_home)
    (hostile_home / "data_docs").mkdir()
    for address in (f"/mailbox/{path}", f"/data-docs/{path}", f"/static/{path}"):
        answer = client.get(address)
        assert answer.status_code == 404, address
        assert b"SQLite" not in answer.content


def test_a_page_that_breaks_says_so_without_details(home, client_of):
    with sqlite3.connect(home / "state.db") as db:
        db.execute("UPDATE decisions SET probability = 'a word'")
    answer = client_of(home, raises=False).get("/alerts")
    assert answer.status_code == 500
    assert "Something broke here" in answer.text
    assert "Traceback" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
