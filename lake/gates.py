"""Great Expectations' only door: suites made from the contract and from feature specs, run where the data is.

Great Expectations passes an empty frame, an all-null column and an empty suite, and reports errors of its own as failed
expectations. So every suite counts rows and nulls, an empty suite is refused, and an error of its own is an error here.
All its metrics of a frame are aggregates of one pass: uniqueness of keys is measured by ``lake.rules.judge`` and only
read here, because its own compound-key expectation costs eight seconds for 3.8 million rows, and everything else one.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lake.rules import CONTRADICTS, REASONS, allowed_bad
from lake.tables import Column, Table

if TYPE_CHECKING:
    from great_expectations.data_context import AbstractDataContext

WRONG_ROWS = "rows_with_a_reason"
NEW_KEY = "key_is_contradicted"
NO_VALUES = {"result_format": "BASIC", "partial_unexpected_count": 0}  # counts only: no second pass for examples
SITE = "gates"
ALL_ROWS = ""
ROUNDING = 1e-9  # keeps a share of exactly the bound within it
Bound = tuple[float | None, float | None]


class GateError(RuntimeError):
    """A gate could not be run. Nothing may pass it: the day is held until it can."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate found. failures: one sentence for each expectation that was not met, empty if all were.

    checked: how many expectations were run, never 0. docs: the page that shows them.
    """

    name: str
    rows: int
    checked: int
    failures: tuple[str, ...]
    docs: Path

    @property
    def passed(self) -> bool:
        return not self.failures


class Gates:
    """Gates of one step. Their page stands in ``folder`` and shows what the step's last run checked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._context: AbstractDataContext | None = None

    @property
    def page(self) -> Path:
        return self.folder / "index.html"

    def table(self, table: Table, judged: DataFrame, rows: int, *, rows_required: bool) -> Verdict:
        """Whether a table may enter the lake. judged: of ``lake.rules.judge``; rows: how many it has.

        A share of bad rows up to the table's bound passes: those rows go to quarantine. Raises GateError where Great
        Expectations fails.
        """
        frame = judged.withColumn(WRONG_ROWS, (F.size(REASONS) > 0).cast("int"))
        frame = frame.withColumn(NEW_KEY, F.col(CONTRADICTS).cast("int"))
        frame = frame.select(*table.column_names, WRONG_ROWS, NEW_KEY)
        mostly = _mostly(table, frame, rows)
        return self._run(table.name, frame, table_suite(table, mostly, rows_required=rows_required))

    def features(self, name: str, frame: DataFrame, features: Sequence[tuple[str, Bound | None, bool]]) -> Verdict:
        """Whether a frame of features may reach a model. features: (column, allowed range, may be null).

        Every row must keep to the range: a feature outside it is a mistake in its computation, and no row is set
        aside. Raises GateError for an empty list of features or where Great Expectations fails.
        """
        return self._run(name, frame.select(*[column for column, _, _ in features]), feature_suite(features))

    def _run(self, name: str, frame: DataFrame, expectations: list[Any]) -> Verdict:
        if not expectations:
            raise GateError(f"{name}: the gate expects nothing, so it would pass everything. Nothing passed.")
        context = self._opened()
        gx = _library()
        source = context.data_sources.add_or_update_spark(name)
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
        suite = context.suites.add_or_update(gx.ExpectationSuite(name=name, expectations=expectations))
        definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
        found = context.validation_definitions.add_or_update(definition).run(
            batch_parameters={"dataframe": frame}, result_format=NO_VALUES
        )
        results = list(found.results)
        if len(results) != len(expectations):
            raise GateError(f"{name}: {len(results)} of {len(expectations)} expectations were run. Nothing passed.")
        failures = tuple(_says(result) for result in results if not result.success)
        rows = next(int(result.result["observed_value"]) for result in results if "row_count" in _kind(result))
        return Verdict(name, rows, len(results), failures, self.page)

    def build_page(self) -> Path:
        """Write the page of everything that was checked and return its path."""
        self._opened().build_data_docs(site_names=[SITE])
        for film in self.folder.glob("static/images/*.gif"):
            film.unlink()  # three megabytes of how-to for every day's page
        return self.page

    def _opened(self) -> AbstractDataContext:
        if self._context is None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._context = _context(self.folder)
        return self._context


def table_suite(table: Table, mostly: Mapping[str, float], *, rows_required: bool) -> list[Any]:
    """Expectations of one table: rows, nulls, keys, allowed values, ranges, and rows with any reason at all.

    mostly: column -> least share of good values; of all rows under "" for what is said of whole rows.
    """
    gxe = _library().expectations
    found: list[Any] = [gxe.ExpectTableRowCountToBeBetween(min_value=1 if rows_required else 0)]
    for column in table.columns:
        found += _column_suite(column, mostly.get(column.name, mostly[ALL_ROWS]))
    for name in (NEW_KEY, WRONG_ROWS):
        found.append(gxe.ExpectColumnValuesToBeBetween(column=name, min_value=0, max_value=0, mostly=mostly[ALL_ROWS]))
    return found


def _mostly(table: Table, frame: DataFrame, rows: int) -> dict[str, float]:
    """The share of good values that a column must reach for its bad rows to stay within the table's bound.

    Great Expectations takes that share of the values that are there: a column that is mostly empty needs one of its
    own.
    """
    bound = allowed_bad(table, rows)
    nullable = [column.name for column in table.columns if column.nullable and (column.allowed or column.has_range)]
    there = frame.agg(F.count(F.lit(1)), *[F.count(name).alias(name) for name in nullable]).collect()[0].asDict()
    counts = {name: int(there[name]) for name in nullable} | {ALL_ROWS: rows}
    return {name: max(0.0, 1 - bound / count - ROUNDING) if count else 1.0 for name, count in counts.items()}


def _column_suite(column: Column, mostly: float) -> Iterator[Any]:
    gxe = _library().expectations
    if not column.nullable:
        yield gxe.ExpectColumnValuesToNotBeNull(column=column.name, mostly=mostly)
    if column.allowed:
        yield gxe.ExpectColumnValuesToBeInSet(column=column.name, value_set=list(column.allowed), mostly=mostly)
    if column.has_range:
        yield gxe.ExpectColumnValuesToBeBetween(
            column=column.name, min_value=column.minimum, max_value=column.maximum, mostly=mostly
        )


def feature_suite(features: Iterable[tuple[str, Bound | None, bool]]) -> list[Any]:
    """Expectations of a frame of features, each met by every row; none where there are no features."""
    gxe = _library().expectations
    found: list[Any] = []
    for name, bound, nullable in features:
        if not nullable:
            found.append(gxe.ExpectColumnValuesToNotBeNull(column=name))
        if bound is not None and bound != (None, None):
            low, high = bound
            found.append(gxe.ExpectColumnValuesToBeBetween(column=name, min_value=low, max_value=high))
    return [gxe.ExpectTableRowCountToBeBetween(min_value=1), *found] if found else []


def _library() -> Any:
    """Great Expectations, loaded here for the first time: its import takes seconds."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when it is imported
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of modules that it imports
        import great_expectations as gx
        import great_expectations.expectations
    return gx


def _context(folder: Path) -> AbstractDataContext:
    gx = _library()
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    # Without temporary sites: it would leave their folders behind.
    stores = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    config = DataContextConfig(store_backend_defaults=stores, progress_bars=ProgressBarsConfig(globally=False))
    context = gx.get_context(mode="ephemeral", project_config=config)
    context.add_data_docs_site(
        SITE,
        {
            "class_name": "SiteBuilder",
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    return context


def _says(result: Any) -> str:
    """What was expected and what was found. Raises GateError where it could not be evaluated."""
    raised = _raised(result.exception_info)
    column = result.expectation_config.kwargs.get("column", "the table")
    if raised is not None:
        raise GateError(f"{_kind(result)} of {column} could not be evaluated: {raised}. Nothing passed.")
    found = result.result
    if "observed_value" in found:
        return f"the table has {found['observed_value']} rows, and at least 1 is expected"
    wrong, rows = found.get("unexpected_count"), found.get("element_count")
    kwargs = result.expectation_config.kwargs
    expected = {
        "expect_column_values_to_not_be_null": "empty",
        "expect_column_values_to_be_in_set": f"not one of {', '.join(map(str, kwargs.get('value_set') or ()))}",
        "expect_column_values_to_be_between": f"not within {_range(kwargs.get('min_value'), kwargs.get('max_value'))}",
    }[_kind(result)]
    if column == WRONG_ROWS:
        return f"{wrong} of {rows} rows are wrong"
    if column == NEW_KEY:
        return f"{wrong} of {rows} rows have a key that is there already with other values"
    return f"{column}: {wrong} of {rows} rows are {expected}"


def _kind(result: Any) -> str:
    return str(result.expectation_config.type)


def _range(low: float | None, high: float | None) -> str:
    return f"{'-∞' if low is None else f'{low:g}'} to {'∞' if high is None else f'{high:g}'}"


def _raised(info: dict[str, Any] | None) -> str | None:
    """The message of an exception inside Great Expectations, which it files under the result or under each metric."""
    if not info:
        return None
    single = [info] if "raised_exception" in info else [value for value in info.values() if isinstance(value, dict)]
    told = [str(one.get("exception_message")) for one in single if one.get("raised_exception")]
    return told[0].strip().splitlines()[0][:300] if told else None
