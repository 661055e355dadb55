"""The console's way into the state DB: read only, and plain about what is wrong when it cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.exc import DBAPIError

HOW_TO_START = "Run make demo, or make day DAY=YYYY-MM-DD. Both create the state DB and fill it."


class StateUnreadable(RuntimeError):
    """The state DB is missing, or lacks what the console reads. ``next_step`` is for the person at the screen."""

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(what)
        self.next_step = next_step


class StateReader:
    """Connections on which the database itself refuses to write, whatever a page may try.

    SQLite is opened with ``mode=ro``, which also never creates a missing file; PostgreSQL transactions are READ ONLY.
    """

    def __init__(self, state_url: str) -> None:
        url = make_url(state_url)
        self.shown_url = url.render_as_string(hide_password=True)
        self.file: Path | None = None
        if url.get_backend_name() == "sqlite":
            self.file = Path(url.database or "").resolve()
            self.engine: Engine = create_engine(f"sqlite:///file:{self.file}?mode=ro&uri=true")
        else:
            driver = "postgresql+psycopg" if url.drivername == "postgresql" else url.drivername
            options = {"postgresql_readonly": True}
            self.engine = create_engine(url.set(drivername=driver), execution_options=options, pool_pre_ping=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for one page. Raises StateUnreadable where there is no DB or it lacks a table or column."""
        if self.file is not None and not self.file.is_file():
            raise StateUnreadable(f"There is no state DB at {self.file} yet.", HOW_TO_START)
        try:
            with self.engine.connect() as db:
                yield db
        except DBAPIError as error:
            raise StateUnreadable(
                f"The state DB at {self.shown_url} could not be read: {error.orig}. Nothing was changed.",
                "If a step is migrating it, reload in a moment. If it was made by an older or newer version, run make "
                "day once with this version: it brings the DB up to date or says why it cannot.",
            ) from error
