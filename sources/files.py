"""Rows of one CSV or Parquet file, batch by batch, with the line or row number each one stands at.

CSV: UTF-8 with or without BOM, lines ended by LF or CRLF, separated by comma or semicolon, values with line breaks
inside quotes. All values stay text here; ``sources/values.py`` reads them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from sources.source import SourceError

BLOCK_BYTES = 8 << 20
BATCH_ROWS = 131_072
BOM = b"\xef\xbb\xbf"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
SEPARATORS = (",", ";")
Numbers = list[int] | np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class FileRows:
    """One batch. numbers: line (CSV) or row (Parquet), from 1. broken: number -> why the line has no columns."""

    columns: dict[str, pa.Array]
    numbers: pa.Array
    broken: dict[int, str]


def header(path: Path, table: str, shown: str) -> list[str]:
    """Column names of a file. shown: the file's name as messages give it.

    Raises SourceError where it cannot be read.
    """
    if path.suffix == ".parquet":
        return [str(name) for name in open_parquet(path, table, shown).schema_arrow.names]
    names, _ = _csv_header(path, table, shown)
    return names


def rows(path: Path, table: str, shown: str, columns: list[str] | None = None) -> Iterator[FileRows]:
    """The file's rows. columns: only these; all if None.

    Raises SourceError where the file cannot be read to its end.
    """
    if path.suffix == ".parquet":
        yield from _parquet_rows(path, table, shown, columns)
    else:
        yield from _csv_rows(path, table, shown, columns)


def open_parquet(path: Path, table: str, shown: str) -> pq.ParquetFile:
    """The opened file. Raises SourceError where it is empty, cut off or no Parquet at all."""
    size = path.stat().st_size
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            table,
            shown,
            f"it is not a whole Parquet file ({size} bytes; {_first_line(error)})",
            "It may be half-written or cut off while copied. Write it again under another name, then rename it.",
        ) from error


def _parquet_rows(path: Path, table: str, shown: str, columns: list[str] | None) -> Iterator[FileRows]:
    file = open_parquet(path, table, shown)
    before = 0
    try:
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=columns):
            numbers = pa.array(np.arange(before + 1, before + 1 + batch.num_rows), pa.int64())
            before += batch.num_rows
            yield FileRows(dict(zip(batch.schema.names, batch.columns, strict=True)), numbers, {})
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            table,
            shown,
            f"it is damaged after row {before} ({_first_line(error)})",
            "Write or copy it again. No row of it was taken.",
        ) from error


def _csv_header(path: Path, table: str, shown: str) -> tuple[list[str], str]:
    with path.open("rb") as file:
        start = file.readline(1 << 20)
    if start.startswith(UTF16):
        raise _encoding(table, shown, "UTF-16, with a byte-order mark")
    if not start.strip(BOM + b"\r\n \t"):
        raise SourceError(table, shown, "it is empty, without a header line", "The first line names the columns.")
    try:
        line = start.removeprefix(BOM).decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise _encoding(table, shown, f"line 1 is not UTF-8 (byte {error.start + 1})") from error
    separator = max(SEPARATORS, key=line.count)
    names = [name.strip() for name in next(csv.reader(io.StringIO(line), delimiter=separator))]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceError(
            table, shown, f"the header names {', '.join(twice)} more than once", "Give each column a name of its own."
        )
    return names, separator


def _csv_rows(path: Path, table: str, shown: str, columns: list[str] | None) -> Iterator[FileRows]:
    names, separator = _csv_header(path, table, shown)
    broken: dict[int, tuple[str, int]] = {}

    def note(row: arrow_csv.InvalidRow) -> str:
        if row.text.strip():
            found = f"the line has {row.actual_columns} values, and the header names {row.expected_columns} columns"
            broken[row.number] = (found, row.text.count("\n"))
        return "skip"

    try:
        reader = arrow_csv.open_csv(
            path,
            read_options=arrow_csv.ReadOptions(
                use_threads=False, block_size=BLOCK_BYTES, skip_rows=1, column_names=names
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=separator, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=note
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
                include_columns=columns,
            ),
        )
        yield from _numbered(reader, broken)
    except StopIteration:
        return
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return
        raise _csv_error(path, table, shown, error) from error


def _numbered(reader: arrow_csv.CSVStreamingReader, broken: dict[int, tuple[str, int]]) -> Iterator[FileRows]:
    """Batches with line numbers: a value with line breaks pushes the following rows down, a broken line takes a
    place.
    """
    record, line = 1, 2  # record 1 is the header, which stands in line 1
    for batch in reader:
        texts = [column for column in batch.columns if pa.types.is_string(column.type)]
        breaks = _line_breaks(texts)
        blank = _all_null(batch)
        if not broken and breaks is None:
            straight = np.arange(line, line + batch.num_rows)
            record, line = record + batch.num_rows, line + batch.num_rows
            yield _without(blank, batch, straight, {})
            continue
        numbers: list[int] = []
        faults = {}
        for height in breaks or [0] * batch.num_rows:
            record += 1
            while record in broken:
                faults[line] = broken[record][0]
                line += 1 + broken.pop(record)[1]
                record += 1
            numbers.append(line)
            line += 1 + height
        yield _without(blank, batch, numbers, faults)
    if broken:
        faults = {}
        for _, (found, height) in sorted(broken.items()):
            faults[line] = found
            line += 1 + height
        empty = {name: pa.nulls(0, pa.string()) for name in reader.schema.names}
        yield FileRows(empty, pa.nulls(0, pa.int64()), faults)


def _without(blank: pa.Array, batch: pa.RecordBatch, numbers: Numbers, faults: dict[int, str]) -> FileRows:
    """The batch without blank lines, which are no rows but do count as lines."""
    lines = pa.array(numbers, pa.int64())
    if pc.any(blank).as_py():
        kept = pc.invert(blank)
        batch, lines = batch.filter(kept), lines.filter(kept)
    return FileRows(dict(zip(batch.schema.names, batch.columns, strict=True)), lines, faults)


def _line_breaks(texts: list[pa.Array]) -> list[int] | None:
    """Line breaks inside each row's values; None where no row has any."""
    total = None
    for column in texts:
        if pc.any(pc.match_substring(column, "\n")).as_py():
            breaks = pc.fill_null(pc.count_substring(column, "\n"), 0)
            total = breaks if total is None else pc.add(total, breaks)
    return None if total is None else total.to_pylist()


def _all_null(batch: pa.RecordBatch) -> pa.Array:
    blank = pa.array([True] * batch.num_rows, pa.bool_())
    for column in batch.columns:
        blank = pc.and_(blank, pc.is_null(column))
    return blank


def _csv_error(path: Path, table: str, shown: str, error: pa.ArrowInvalid) -> SourceError:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as bad:
                return _encoding(table, shown, f"line {number} is not UTF-8 (byte {bad.start + 1})")
    return SourceError(
        table,
        shown,
        f"it cannot be read as CSV ({_first_line(error)})",
        "Look for a quote that is opened and not closed.",
    )


def _encoding(table: str, shown: str, found: str) -> SourceError:
    return SourceError(
        table, shown, found, "Save the file as UTF-8 (in a spreadsheet: “CSV UTF-8”). No row of it was taken."
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
