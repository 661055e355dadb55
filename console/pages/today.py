"""The day: what needs a person, the funnel, what was set aside, and how each step went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import RowMapping

from console import funnel, queries, words
from console.desk import DeskHere, days
from console.formats import number, plain, record, took

router = APIRouter()
NEEDS_A_PERSON = ("failed", "held")


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of the day as the page shows it."""

    run_id: str
    step: str
    target: str | None
    status: str
    message: str
    next_step: str
    counts: str
    started_at: object
    took: str


@router.get("/")
def today(request: Request, desk: DeskHere, day: date | None = None) -> Response:
    """The newest day, or the one asked for."""
    with desk.reading() as db:
        dates = days(db, day)
        if dates.day is None:
            return desk.page(request, "today.html", dates=dates, steps=[])
        runs = queries.latest_runs(db, dates.day)
        decisions = queries.decision_counts(db, dates.day)
        deliveries = queries.delivery_counts(db, dates.day)
        switches = queries.switches(db)
    tables = funnel.table_rows(runs)
    steps = [_step(run) for run in sorted(runs, key=_order)]
    largest = max(1, sum(row.rows_in for row in tables), *_scored(runs))
    return desk.page(
        request,
        "today.html",
        dates=dates,
        steps=steps,
        troubles=[step for status in NEEDS_A_PERSON for step in steps if step.status == status],
        switches=[(words.SWITCHES[what], _about(what, which), why) for what, which, why in switches],
        tables=tables,
        intake=funnel.intake(tables, dates.day, largest),
        lanes=funnel.lanes(runs, decisions, deliveries, dates.day, largest),
        bars=funnel.decision_bars(decisions),
        kinds=[kind for kind in words.KINDS if any(of == kind for of, _ in decisions)],
        headline=_headline(decisions, deliveries, tables, dates.day),
        has_data_docs=(desk.home / "data_docs").is_dir(),
    )


def _about(what: str, which: str) -> str:
    """The kind or the relay that a switch is about; every kind where it names none."""
    return which if what == "breaker" else words.word(words.KINDS, which).label if which else "all kinds"


def _scored(runs: Sequence[RowMapping]) -> list[int]:
    return [int(record(run["counts"]).get("scored") or 0) for run in runs if run["step"] == "score"]


def _order(run: RowMapping) -> tuple[int, str]:
    known = words.STEP_ORDER
    return (known.index(run["step"]) if run["step"] in known else len(known), run["target"] or "")


def _step(run: RowMapping) -> StepRow:
    return StepRow(
        run_id=run["run_id"],
        step=run["step"],
        target=run["target"],
        status=run["status"],
        message=run["message"] or "",
        next_step=words.NEXT_STEPS.get(run["status"], ""),
        counts=run["message"] if run["message"] and run["status"] not in NEEDS_A_PERSON else _counts(run),
        started_at=run["started_at"],
        took=took(run["started_at"], run["ended_at"]),
    )


def _counts(run: RowMapping) -> str:
    """The step's figures in one line; ingest's figures by table have their own place on the page."""
    counts = record(run["counts"])
    if run["step"] == "ingest":
        rows = sum(int(part.get("rows_in") or 0) for part in counts.values() if isinstance(part, Mapping))
        return f"{number(rows)} rows in {len(counts)} tables"
    return ", ".join(f"{number(value)} {plain(key)}" for key, value in counts.items() if not isinstance(value, Mapping))


def _headline(
    decisions: dict[tuple[str, str], int],
    deliveries: dict[tuple[str, str], int],
    tables: list[funnel.TableRow],
    day: date,
) -> list[tuple[int, str, str, bool]]:
    """(number, what it counts, link, whether it needs someone)."""
    accepted = sum(count for (_, state), count in deliveries.items() if state == "accepted")
    waiting = sum(count for (_, decision), count in decisions.items() if decision in words.WAITING)
    broken = sum(deliveries.get((kind, state), 0) for kind in words.KINDS for state in ("failed", "parked", "bounced"))
    quarantined = sum(row.quarantined for row in tables)
    waiting_link = funnel.link("/alerts", day=day, decision=",".join(words.WAITING))
    return [
        (accepted, "mails the relay accepted", funnel.link("/notices", day=day, state="accepted"), False),
        (waiting, "waiting for a person or an hour", waiting_link, waiting > 0),
        (broken, "refused, parked or bounced", funnel.link("/notices", day=day), broken > 0),
        (quarantined, "rows in quarantine", funnel.link("/", day=day) + "#tables", False),
    ]
