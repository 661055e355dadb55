"""One execution of one step: its figures, the versions it read, and its message, whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
        matrix=_matrix(record(run["counts"])),
        counts=_flat(record(run["counts"])),
        versions=_flat(record(run["versions"])),
        next_step=words.NEXT_STEPS.get(run["status"], ""),
    )


@dataclass(frozen=True, slots=True)
class Matrix:
    """Figures of the same kind for several tables: one row each."""

    columns: list[str]
    rows: list[tuple[str, list[Any]]]


def _matrix(counts: Mapping[str, Any]) -> Matrix | None:
    """Ingest's figures, table by table; None where the figures are of another shape."""
    if not counts or not all(isinstance(value, Mapping) for value in counts.values()):
        return None
    columns = list(dict.fromkeys(key for value in counts.values() for key in value))
    return Matrix(columns, [(name, [value.get(key) for key in columns]) for name, value in counts.items()])


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
