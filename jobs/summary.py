"""What a day came to, from the rows that its steps left in the state DB: the demo's and ``make day``'s last words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select

from notices import state
from settings import Settings

# Decisions by which a notice leaves; every other decision is a reason for silence.
TOLD = ("send", "digest")
HELD = ("held", "review", "quiet")


@dataclass(frozen=True, slots=True)
class DaySummary:
    """Figures of one day. Rows of all source tables together; scored and candidates by target."""

    day: date
    rows_in: int
    quarantined: int
    scored: Mapping[str, int]
    candidates: int
    decisions: Mapping[str, int]
    sent: int
    held: int


def read(settings: Settings, day: date) -> DaySummary:
    """The newest ended execution of each step of ``day``, added up. Steps that never ran count as zero."""
    engine = state.open_state(settings.state_url)
    try:
        with engine.connect() as db:
            rows = db.execute(
                select(state.runs).where(state.runs.c.day == day, state.runs.c.ended_at.is_not(None))
                .order_by(state.runs.c.started_at)
            ).mappings().all()  # fmt: skip
            accepted = db.scalar(
                select(func.count()).select_from(state.deliveries.join(state.notices))
                .where(state.notices.c.day == day, state.deliveries.c.state == "ACCEPTED")
            )  # fmt: skip
    finally:
        engine.dispose()
    newest: dict[tuple[str, str | None], Mapping[str, Any]] = {
        (row["step"], row["target"]): row["counts"] for row in rows
    }
    tables = newest.get(("ingest", None), {}).values()
    decisions = {name: count for name, count in newest.get(("decide", None), {}).items() if name != "candidates"}
    return DaySummary(
        day=day,
        rows_in=sum(table["rows_in"] for table in tables),
        quarantined=sum(table["rows_quarantined"] for table in tables),
        scored={target or "": counts.get("scored", 0) for (step, target), counts in newest.items() if step == "score"},
        candidates=newest.get(("decide", None), {}).get("candidates", 0),
        decisions=decisions,
        sent=accepted or 0,
        held=sum(decisions.get(name, 0) for name in HELD),
    )


def text(summary: DaySummary) -> str:
    """The summary as lines for a terminal."""
    told = sum(summary.decisions.get(name, 0) for name in TOLD)
    silent = {name: n for name, n in sorted(summary.decisions.items()) if name not in (*TOLD, *HELD) and n}
    lines = [
        ("day", f"{summary.day}"),
        ("rows in", f"{summary.rows_in:,}"),
        ("quarantined", f"{summary.quarantined:,}"),
        ("orders scored", f"{summary.scored.get('late_delivery', 0):,}"),
        ("SKUs scored", f"{summary.scored.get('stock_out', 0):,}"),
        ("candidates", f"{summary.candidates:,}"),
        ("to be told", f"{told:,}"),
        ("sent", f"{summary.sent:,} mails"),
        ("held", f"{summary.held:,}"),
        ("not told", ", ".join(f"{name} {n:,}" for name, n in silent.items()) or "0"),
    ]
    return "\n".join(f"  {name:<14} {value}" for name, value in lines)
