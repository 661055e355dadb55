"""A folder of CSV or Parquet files that follow the contract: how anybody brings their own data.

For each table either ``<table>.csv``, ``<table>.parquet`` or a folder ``<table>/`` of such files. A file called
``day=YYYY-MM-DD.parquet`` (or ``.csv``) in such a folder holds the rows whose ``recorded_at`` is on that UTC day.
Beside them, both optional: ``people.csv`` (or ``.parquet``) with who may be written to, and ``source.toml``::

    time_zone = "America/Sao_Paulo"      # of times that carry no zone
    [columns.orders]                     # the contract's name = the name in your file
    order_id = "Order Number"
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lake.tables import CONTRACT, PARTITION, RECORDED_AT, Table
from sources import files
from sources.conform import Conformer, RawRows
from sources.folder import FolderSettings, read_settings
from sources.people import read_people
from sources.source import ROWS_EVERY_DAY, Delivery, Person, SourceError, delivered_schema
from sources.values import convert

SUFFIXES = (".csv", ".parquet")
NAMED_DAY = re.compile(r"^day=(\d{4}-\d{2}-\d{2})$")
BESIDE = ("people", "source", "truth")


class CsvSource:
    """The tables found in one folder. secret: the key under which people's ids are hashed."""

    name = "csv"

    def __init__(self, folder: Path, secret: bytes) -> None:
        if not folder.is_dir():
            raise SourceError(
                "the whole source",
                str(folder),
                "there is no such folder",
                "Give the folder that holds the files: --data DIR.",
            )
        self.folder = folder
        self._secret = secret
        self._settings: FolderSettings = read_settings(folder)
        self._known_spans: dict[str, tuple[date, date]] | None = None

    @property
    def tables(self) -> tuple[str, ...]:
        """Tables with at least one file here, in the contract's order: parents first."""
        return tuple(name for name in CONTRACT if self.files(name))

    def files(self, table: str) -> list[Path]:
        """The files of one table, sorted by name; empty if there are none.

        Raises SourceError where there are two sets.
        """
        alone = [self.folder / f"{table}{suffix}" for suffix in SUFFIXES]
        found = [path for path in alone if path.is_file()]
        inside = self.folder / table
        within = sorted(path for path in inside.iterdir() if path.suffix in SUFFIXES) if inside.is_dir() else []
        if len(found) + bool(within) > 1:
            both = ", ".join([path.name for path in found] + ([f"{table}/"] if within else []))
            raise SourceError(
                table, both, "the table is there twice", "Keep one of them, so that no row is counted twice."
            )
        return found or within

    def span(self) -> tuple[date, date]:
        """First and last UTC day of ``recorded_at`` over all tables.

        Reads that one column once, and only file names where those say the day.
        """
        spans = self._spans().values()
        return min(first for first, _ in spans), max(last for _, last in spans)

    def newest_day(self) -> date:
        """The last day that orders and stock, where both are here, tell about."""
        spans = self._spans()
        return min((spans[name][1] for name in ROWS_EVERY_DAY if name in spans), default=self.span()[1])

    def _spans(self) -> dict[str, tuple[date, date]]:
        if self._known_spans is None:
            days = {
                name: [day for path in self.files(name) for day in self._days_of(name, path)] for name in self.tables
            }
            self._known_spans = {name: (min(found), max(found)) for name, found in days.items() if found}
        if not self._known_spans:
            raise SourceError(
                "the whole source",
                str(self.folder),
                "no table of the contract has a row with a readable recorded_at",
                "See docs/bring-your-own-data.md for the names of the files and their columns.",
            )
        return self._known_spans

    def read(self, table: str, first: date, last: date) -> Iterator[Delivery]:
        """See ``sources.source.Source.read``."""
        contract = CONTRACT[table]
        for path in self.files(table):
            day = named_day(path)
            if day is not None and not first <= day <= last:
                continue
            yield from self._read_file(contract, path, day, first, last)

    def _read_file(self, table: Table, path: Path, day: date | None, first: date, last: date) -> Iterator[Delivery]:
        shown = self._shown(path)
        names = self._columns(table, path)
        conformer = Conformer(
            table, time_zone=self._settings.time_zone, secret=self._secret, fallback=day or last, day=day
        )
        for part in files.rows(path, table.name, shown):
            columns = {name: part.columns[own] for name, own in names.items()}
            nothing = pa.nulls(len(part.numbers))
            columns |= {name: nothing for name in table.column_names if name not in columns}  # optional ones
            rows = conformer.conform(RawRows(shown, columns, part.numbers, part.broken))
            known = rows[PARTITION]
            inside = pc.and_(pc.greater_equal(known, pa.scalar(first)), pc.less_equal(known, pa.scalar(last)))
            kept = rows if pc.all(inside).as_py() else rows.filter(inside)
            if kept.num_rows:
                yield Delivery(table.name, kept.cast(delivered_schema(table)))

    def _columns(self, table: Table, path: Path) -> dict[str, str]:
        """The contract's column -> the file's column; an optional one that is not there is left out.

        Raises SourceError naming every other column that is not there.
        """
        found = files.header(path, table.name, self._shown(path))
        renamed = self._settings.columns.get(table.name, {})
        names = {name: renamed.get(name, name) for name in table.column_names}
        optional = {column.name for column in table.columns if column.optional} - set(renamed)
        names = {name: own for name, own in names.items() if own in found or name not in optional}
        absent = [own for own in names.values() if own not in found]
        if absent:
            raise SourceError(
                table.name,
                self._shown(path),
                f"column{'s' if len(absent) > 1 else ''} {', '.join(absent)} missing (found: {', '.join(found)})",
                _how_to_add(table, names, absent, found),
            )
        return names

    def people(self) -> Iterator[Person]:
        """Rows of ``people.csv`` or ``people.parquet``; nobody where there is none.

        Raises SourceError for a bad row.
        """
        for suffix in SUFFIXES:
            path = self.folder / f"people{suffix}"
            if path.is_file():
                yield from read_people(path, self._secret)

    def notes(self) -> tuple[str, ...]:
        """Files and columns that are not read, each with the name it may have been meant to have."""
        found = [
            f"{entry.name} is not read: no table has that name{_did_you_mean(entry.stem, CONTRACT)}"
            for entry in sorted(self.folder.iterdir())
            if entry.stem not in CONTRACT and entry.stem not in BESIDE and not entry.name.startswith(".")
        ]
        for table in self.tables:
            known = (
                set(self._settings.columns.get(table, {}).values()) | set(CONTRACT[table].column_names) | {PARTITION}
            )
            for path in self.files(table)[:1]:
                extra = [name for name in files.header(path, table, self._shown(path)) if name not in known]
                if extra:
                    found.append(
                        f"{self._shown(path)}: columns {', '.join(extra)} are not in the contract and are not read"
                    )
        return tuple(found)

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _days_of(self, table: str, path: Path) -> Iterator[date]:
        day = named_day(path)
        if day is not None:
            yield day
            return
        own = self._columns(CONTRACT[table], path)[RECORDED_AT]
        for part in files.rows(path, table, self._shown(path), [own]):
            times, _ = convert(RECORDED_AT, "timestamp", part.columns[own], self._settings.time_zone)
            ends = pc.min_max(times).as_py()
            for end in ends.values():
                if isinstance(end, datetime):
                    yield end.astimezone(UTC).date()


def named_day(path: Path) -> date | None:
    """The day that a file's name says its rows became known on; None where the name says none."""
    match = NAMED_DAY.match(path.stem)
    return date.fromisoformat(match[1]) if match else None


def _how_to_add(table: Table, names: dict[str, str], absent: list[str], found: list[str]) -> str:
    lines = []
    for own in absent:
        name = next(name for name, file_name in names.items() if file_name == own)
        column = table.column(name)
        empty = f"may be left empty, which means: {column.null_means}" if column.nullable else "must have a value"
        lines.append(f"{name}: {column.type}, {column.means}; {empty}{_did_you_mean(own, found)}.")
    return " ".join([*lines, f"If yours has another name, say so in source.toml under [columns.{table.name}]."])


def _did_you_mean(name: str, known: object) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)  # type: ignore[call-overload]
    return f" (did you mean {close[0]}?)" if close else ""
