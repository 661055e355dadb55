"""Olist: orders of a Brazilian marketplace, 2016 to 2018, in the nine files as they were published.

Names and addresses of people are not in the data: ids are hashed, and addresses end in ``.example``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lake.tables import CONTRACT, PARTITION
from sources import brazil
from sources.conform import conform_texts
from sources.olist_files import FILE, FILES, LINE, TIMELINES, OlistFiles
from sources.olist_tables import OlistTables
from sources.source import Delivery, Person, SourceError

TIME_ZONE = "America/Sao_Paulo"
LOCALE = "pt-BR"
SHOWN_ID = 12
TABLES = (
    "orders", "order_items", "order_events", "shipments", "shipment_events", "reviews", "listings", "calendar",
    "sampling",
)  # fmt: skip
# Lines that could not be split into columns are told with the table that the file is for.
BASE_FILES = {FILES[name][0]: name for name in ("orders", "order_items", "reviews")}


class OlistSource:
    """The contract's tables made from the files of one folder. secret: the key under which buyers' ids are hashed."""

    name = "olist"
    tables = TABLES

    def __init__(self, folder: Path, secret: bytes) -> None:
        self._files = OlistFiles(folder)
        self._tables = OlistTables(self._files, secret)
        if self._tables.book.empty:
            raise SourceError("orders", FILES["orders"][0], "it holds no orders", "Use the file as it was published.")
        self._table = cache(self._conformed)

    def span(self) -> tuple[date, date]:
        """From the first row that became known to the moment of the export."""
        ends = [pc.min_max(self._table(table)[PARTITION]).as_py() for table in self.tables]
        known = [end for end in ends if end["min"] is not None]
        return min(end["min"] for end in known), max(end["max"] for end in known)

    def newest_day(self) -> date:
        """The last day on which an order became known; only deliveries and reviews follow it."""
        newest: date = pc.max(self._table("orders")[PARTITION]).as_py()
        return newest

    def read(self, table: str, first: date, last: date) -> Iterator[Delivery]:
        """See ``sources.source.Source.read``."""
        rows = self._table(table)
        days = rows[PARTITION]
        inside = pc.and_(pc.greater_equal(days, pa.scalar(first)), pc.less_equal(days, pa.scalar(last)))
        kept = rows.filter(inside)
        if kept.num_rows:
            yield Delivery(table, kept)

    def people(self) -> Iterator[Person]:
        """Buyers, where several accounts share a person the last one's state, then sellers."""
        book = self._tables.book.dropna(subset=["buyer_id"])
        for row in book.drop_duplicates("buyer_id", keep="last")[["buyer_id", "customer_state"]].itertuples(
            index=False
        ):
            yield _person(str(row.buyer_id), "buyer", row.customer_state)
        for row in self._files.load("sellers").drop_duplicates("seller_id").itertuples(index=False):
            yield _person(str(row.seller_id), "seller", row.seller_state)

    def notes(self) -> tuple[str, ...]:
        with_timelines = (self._files.folder / TIMELINES).is_file()
        adds = "adds orders without items, as history alone" if with_timelines else "is not here: published orders only"
        return (
            f"{TIMELINES} {adds}",
            "order_status is known only in the end and becomes no column",
        )

    def _conformed(self, table: str) -> pa.RecordBatch:
        frame: pd.DataFrame = getattr(self._tables, table)()
        contract = CONTRACT[table]
        texts = {
            name: pa.array(frame[name], from_pandas=True) for name in frame.columns if name in contract.column_names
        }
        begin = date.fromisoformat(str(self._tables.book["order_purchase_timestamp"].min())[:10])
        parts = []
        for file in frame[FILE].unique() if len(frame) else [FILES["orders"][0]]:
            here = pa.array(frame[FILE] == file)
            parts.append(
                conform_texts(
                    contract,
                    {name: values.filter(here) for name, values in texts.items()},
                    file=str(file),
                    numbers=pa.array(frame[LINE], pa.int64()).filter(here),
                    time_zone=TIME_ZONE,
                    fallback=begin,
                    broken=self._files.broken.get(str(file), {}) if BASE_FILES.get(str(file)) == table else {},
                )
            )
        return pa.concat_batches(parts)


def _person(person_id: str, role: str, state: object) -> Person:
    known = state if isinstance(state, str) and state in brazil.STATE_ZONE else None
    return Person(
        person_id=person_id,
        role=role,
        name="",
        email=f"{role}-{person_id[:SHOWN_ID]}@{role}s.example",
        locale=LOCALE,
        time_zone=brazil.STATE_ZONE[known] if known else None,
        region=brazil.region(known) if known else None,
        consent=True,
    )
