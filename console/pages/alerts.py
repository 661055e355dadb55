"""Every decision of a day: filter, search, and the reasons in plain words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy import RowMapping

from console import queries, words
from console.desk import DeskHere, days
from console.formats import record
from console.funnel import link
from console.queries import PAGE_ROWS, AlertFilter
from console.reasons import at_stake, plain_reasons

router = APIRouter()
REASONS_IN_A_ROW = 2
SORT_LABELS = {"value": "gain from telling", "chance": "chance"}
MAX_PAGE = 1_000_000


@router.get("/alerts")
def alerts(
    request: Request,
    desk: DeskHere,
    day: date | None = None,
    kind: Annotated[str, Query(max_length=32)] = "",
    decision: Annotated[str, Query(max_length=200)] = "",
    q: Annotated[str, Query(max_length=128)] = "",
    sort: Annotated[str, Query(max_length=16)] = "value",
    page: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1,
) -> Response:
    """One page of the day's decisions."""
    with desk.reading() as db:
        dates = days(db, day)
        if dates.day is None:
            return desk.page(request, "alerts.html", dates=dates, rows=[], total=0)
        wanted = AlertFilter(dates.day, kind, decision, q.strip(), sort if sort in SORT_LABELS else "value", page)
        rows = queries.alerts(db, wanted)
        total = queries.count_alerts(db, wanted)
        counts = queries.decision_counts(db, dates.day)
    return desk.page(
        request,
        "alerts.html",
        dates=dates,
        wanted=wanted,
        rows=[_row(row) for row in rows],
        total=total,
        of_day=sum(counts.values()),
        kinds=list(words.KINDS),
        decisions=_decision_choices(counts, decision),
        sorts=SORT_LABELS,
        pages=_pages(wanted, total),
        first=(page - 1) * PAGE_ROWS + 1,
    )


def _decision_choices(counts: dict[tuple[str, str], int], chosen: str) -> list[tuple[str, str]]:
    """(code, label with its count) for what occurred that day, groups first."""
    totals: dict[str, int] = {}
    for (_, decision), count in counts.items():
        totals[decision] = totals.get(decision, 0) + count
    groups = {",".join(words.TOLD): "All that are told", ",".join(words.WAITING): "All that wait"}
    choices = list(groups.items())
    choices += [(code, f"{words.word(words.DECISIONS, code).label} ({count:,})") for code, count in totals.items()]
    if chosen and chosen not in dict(choices):
        choices.append((chosen, words.word(words.DECISIONS, chosen).label))
    return choices


def _row(row: RowMapping) -> dict[str, Any]:
    evidence = record(row["evidence"])
    reasons = plain_reasons(evidence)
    return {
        **row,
        "role": row["role"] or words.ROLES.get(row["kind"]),
        "reasons": reasons[:REASONS_IN_A_ROW],
        "more_reasons": max(0, len(reasons) - REASONS_IN_A_ROW),
        "at_stake": at_stake(evidence),
        "currency": evidence.get("currency"),
        "link": f"/cases/{row['case_id']}" if row["case_id"] else f"/decisions/{row['decision_id']}",
    }


def _pages(wanted: AlertFilter, total: int) -> dict[str, str]:
    """Links to the pages around this one; a key is missing where there is none."""
    last = max(1, -(-total // PAGE_ROWS))
    near = {"first": 1, "previous": wanted.page - 1, "next": wanted.page + 1, "last": last}
    links = {}
    for name, page in near.items():
        if 1 <= page <= last and page != wanted.page:
            there = replace(wanted, page=page)
            links[name] = link(
                "/alerts", day=there.day, kind=there.kind, decision=there.decision, q=there.text, sort=there.sort,
                page=there.page,
            )  # fmt: skip
    return links
