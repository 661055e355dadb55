"""Raw columns of one file turned into rows of the contract, with origin, reasons and raw values.

Works on whole columns; only rows with something wrong are looked at one by one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from lake.store import ARROW_TYPES
from lake.tables import RECORDED_AT, Table
from sources.source import PEOPLE_COLUMNS, delivered_schema, keyed_ids
from sources.values import convert, plain

UTC_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class RawRows:
    """Rows as they stand in one file. columns: by the contract's names, any type, all of one length.

    numbers: int64, line in the file for text, row (from 1) for Parquet. broken: number of a row that could not even be
    split into columns -> what is wrong; such a row has no values.
    """

    file: str
    columns: dict[str, pa.Array]
    numbers: pa.Array
    broken: dict[int, str] = field(default_factory=dict)


class Conformer:
    """Turns the rows of one file, batch after batch, into rows of ``table``.

    time_zone: zone of times that carry none, None to refuse them. secret: key for ids of people; None where the rows
    carry hashes already. day: the day that the file is for, None where it holds several. fallback: the day of rows
    whose recorded_at is unreadable when no row before them has one.
    """

    def __init__(
        self, table: Table, *, time_zone: str | None, secret: bytes | None, fallback: date, day: date | None = None
    ) -> None:
        self.table = table
        self.schema = delivered_schema(table)
        self._time_zone = time_zone
        self._secret = secret
        self._day = day
        self._nearest = fallback if day is None else day

    def conform(self, raw: RawRows) -> pa.RecordBatch:
        """``raw`` in the schema of ``delivered_schema(table)``, one row for each row and each broken row."""
        raw = self._with_broken(self._with_hashed_people(raw))
        arrays: list[pa.Array] = []
        problems: dict[int, list[str]] = {}
        broken = pc.is_in(raw.numbers, pa.array(list(raw.broken), pa.int64())) if raw.broken else None
        if broken is not None:
            for index in pc.indices_nonzero(broken).to_pylist():
                problems[index] = [raw.broken[raw.numbers[index].as_py()]]
        for column in self.table.columns:
            array, wrong = convert(column.name, column.type, raw.columns[column.name], self._time_zone)
            arrays.append(array)
            _collect(problems, wrong)
        recorded = arrays[self.table.column_names.index(RECORDED_AT)]
        days = self._days(recorded, problems)
        reasons, raws = self._reasons(raw, arrays, problems)
        count = len(raw.numbers)
        files = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([raw.file]))
        arrays += [days, files.dictionary_decode(), raw.numbers.cast(pa.int64()), reasons, raws]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _with_hashed_people(self, raw: RawRows) -> RawRows:
        name = PEOPLE_COLUMNS.get(self.table.name)
        if self._secret is None or name is None:
            return raw
        ids, _ = convert(name, "string", raw.columns[name], None)
        return RawRows(raw.file, {**raw.columns, name: keyed_ids(self._secret, ids)}, raw.numbers, raw.broken)

    def _with_broken(self, raw: RawRows) -> RawRows:
        if not raw.broken:
            return raw
        numbers = pa.concat_arrays([raw.numbers.cast(pa.int64()), pa.array(list(raw.broken), pa.int64())])
        order = pc.sort_indices(numbers)
        columns = {
            name: pa.concat_arrays([plain(array), pa.nulls(len(raw.broken), plain(array).type)]).take(order)
            for name, array in raw.columns.items()
        }
        return RawRows(raw.file, columns, numbers.take(order), raw.broken)

    def _days(self, recorded: pa.Array, problems: dict[int, list[str]]) -> pa.Array:
        days = recorded.cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
        if self._day is not None:
            other = pc.and_(pc.is_valid(days), pc.not_equal(days, pa.scalar(self._day)))
            for index in pc.indices_nonzero(pc.fill_null(other, False)).to_pylist():
                found = f"recorded_at is on {days[index]}, and the file is for {self._day}"
                problems.setdefault(index, []).append(found)
            return pa.array([self._day] * len(days), pa.date32())
        if days.null_count:
            first = pa.array([self._nearest], pa.date32())
            days = pc.fill_null_forward(pa.concat_arrays([first, days])).slice(1)
        if len(days):
            self._nearest = days[-1].as_py()
        return days

    def _reasons(
        self, raw: RawRows, arrays: list[pa.Array], problems: dict[int, list[str]]
    ) -> tuple[pa.Array, pa.Array]:
        """Reasons and raw values of each row. A time that could be read stands there in UTC:
        its zone is known here only.
        """
        count = len(raw.numbers)
        if not problems:
            return pa.nulls(count, pa.list_(pa.string())), pa.nulls(count, pa.string())
        bad = sorted(problems)
        names = self.table.column_names
        at = pa.array(bad, pa.int64())
        shown = {name: _texts(plain(raw.columns[name]).take(at)) for name in names}
        for column, array in zip(self.table.columns, arrays, strict=False):
            if column.type == "timestamp":
                utc = pc.strftime(array.take(at), format=UTC_FORMAT).to_pylist()
                shown[column.name] = [time or text for time, text in zip(utc, shown[column.name], strict=True)]
        texts = [json.dumps({name: shown[name][at] for name in names}, ensure_ascii=False) for at in range(len(bad))]
        place = pc.index_in(pa.array(range(count), pa.int64()), pa.array(bad, pa.int64()))
        listed = pa.array([problems[index] for index in bad], pa.list_(pa.string()))
        return listed.take(place), pa.array(texts, pa.string()).take(place)


def _collect(problems: dict[int, list[str]], wrong: pa.Array | None) -> None:
    if wrong is None:
        return
    for index in pc.indices_nonzero(pc.is_valid(wrong)).to_pylist():
        problems.setdefault(index, []).append(wrong[index].as_py())


def _texts(values: pa.Array) -> list[str | None]:
    if pa.types.is_string(values.type):
        return values.to_pylist()  # type: ignore[no-any-return]
    return [None if value is None else str(value) for value in values.to_pylist()]


def conform_texts(
    table: Table,
    columns: dict[str, pa.Array],
    *,
    file: str,
    numbers: pa.Array,
    time_zone: str,
    fallback: date,
    broken: dict[int, str] | None = None,
) -> pa.RecordBatch:
    """One batch of an adapter whose ids are hashed already. A column that it does not give is null."""
    count = len(numbers)
    whole = {
        column.name: columns.get(column.name, pa.nulls(count, ARROW_TYPES[column.type])) for column in table.columns
    }
    conformer = Conformer(table, time_zone=time_zone, secret=None, fallback=fallback)
    return conformer.conform(RawRows(file, whole, numbers, broken or {}))
