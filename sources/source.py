"""What a source is: rows of the contract with their origin, and the people that the rows are about.

A source never drops a row and never stops at a bad value. A row that cannot be read is delivered with the reasons and
its raw text, so that the gate can count it and quarantine can keep it. Only a whole file or table that cannot be
read raises SourceError.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from lake.store import arrow_schema
from lake.tables import PARTITION, Table

ORIGIN_FILE = "origin_file"
ORIGIN_ROW = "origin_row"
REASONS = "reasons"
RAW = "raw"
DELIVERED_EXTRA = (
    pa.field(PARTITION, pa.date32()),
    pa.field(ORIGIN_FILE, pa.string()),
    pa.field(ORIGIN_ROW, pa.int64()),
    pa.field(REASONS, pa.list_(pa.string())),
    pa.field(RAW, pa.string()),
)
ID_LENGTH = 32
# Accounts of people. They enter as the platform's own numbers and leave every source as keyed hashes.
PEOPLE_COLUMNS = {"orders": "buyer_id", "contacts": "person_id"}

REQUIRED_FOR = {
    "late_delivery": ("orders", "order_items", "order_events", "shipments", "shipment_events"),
    "stock_out": ("stock", "listings"),
}
# A day without a new order or without a stock row is a delivery that did not arrive; other tables have quiet days.
ROWS_EVERY_DAY = ("orders", "stock")
# Tables that only this target reads: where they came, it is wanted.
ONLY_FOR: dict[str, tuple[str, ...]] = {"late_delivery": ("sampling",), "stock_out": ("inbound", "promotions")}
SHARED = {"listings"}  # says what is sold, with or without a stock table


class SourceError(Exception):
    """A file or table that cannot be read at all. ``table`` names what is missing because of it."""

    def __init__(self, table: str, file: str, found: str, remedy: str) -> None:
        self.table = table
        self.file = file
        self.found = found
        self.remedy = remedy
        super().__init__(f"{table}, {file}: {found}. {remedy}")


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who may be written to. Goes to the encrypted directory of the state DB, never to the lake.

    person_id: keyed hash for a buyer, the platform's account number for a seller. locale: ``en`` or ``pt-BR``.
    time_zone: IANA name, None where unknown. region: ISO 3166-2, None where unknown. name may be empty.
    """

    person_id: str
    role: str
    name: str
    email: str
    locale: str
    time_zone: str | None
    region: str | None
    consent: bool


@dataclass(frozen=True, slots=True)
class Rejected:
    """One row that could not be read: where it stands, why, and its raw values as JSON (ids of people hashed)."""

    table: str
    file: str
    row: int
    day: date
    reasons: tuple[str, ...]
    raw: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A batch of one table. ``rows``: columns of ``delivered_schema(table)``; an unreadable value is null there.

    ``reasons`` and ``raw`` are null for rows that were read whole. ``day`` is the UTC date of ``recorded_at``; where
    that is unreadable, the day of the nearest row before it in the same file.
    """

    table: str
    rows: pa.RecordBatch

    @property
    def rejected(self) -> Iterator[Rejected]:
        """The rows that carry reasons."""
        for row in self.rows.filter(pc.is_valid(self.rows[REASONS])).to_pylist():
            yield Rejected(self.table, row[ORIGIN_FILE], row[ORIGIN_ROW], row[PARTITION], tuple(row[REASONS]), row[RAW])


class Source(Protocol):
    """Someone's data, seen as tables of the contract."""

    @property
    def name(self) -> str: ...

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the contract's tables that this source delivers, parents before children."""
        ...

    def span(self) -> tuple[date, date]:
        """First and last day (UTC, of ``recorded_at``). Raises SourceError where nothing can be read."""
        ...

    def newest_day(self) -> date:
        """The last day on which new orders, or new stock, became known: where a daily run stands.

        Not the end of the span where only outcomes (deliveries, reviews) of earlier orders follow.
        """
        ...

    def read(self, table: str, first: date, last: date) -> Iterator[Delivery]:
        """Rows of ``table`` that became known from ``first`` to ``last``, both included, in batches.

        Raises SourceError where a file cannot be read; what was yielded before that must not be used.
        """
        ...

    def people(self) -> Iterator[Person]:
        """Everybody the tables name, once each. May be empty: then nobody can be told."""
        ...

    def notes(self) -> tuple[str, ...]:
        """What a newcomer should know about the files before a run: ignored files and columns. May be empty."""
        ...


def missing_tables(delivered: Iterable[str], in_lake: Iterable[str]) -> dict[str, str]:
    """Tables that a target needs and that did not come, with a sentence on each.

    A target counts as wanted where one of its own tables came, or where the lake has its required tables already: a
    delivery without them is then incomplete. A source that never had a target's tables simply does without it.
    """
    came, known = set(delivered), set(in_lake)
    missing: dict[str, str] = {}
    for target, required in REQUIRED_FOR.items():
        wanted = came & {*required, *ONLY_FOR[target]} - SHARED or known.issuperset(required)
        for name in required:
            if wanted and name not in came:
                missing[name] = (
                    f"the delivery has no file of this table ({name}.csv, {name}.parquet or a folder {name}/), and "
                    f"{target} cannot work without it."
                )
    return missing


def delivered_schema(table: Table) -> pa.Schema:
    """The contract's columns, then day, origin, reasons and raw."""
    return pa.schema([*arrow_schema(table), *DELIVERED_EXTRA])


def keyed_id(secret: bytes, raw: str) -> str:
    """The id under which a person's rows are kept:
    the first 32 hex digits of HMAC-SHA256 over the platform's number.
    """
    return hmac.digest(secret, raw.encode(), "sha256").hex()[:ID_LENGTH]


def keyed_ids(secret: bytes, raw: pa.Array) -> pa.Array:
    """``keyed_id`` of every value; null stays null. Each distinct value is hashed once."""
    encoded = pc.dictionary_encode(raw)
    hashed = pa.array([keyed_id(secret, value) for value in encoded.dictionary.to_pylist()], pa.string())
    return hashed.take(encoded.indices)


def origin(file: str, row: int) -> str:
    """``orders.csv line 17`` or ``orders.parquet row 16``: how a person finds the row."""
    return f"{file} row {row}" if file.endswith(".parquet") else f"{file} line {row}"
