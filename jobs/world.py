"""Which source, which folder and which day: worked out once, for every step that starts from files."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import select

from notices import state
from settings import Settings

if TYPE_CHECKING:
    from sources.source import Source


class WorldError(RuntimeError):
    """There is nothing to read where the source should be."""


def has_data(settings: Settings) -> bool:
    """Whether the source's folder is there. Only the simulator can make its own."""
    folder = settings.data or settings.landing
    return folder.is_dir() and any(folder.iterdir())


def source_of(settings: Settings) -> Source:
    """The configured source, opened. Raises WorldError where no folder was given or it is empty."""
    from sources.opened import open_source

    folder = settings.data or (settings.landing if settings.source == "simulator" else None)
    if folder is None:
        raise WorldError(f"The source {settings.source} reads a folder. Name it with --data DIR (make: DATA=dir).")
    if not has_data(settings):
        hint = (
            " Write one with: python -m jobs.run simulate" if settings.source == "simulator" else " Is the path right?"
        )
        raise WorldError(f"{folder} is not there or is empty: nothing was read.{hint}")
    return open_source(settings.source, folder, settings.secret)


def history_from(settings: Settings, source: Source) -> date | None:
    """First day to ingest so that history comes too; None once an ingest has ended well.

    What counts is a finished run, not a table that is there: a run killed between two tables left some without history.
    """
    engine = state.open_state(settings.state_url)
    runs = state.runs
    done = select(runs.c.run_id).where(runs.c.step == "ingest", runs.c.status == "done").limit(1)
    try:
        with engine.connect() as db:
            return source.span()[0] if db.execute(done).first() is None else None
    finally:
        engine.dispose()


def last_day(source: Source, wanted: date | None) -> date:
    """The day to work on: the one asked for, else the last one with new orders or stock.

    Raises WorldError for a day after the source's last: its features would be those of a day without news.
    """
    first, last = source.span()
    if wanted is None:
        return source.newest_day()
    if not first <= wanted <= last:
        raise WorldError(f"{wanted} is outside what the source tells about ({first} to {last}). Nothing was done.")
    return wanted
