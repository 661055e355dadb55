"""Corrected rows that stand in for quarantined ones, put in their place again whenever their day is loaded again.

``replay-quarantine`` writes a corrected row to the lake and marks its original ``replayed``. A later ingest of the same
days replaces them whole, from a source that still holds the original: without this step the correction would be lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lake import quarantine
from lake.rules import REASONS, ROW_ID, Surroundings
from lake.tables import PARTITION, Table
from sources.conform import Conformer, RawRows
from sources.source import delivered_schema

FIRST_ID = 1 << 40  # above every row_id of a staged file
ORIGIN = re.compile(r"^(?P<file>.*) (?:line|row) (?P<row>\d+)$")


@dataclass(frozen=True, slots=True)
class Applied:
    """staged: the staged rows, corrections in place. settled:
    the originals' quarantine rows, state replayed.
    """

    staged: DataFrame
    settled: DataFrame
    settled_elsewhere: int


def apply(table: Table, staged: DataFrame, judged: DataFrame, around: Surroundings, folder: Path) -> Applied | None:
    """Put earlier corrections in place of the rows they correct; None where there are none for these days.

    An original that is good by now (the source was mended) needs no correction any more, and its correction goes.
    """
    lake, first, last = around.lake, around.first, around.last
    if not lake.exists(quarantine.name_of(table)):
        return None
    here = F.col(PARTITION).between(F.lit(first), F.lit(last))
    into = F.col("lake_day").between(F.lit(first), F.lit(last))
    replayed = quarantine.read(lake, table).where((F.col("state") == quarantine.REPLAYED) & (here | into))
    known = replayed.withColumn("is_here", here).withColumn("is_into", into).collect()
    if not known:
        return None
    bad = judged.where(F.size(REASONS) > 0)
    origins = quarantine.with_origin(table, bad).select(ROW_ID, "origin", "raw")
    keys = replayed.select(F.col("origin").alias("known_origin"), F.col("raw").alias("known_raw")).distinct()
    same = (F.col("origin") == F.col("known_origin")) & (F.col("raw") == F.col("known_raw"))
    met = {(row["origin"], row["raw"]): row[ROW_ID] for row in origins.join(keys, same, "left_semi").collect()}
    settled = [row for row in known if row["is_here"] and (row["origin"], row["raw"]) in met]
    wanted = [row for row in known if row["is_into"] and (not row["is_here"] or row in settled)]
    replaced = [met[(row["origin"], row["raw"])] for row in settled]
    rest = staged.where(~F.col(ROW_ID).isin(replaced)) if replaced else staged
    rows = as_staged(table, [(row["origin"], row["lake_day"], row["corrected"]) for row in wanted], FIRST_ID)
    path = folder / f"{table.name}.corrections.parquet"
    pq.write_table(rows, path)
    both = rest.unionByName(lake.spark.read.parquet(str(path)))
    kept = [(row["origin"], row["raw"]) for row in settled]
    elsewhere = sum(not row["is_into"] for row in settled)
    return Applied(both, _carried(replayed.where(here), kept), elsewhere)


def as_staged(table: Table, rows: Sequence[tuple[str, date, str]], first_id: int) -> pa.Table:
    """Rows of JSON (origin, day, raw) in the schema of a staged file; what cannot be read carries reasons again.

    day: kept where ``recorded_at`` cannot be read. row_id counts from ``first_id`` in the order of ``rows``.
    """
    batches = []
    for origin, day, raw in rows:
        values = json.loads(raw)
        found = ORIGIN.match(origin)
        file, number = (found["file"], int(found["row"])) if found else (origin, 0)
        columns = {name: pa.array([_text(values.get(name))], pa.string()) for name in table.column_names}
        conformer = Conformer(table, time_zone=None, secret=None, fallback=day)
        batches.append(conformer.conform(RawRows(file, columns, pa.array([number], pa.int64()))))
    schema = delivered_schema(table)
    whole = pa.Table.from_batches(batches, schema=schema)
    ids = pa.array(range(first_id, first_id + len(rows)), pa.int64())
    return whole.append_column(ROW_ID, ids)


def _carried(replayed: DataFrame, keys: Sequence[tuple[str, str]]) -> DataFrame:
    if not keys:
        return replayed.limit(0)
    origins = [origin for origin, _ in keys]
    raws = [raw for _, raw in keys]
    return replayed.where(F.col("origin").isin(origins) & F.col("raw").isin(raws))


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)
