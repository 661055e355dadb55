"""What is wrong with a table, said once for each kind of fault with a few of the rows: what ``check`` shows."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Window
from pyspark.sql import functions as F

from jobs.intake import SHOWN_ROWS, Judged
from lake.rules import DUPLICATE, ORIGIN_FILE, ORIGIN_ROW, REASONS, origin

VALUE = r"'[^']*'"  # a value as reasons quote it
NUMBER = r"(is |at |since |on |row |line )-?[0-9][0-9.:TZ\-]*( [0-9:]+Z)?"
ANY = "…"
REPEATED = "the same row is there once more, and is dropped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of fault. rows: how many rows have it. shown: up to five, as ``orders.csv line 17: …``."""

    says: str
    rows: int
    shown: tuple[str, ...]


def of(judged: Judged) -> tuple[Finding, ...]:
    """A table's findings, the most frequent first. Rows that are there twice are one too."""
    told = judged.frame.where(F.size(REASONS) > 0).select(ORIGIN_FILE, ORIGIN_ROW, F.explode(REASONS).alias("reason"))
    if judged.repeated:
        twice = judged.frame.where(F.col(DUPLICATE) & (F.size(REASONS) == 0))
        told = told.unionByName(twice.select(ORIGIN_FILE, ORIGIN_ROW, F.lit(REPEATED).alias("reason")))
    if not judged.bad and not judged.repeated:
        return ()
    quoted = F.regexp_replace("reason", VALUE, f"'{ANY}'")
    kinds = told.withColumn("kind", F.regexp_replace(quoted, NUMBER, f"$1{ANY}"))
    shown = origin(F.col(ORIGIN_FILE), F.col(ORIGIN_ROW))
    order = Window.partitionBy("kind").orderBy(ORIGIN_FILE, ORIGIN_ROW)
    first = kinds.select("kind", "reason", shown.alias("origin"), F.row_number().over(order).alias("place"))
    examples = first.where(F.col("place") <= SHOWN_ROWS).orderBy("kind", "place").collect()
    counts = kinds.groupBy("kind").agg(F.count("*").alias("rows")).collect()
    rows: dict[str, list[str]] = {}
    for row in examples:
        rows.setdefault(row["kind"], []).append(f"{row['origin']}: {row['reason']}")
    found = [Finding(row["kind"], row["rows"], tuple(rows[row["kind"]])) for row in counts]
    return tuple(sorted(found, key=lambda finding: (-finding.rows, finding.says)))
