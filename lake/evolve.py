"""A table whose columns changed with a release: it gains the new ones, and keeps those that are no longer written.

The embedded engine refuses to write other columns than a table has; rewriting years of days for a new feature is not an
option either. Days written before have nulls in the new columns, days written since in those that are gone.
"""

from __future__ import annotations

from deltalake import DeltaTable
from deltalake import Schema as DeltaSchema
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lake.store import Lake


def fitted(lake: Lake, name: str, frame: DataFrame) -> DataFrame:
    """``frame`` with the columns of table ``name`` in their order, after the table was given those that it lacks."""
    if not lake.exists(name):
        return frame
    table = DeltaTable(lake.path(name))
    there = {field.name for field in table.schema().fields}
    fresh = [column for column in frame.columns if column not in there]
    if fresh:
        empty = frame.select(*fresh).limit(0).toArrow()
        table.alter.add_columns(list(DeltaSchema.from_arrow(empty.schema).fields))
    schema = lake.read(name).schema
    return frame.select(*[
        F.col(field.name) if field.name in frame.columns else F.lit(None).cast(field.dataType).alias(field.name)
        for field in schema.fields
    ])  # fmt: skip
