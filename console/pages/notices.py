"""The notices of a day and what became of each: planned, accepted, refused, stopped, and the relay's own words."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from console import queries, words
from console.desk import DeskHere, days
from console.funnel import link
from console.queries import PAGE_ROWS

router = APIRouter()
MAX_PAGE = 1_000_000


@router.get("/notices")
def notices(
    request: Request,
    desk: DeskHere,
    day: date | None = None,
    kind: Annotated[str, Query(max_length=32)] = "",
    state: Annotated[str, Query(max_length=16)] = "",
    page: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1,
) -> Response:
    """One page of the day's notices, the newest plan first."""
    with desk.reading() as db:
        dates = days(db, day)
        if dates.day is None:
            return desk.page(request, "notices.html", dates=dates, rows=[], total=0)
        rows, total = queries.notices_of_day(db, dates.day, kind, state, page)
        counts = queries.delivery_counts(db, dates.day)
    states: dict[str, int] = {}
    for (_, name), count in counts.items():
        states[name] = states.get(name, 0) + count
    around = {"previous": page - 1, "next": page + 1}
    return desk.page(
        request,
        "notices.html",
        dates=dates,
        rows=rows,
        total=total,
        kind=kind,
        state=state,
        states=states,
        kinds=list(words.KINDS),
        roles=words.ROLES,
        first=(page - 1) * PAGE_ROWS + 1,
        pages={
            name: link("/notices", day=dates.day, kind=kind, state=state, page=number)
            for name, number in around.items()
            if 1 <= number <= max(1, -(-total // PAGE_ROWS))
        },
    )
