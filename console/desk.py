"""What every page works with: where state lives, how to read it, the clock, and how a template becomes an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from sqlalchemy import Connection

from console import queries
from console.database import StateReader
from console.maildir import Mailbox


class NotHere(LookupError):
    """The thing an address names does not exist. Shown as a 404 page with where to look instead."""


@dataclass(frozen=True, slots=True)
class DayContext:
    """The day a page is about, and its neighbours that have runs; all None before the first run."""

    day: date | None
    before: date | None = None
    after: date | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """One console. ``clock`` gives the present moment, aware UTC. ``places`` are name and address of other tools."""

    home: Path
    state: StateReader
    mailbox: Mailbox
    templates: Jinja2Templates
    clock: Callable[[], datetime]
    places: tuple[tuple[str, str, str], ...] = ()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self.state.reading() as db:
            yield db

    def page(self, request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """A rendered page. Every template gets ``now`` beside its own context."""
        context.setdefault("dates", DayContext(None))
        return self.templates.TemplateResponse(
            request, template, {"now": self.clock(), "places": self.places, **context}, status_code=status
        )


def days(db: Connection, asked: date | None) -> DayContext:
    """The day asked for, else the newest one."""
    day = asked or queries.newest_day(db)
    if day is None:
        return DayContext(None)
    return DayContext(day, queries.day_before(db, day), queries.day_after(db, day))


def desk_of(request: Request) -> Desk:
    """The desk that ``create_app`` put into the app."""
    desk: Desk = request.app.state.desk
    return desk


DeskHere = Annotated[Desk, Depends(desk_of)]
