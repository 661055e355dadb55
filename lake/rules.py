"""The contract's row rules as Spark expressions: every row of a batch gets the list of reasons why it is wrong.

A staged frame holds the contract's columns (null where a value could not be read), ``day``, the origin, ``raw``,
``reasons`` (what was wrong already when it was read, or null) and ``row_id``, unique within the frame. ``judge``
returns the same rows with ``reasons`` (empty for a good row) and ``duplicate`` (true for the same row once more,
which is dropped and counted) and ``contradicts`` (true for a row whose key is there already with other values).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lake.store import Lake
from lake.tables import PARTITION, RECORDED_AT, Table
from lake.tables import Column as ContractColumn

REASONS = "reasons"
DUPLICATE = "duplicate"
CONTRADICTS = "contradicts"
ROW_ID = "row_id"
ORIGIN_FILE = "origin_file"
ORIGIN_ROW = "origin_row"
# A bad row in a small delivery says little about the delivery: so many never hold a table, within a tenth of its rows.
FEW_BAD_ROWS = 3
FEW_BAD_SHARE = 0.1
KNOWN = "known_"  # prefix of the other side's columns in a join


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a batch is checked against: the lake's other days, and the good rows of this run's other tables.

    ``good`` holds this run's tables, by name, as frames of the contract's columns and ``day``.
    """

    lake: Lake
    first: date
    last: date
    good: dict[str, DataFrame]

    @classmethod
    def whole(cls, lake: Lake) -> Surroundings:
        """The lake as it is, for rows that are added to it and replace no day."""
        return cls(lake, date.max, date.min, {})

    def other_days(self, name: str) -> DataFrame | None:
        """The lake's rows outside the days that this run replaces; None where the lake has no such table."""
        if not self.lake.exists(name):
            return None
        whole = self.lake.read(name)
        if self.first > self.last:
            return whole
        return whole.where(~F.col(PARTITION).between(F.lit(self.first), F.lit(self.last)))

    def all_rows(self, name: str) -> DataFrame | None:
        """Rows of a table as they will be when this run has written it; None where nobody has any."""
        own = self.good.get(name)
        others = (
            self.other_days(name) if own is not None else (self.lake.read(name) if self.lake.exists(name) else None)
        )
        if own is None or others is None:
            return others if own is None else own
        return own.unionByName(others)


def judge(table: Table, staged: DataFrame, around: Surroundings) -> DataFrame:
    """``staged`` with the reasons of every row, ``duplicate`` and ``contradicts``. One row each; nothing is dropped."""
    rows = staged.withColumn(REASONS, _with(F.coalesce(REASONS, _no_reasons()), _row_reasons(table)))
    for reference in table.references:
        parents = around.all_rows(reference.table)
        rows = _with_orphans(rows, reference.column, reference.table, reference.to, parents)
    if table.name == "shipment_events":
        rows = _with_impossible_deliveries(rows, around.other_days(table.name))
    return _with_repeated_keys(table, rows, around.other_days(table.name))


def good_rows(table: Table, judged: DataFrame) -> DataFrame:
    """The rows that may enter the lake: the contract's columns and ``day``."""
    fine = (F.size(REASONS) == 0) & ~F.col(DUPLICATE)
    return judged.where(fine).select(*table.column_names, PARTITION)


def allowed_bad(table: Table, rows: int) -> int:
    """How many of ``rows`` may be bad before the table is held."""
    return max(int(table.max_bad_share * rows), min(FEW_BAD_ROWS, int(FEW_BAD_SHARE * rows)))


def _row_reasons(table: Table) -> list[Column]:
    """What one row alone can be wrong in; each expression is null where it is right."""
    found = [reason for column in table.columns for reason in _column_reasons(column)]
    holds = [F.coalesce(F.expr(rule.holds), F.lit(True)) for rule in table.rules]
    return found + [F.when(~held, F.lit(rule.says)) for held, rule in zip(holds, table.rules, strict=True)]


def _column_reasons(column: ContractColumn) -> Iterable[Column]:
    value = F.col(column.name)
    if not column.nullable:
        # A value that could not be read is null too, and has been told already; so has a line without columns.
        lines = F.concat(F.lit("\n"), F.array_join(F.coalesce(REASONS, _no_reasons()), "\n"))
        told = lines.contains(f"\n{column.name} ") | lines.contains("\nthe line has ")
        yield F.when(value.isNull() & ~told, F.lit(f"{column.name} is empty and must have a value"))
    if column.allowed:
        allowed = ", ".join(column.allowed)
        says = F.concat(F.lit(f"{column.name} '"), value, F.lit(f"' is not one of: {allowed}"))
        yield F.when(~value.isin(*column.allowed), says)
    text = value.cast("string")
    if column.minimum is not None:
        says = F.concat(F.lit(f"{column.name} is "), text, F.lit(f", below {column.minimum:g}, the least allowed"))
        yield F.when(value < column.minimum, says)
    if column.maximum is not None:
        says = F.concat(F.lit(f"{column.name} is "), text, F.lit(f", above {column.maximum:g}, the most allowed"))
        yield F.when(value > column.maximum, says)


def _with_orphans(rows: DataFrame, column: str, parent: str, key: str, parents: DataFrame | None) -> DataFrame:
    says = F.concat(F.lit(f"{column} '"), F.col(column), F.lit(f"' is not in {parent}"))
    if parents is None:
        return rows.withColumn(REASONS, _with(F.col(REASONS), [F.when(F.col(column).isNotNull(), says)]))
    known = parents.select(F.col(key).alias(KNOWN + key)).distinct()
    joined = rows.join(known, F.col(column) == F.col(KNOWN + key), "left")
    orphan = F.col(column).isNotNull() & F.col(KNOWN + key).isNull()
    return joined.withColumn(REASONS, _with(F.col(REASONS), [F.when(orphan, says)])).drop(KNOWN + key)


def _with_impossible_deliveries(rows: DataFrame, others: DataFrame | None) -> DataFrame:
    """A parcel cannot be delivered before it was handed over.

    The scan that comes second to contradict is the wrong one.
    """
    scans = rows.where(F.size(REASONS) == 0).select("shipment_id", "event", "event_at")
    every = scans if others is None else scans.unionByName(others.select(*scans.columns))
    handed = _earliest(every, "handed_over", "handed_at")
    rows = rows.join(handed, rows["shipment_id"] == handed["handed_at_id"], "left")
    early = (F.col("event") == "delivered") & (F.col("event_at") < F.col("handed_at"))
    says = F.concat(
        F.lit("delivered at "), _time("event_at"), F.lit(", before it was handed over at "), _time("handed_at")
    )
    found = [F.when(early, says)]
    if others is not None:
        gone = _earliest(others, "delivered", "gone_at")
        rows = rows.join(gone, rows["shipment_id"] == gone["gone_at_id"], "left")
        late = (F.col("event") == "handed_over") & (F.col("event_at") > F.col("gone_at"))
        says = F.concat(
            F.lit("handed over at "), _time("event_at"), F.lit(", after its delivery at "), _time("gone_at")
        )
        found.append(F.when(late, says))
    return rows.withColumn(REASONS, _with(F.col(REASONS), found)).drop(
        "handed_at", "handed_at_id", "gone_at", "gone_at_id"
    )


def _earliest(scans: DataFrame, event: str, name: str) -> DataFrame:
    chosen = scans.where(F.col("event") == event)
    return chosen.groupBy(F.col("shipment_id").alias(f"{name}_id")).agg(F.min("event_at").alias(name))


def _with_repeated_keys(table: Table, rows: DataFrame, others: DataFrame | None) -> DataFrame:
    """Among good rows of one key the first that became known stays, and what the lake has on other days comes first.

    The same row once more (in all but recorded_at) is a duplicate; a row with other values is wrong. Rows with other
    faults take no part: a corrected row beside its faulty twin is welcome.
    """
    key = list(table.key)
    content = F.struct(*[name for name in table.column_names if name not in {*key, RECORDED_AT}] or key)
    sound = rows.where(F.size(REASONS) == 0).select(
        *key, RECORDED_AT, ROW_ID, ORIGIN_FILE, ORIGIN_ROW, content.alias("content")
    )
    repeated = sound.groupBy(*key).agg(F.count("*").alias("times")).where(F.col("times") > 1).drop("times")
    order = Window.partitionBy(*key).orderBy(RECORDED_AT, ORIGIN_FILE, ORIGIN_ROW, ROW_ID)
    first = F.struct("content", ORIGIN_FILE, ORIGIN_ROW)
    ranked = sound.join(repeated, key, "left_semi").select(
        ROW_ID, "content", F.row_number().over(order).alias("place"), F.first(first).over(order).alias("first")
    )
    where = origin(F.col(f"first.{ORIGIN_FILE}"), F.col(f"first.{ORIGIN_ROW}"))
    says = F.concat(F.lit(f"{_named(key)} is there already with other values, in "), where)
    verdicts = ranked.where(F.col("place") > 1).select(
        ROW_ID, F.col("content").eqNullSafe(F.col("first.content")).alias("same"), says.alias("says")
    )
    if others is not None:
        verdicts = verdicts.unionByName(_repeats_of_the_lake(table, sound, others))
    told = verdicts.groupBy(F.col(ROW_ID).alias("told_id")).agg(
        F.max("same").alias("same"), F.min("says").alias("says")
    )
    joined = rows.join(told, F.col(ROW_ID) == F.col("told_id"), "left")
    contradicts = F.coalesce(~F.col("same"), F.lit(False))
    return (
        joined.withColumn(REASONS, _with(F.col(REASONS), [F.when(contradicts, F.col("says"))]))
        .withColumn(DUPLICATE, F.coalesce("same", F.lit(False)))
        .withColumn(CONTRADICTS, contradicts)
        .drop("told_id", "same", "says")
    )


def _repeats_of_the_lake(table: Table, sound: DataFrame, others: DataFrame) -> DataFrame:
    key = list(table.key)
    names = [name for name in table.column_names if name not in {*key, RECORDED_AT}] or key
    known = others.select(
        *[F.col(name).alias(KNOWN + name) for name in key],
        F.struct(*names).alias("known"),
        F.col(PARTITION).alias("known_day"),
    )
    same_key = reduce(lambda one, other: one & other, [F.col(name) == F.col(KNOWN + name) for name in key])
    lake_day = F.col("known_day").cast("string")
    says = F.concat(F.lit(f"{_named(key)} is there already with other values, in the lake since "), lake_day)
    met = sound.join(known, same_key, "inner")
    return met.select(ROW_ID, F.col("content").eqNullSafe(F.col("known")).alias("same"), says.alias("says"))


def origin(file: Column, row: Column) -> Column:
    """``orders.csv line 17`` or ``orders.parquet row 16``: how a person finds the row."""
    word = F.when(file.endswith(".parquet"), F.lit(" row ")).otherwise(F.lit(" line "))
    return F.concat(file, word, row.cast("string"))


def _named(key: list[str]) -> str:
    return f"this {key[0]}" if len(key) == 1 else f"this combination of {', '.join(key)}"


def _no_reasons() -> Column:
    return F.array().cast("array<string>")


def _with(reasons: Column, found: list[Column]) -> Column:
    return F.concat(reasons, F.array_compact(F.array(*found))) if found else reasons


def _time(name: str) -> Column:
    return F.date_format(name, "yyyy-MM-dd HH:mm:ss'Z'")
