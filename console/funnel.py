"""The day as a funnel: from rows that came in to mails that were taken, each number with the list behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from sqlalchemy import RowMapping

from console import formats, words
from console.picture import Ribbon, ribbon, thickness


@dataclass(frozen=True, slots=True)
class Exit:
    """What left the funnel at a stage: how many, why, and where to see them."""

    count: int
    label: str
    link: str


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    count: int
    link: str
    shape: Ribbon
    exits: tuple[Exit, ...] = ()


@dataclass(frozen=True, slots=True)
class Lane:
    kind: str
    title: str
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class DecisionBar:
    """One decision word of the day: counts by kind, the bar's length (0 to 100, by the logarithm) and its links."""

    code: str
    counts: Mapping[str, int]
    total: int
    length: float
    tone: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """What came in for one table. ``bad_share`` 0 to 1."""

    name: str
    rows_in: int
    kept: int
    quarantined: int
    bad_share: float
    advice: str
    command: str


def link(path: str, **query: object) -> str:
    """An address inside the console; empty values are left out."""
    return f"{path}?{urlencode({key: value for key, value in query.items() if value not in {None, ''}})}"


def table_rows(runs: Iterable[RowMapping]) -> list[TableRow]:
    """One row per table that the day's ingest has read, the most quarantined first."""
    rows = []
    for run in runs:
        if run["step"] != "ingest":
            continue
        for name, counts in formats.record(run["counts"]).items():
            if isinstance(counts, Mapping):
                rows.append(_table_row(name, counts, run["day"]))
    return sorted(rows, key=lambda row: (-row.quarantined, row.name))


def _table_row(name: str, counts: Mapping[str, object], day: date) -> TableRow:
    rows_in, kept, bad = (_count(counts.get(key)) for key in ("rows_in", "rows_kept", "rows_quarantined"))
    return TableRow(name, rows_in, kept, bad, bad / rows_in if rows_in else 0.0, *_advice(name, rows_in, bad, day))


def _advice(name: str, rows_in: int, bad: int, day: date) -> tuple[str, str]:
    """What to do in words, and the command for it; both empty where there is nothing to do."""
    if rows_in == 0:
        return "Nothing came. If the source should have rows for this day, check its export.", ""
    if bad == 0:
        return "", ""
    command = f"python -m jobs.run replay-quarantine --table {name} --day {day}"
    return "The Data Docs give the reasons. Mend the rows at the source, then:", command


def intake(tables: list[TableRow], day: date, largest: int) -> tuple[Stage, ...]:
    """The two stages that both kinds share."""
    rows_in, kept = sum(row.rows_in for row in tables), sum(row.kept for row in tables)
    bad = sum(row.quarantined for row in tables)
    anchor = link("/", day=day) + "#tables"
    exits = _some(Exit(bad, "quarantined", anchor), Exit(rows_in - kept - bad, "known already", anchor))
    return (
        Stage("rows in", rows_in, anchor, ribbon(rows_in, rows_in, largest)),
        Stage("rows kept", kept, anchor, ribbon(rows_in, kept, largest), exits),
    )


def lanes(
    runs: Iterable[RowMapping],
    decisions: Mapping[tuple[str, str], int],
    deliveries: Mapping[tuple[str, str], int],
    day: date,
    largest: int,
) -> list[Lane]:
    """One lane for each kind that was scored or decided that day: scored, candidates, told, accepted by the relay."""
    scored = {run["target"]: run for run in runs if run["step"] == "score" and run["target"]}
    kinds = [kind for kind in words.KINDS if kind in scored or any(of == kind for of, _ in decisions)]
    return [_lane(kind, scored.get(kind), decisions, deliveries, day, largest) for kind in kinds]


def _lane(
    kind: str,
    run: RowMapping | None,
    decisions: Mapping[tuple[str, str], int],
    deliveries: Mapping[tuple[str, str], int],
    day: date,
    largest: int,
) -> Lane:
    counts = formats.record(run["counts"]) if run else {}
    mine = {decision: count for (of, decision), count in decisions.items() if of == kind}
    scored, unsure = _count(counts.get("scored")), _count(counts.get("abstained"))
    candidates = sum(mine.values())
    told = sum(mine.get(decision, 0) for decision in words.TOLD)
    waiting = sum(mine.get(decision, 0) for decision in words.WAITING)
    accepted = deliveries.get((kind, "accepted"), 0)
    planned = sum(count for (of, _), count in deliveries.items() if of == kind)
    of_kind = link("/alerts", day=day, kind=kind)
    run_link = f"/runs/{run['run_id']}" if run else of_kind
    quiet = Exit(candidates - told - waiting, "kept silent", of_kind)
    wait = Exit(waiting, "waiting", link("/alerts", day=day, kind=kind, decision=",".join(words.WAITING)))
    stages = (
        Stage(
            f"{words.SUBJECTS[kind]} scored", scored, run_link, ribbon(largest, scored, largest),
            _some(Exit(unsure, "abstained", run_link)),
        ),
        Stage("candidates", candidates, of_kind, ribbon(scored, candidates, largest), _some(quiet, wait)),
        Stage(
            "decided to tell", told, link("/alerts", day=day, kind=kind, decision=",".join(words.TOLD)),
            ribbon(candidates, told, largest),
        ),
        Stage(
            "mails accepted", accepted, link("/notices", day=day, kind=kind, state="accepted"),
            ribbon(told, accepted, largest),
            _some(Exit(planned - accepted, "not yet, or not at all", link("/notices", day=day, kind=kind))),
        ),
    )  # fmt: skip
    title = f"{words.KINDS[kind].label} · {words.ROLES[kind]}s"
    return Lane(kind, title, stages)


def decision_bars(decisions: Mapping[tuple[str, str], int]) -> list[DecisionBar]:
    """Every decision word that occurred, in the order told, waiting, silent."""
    totals: dict[str, dict[str, int]] = {}
    for (kind, decision), count in decisions.items():
        totals.setdefault(decision, {})[kind] = count
    largest = max((sum(counts.values()) for counts in totals.values()), default=0)
    known = [*words.DECISIONS, *sorted(set(totals) - set(words.DECISIONS))]
    return [
        DecisionBar(code, totals[code], total := sum(totals[code].values()), thickness(total, largest), _tone(code))
        for code in known
        if code in totals
    ]


def _tone(code: str) -> str:
    if code in words.TOLD:
        return "told"
    return "wait" if code in words.WAITING else "silent"


def _some(*exits: Exit) -> tuple[Exit, ...]:
    return tuple(exit_ for exit_ in exits if exit_.count > 0)


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
