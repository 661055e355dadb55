"""The webhook for bounces and complaints: one address, one secret, one word back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import insert, select

from console.returns_hook import ReturnsHook
from notices.keys import Keys
from notices.send import returns
from notices.state import deliveries, open_state, suppressions, writing

SECRET = "a shared secret of 32 letters or more"
KEYS = Keys(b"a secret for tests, at least 32 characters")
AT = datetime(2026, 3, 2, tzinfo=UTC)
ID = "0" * 24
REPORT = f"""\
Content-Type: multipart/report; report-type=feedback-report; boundary=b

--b
Content-Type: message/feedback-report

Feedback-Type: abuse
--b
Content-Type: text/rfc822-headers

Message-ID: <{ID}@shop.example>

--b--
""".encode()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A state DB with one delivery that was sent."""
    from notices.state import decisions, notices

    found = f"sqlite:///{tmp_path / 'state.db'}"
    engine = open_state(found)
    day, plain = AT.date(), {"evidence": {}, "kind": "late_delivery", "recipient_id": "b1"}
    with writing(engine) as db:
        decided = {"decision": "send", "reason": "", "model_version": "m", "decided_at": AT, "subject_id": "o1"}
        db.execute(insert(decisions).values(decision_id="d", day=day, **plain, **decided))
        told = {"stage": "heads_up", "state": "APPROVED", "planned_at": AT, "expires_at": AT, "updated_at": AT}
        db.execute(insert(notices).values(notice_id="n", dedupe_key="k", decision_id="d", day=day, **plain, **told))
        sealed = {"sealed_to": KEYS.seal(b"ana@mail.example")}
        sent = {"state": "ACCEPTED", "tries": 1, "next_try_at": AT, "updated_at": AT}
        path = f"bounce+{ID}.{'0' * 20}@shop.example"
        known = {"delivery_id": "x", "notice_id": "n", "message_id": f"<{ID}@shop.example>", "envelope_from": path}
        db.execute(insert(deliveries).values(**known, **sealed, **sent))
    engine.dispose()
    return found


@pytest.fixture
def client(url: str) -> TestClient:
    inner = FastAPI()
    inner.get("/other")(lambda: "inner")
    return TestClient(ReturnsHook(inner, url, KEYS, SECRET, lambda: AT))


def test_a_complaint_with_the_secret_suppresses(client: TestClient, url: str) -> None:
    answers = [client.post("/returns", content=REPORT, headers={"authorization": f"Bearer {SECRET}"}) for _ in "ab"]
    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "complaint"), (200, "seen")]
    engine = open_state(url)
    with engine.connect() as db:
        assert db.execute(select(deliveries.c.state)).scalar_one() == "COMPLAINED"
        assert db.execute(select(suppressions.c.reason)).scalars().all() == ["complaint"]
    engine.dispose()


@pytest.mark.parametrize("sent", ["", "Bearer ", "Bearer wrong", f"Basic {SECRET}", f"Bearer {SECRET}x"])
def test_without_the_secret_nothing_is_read(client: TestClient, url: str, sent: str) -> None:
    assert client.post("/returns", content=REPORT, headers={"authorization": sent}).status_code == 401
    engine = open_state(url)
    with engine.connect() as db:
        assert db.execute(select(deliveries.c.state)).scalar_one() == "ACCEPTED"
    engine.dispose()


def test_only_post_only_small_and_only_there(client: TestClient) -> None:
    assert client.get("/returns").status_code == 405
    large = client.post(
        "/returns", content=b"x" * (returns.MAX_BYTES + 1), headers={"authorization": f"Bearer {SECRET}"}
    )
    assert large.status_code == 413
    assert client.get("/other").text == '"inner"'


def test_without_a_state_db_it_asks_for_patience(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    hook = ReturnsHook(FastAPI(), f"sqlite:///{tmp_path / 'folder.db'}", KEYS, SECRET, lambda: AT)
    answer = TestClient(hook).post("/returns", content=REPORT, headers={"authorization": f"Bearer {SECRET}"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
