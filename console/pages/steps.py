"""One execution of one step: its figures, the versions it read, and its message, whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from console import queries, words
from console.desk import DeskHere, NotHere, days
from console.formats import fact, record, took

router = APIRouter()


@router.get("/runs/{run_id}")
def one_run(request: Request, desk: DeskHere, run_id: str) -> Response:
    with desk.reading() as db:
        run = queries.run(db, run_id)
        if run is None:
            raise NotHere(f"No step was run under the id {run_id}.")
        dates = days(db, run["day"])
    return desk.page(
        request,
        "step.html",
        dates=dates,
        run=run,
        took=took(run["started_at"], run["ended_at"]),
        counts=_flat(record(run["counts"])),
        versions=_flat(record(run["versions"])),
        next_step=words.NEXT_STEPS.get(run["status"], ""),
    )


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, str, bool]]:
    """(name, value, whether it is a number), nested records by their path."""
    rows: list[tuple[str, str, bool]] = []
    for key, value in values.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            rows += _flat(value, f"{name} · ")
        else:
            rows.append((name, fact(value), isinstance(value, int | float)))
    return rows
