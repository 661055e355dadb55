"""Bring a state DB to the newest revision. Alembic is loaded only where there is something to do."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import OperationalError

from notices.state import HEAD, StateError, writing

HERE = Path(__file__).parent
MIGRATION_LOCK = 741_205_311  # any fixed number: PostgreSQL's advisory lock that migrations share


def migrate(engine: Engine) -> None:
    """Apply every missing revision in one transaction; two processes at once are served one after the other.

    Raises StateError where the DB cannot be reached or was migrated by a newer version of this code.
    """
    try:
        with engine.connect() as db:
            if _revision(db) == HEAD:
                return
    except OperationalError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise StateError(f"the state DB at {where} cannot be opened: {error.orig}. Nothing was read.") from error
    with writing(engine) as db:
        if db.dialect.name == "postgresql":
            db.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": MIGRATION_LOCK})
        if _revision(db) != HEAD:
            _upgrade(db)


def _revision(db: Connection) -> str | None:
    if not inspect(db).has_table("alembic_version"):
        return None
    return db.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(db: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["connection"] = db
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        found = _revision(db)
        raise StateError(
            f"the state DB is at revision {found}, which this version does not know (it knows up to {HEAD}). "
            "Nothing was changed. Run the version that wrote it, or a newer one."
        ) from error
