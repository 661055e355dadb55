"""The nine files of the Olist data set as they were published, and the optional ``order_timelines.parquet``.

Everything stays text until ``sources/conform.py`` reads it, so that a bad value is told with its file and line.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sources import files
from sources.source import SourceError

FILES = {
    "orders": (
        "olist_orders_dataset.csv",
        ("order_id", "customer_id", "order_status", "order_purchase_timestamp", "order_approved_at",
         "order_delivered_carrier_date", "order_delivered_customer_date", "order_estimated_delivery_date"),
    ),
    "order_items": (
        "olist_order_items_dataset.csv",
        ("order_id", "order_item_id", "product_id", "seller_id", "shipping_limit_date", "price", "freight_value"),
    ),
    "payments": ("olist_order_payments_dataset.csv", ("order_id", "payment_type", "payment_value")),
    "reviews": (
        "olist_order_reviews_dataset.csv",
        ("order_id", "review_score", "review_comment_message", "review_creation_date", "review_answer_timestamp"),
    ),
    "customers": (
        "olist_customers_dataset.csv",
        ("customer_id", "customer_unique_id", "customer_zip_code_prefix", "customer_state"),
    ),
    "sellers": ("olist_sellers_dataset.csv", ("seller_id", "seller_zip_code_prefix", "seller_state")),
    "products": ("olist_products_dataset.csv", ("product_id", "product_category_name", "product_weight_g")),
    "geolocation": (
        "olist_geolocation_dataset.csv",
        ("geolocation_zip_code_prefix", "geolocation_lat", "geolocation_lng"),
    ),
    "categories": (
        "product_category_name_translation.csv",
        ("product_category_name", "product_category_name_english"),
    ),
}  # fmt: skip
TIMELINES = "order_timelines.parquet"
TIMELINE_COLUMNS = tuple(FILES["orders"][1])
FILE, LINE = "origin_file", "origin_row"
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


class OlistFiles:
    """Each file as a frame of text with its origin, read once. broken: file -> line -> why it has no columns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broken: dict[str, dict[int, str]] = {}
        absent = [file for file, _ in FILES.values() if not (folder / file).is_file()]
        if absent:
            raise SourceError(
                "the whole source",
                str(folder),
                f"{', '.join(absent)} missing",
                "Put the nine files there under the names they were published with.",
            )

    def load(self, name: str) -> pd.DataFrame:
        """One file's needed columns as text (NaN where empty), with origin_file and origin_row."""
        file, columns = FILES[name]
        return self._frame(name, file, columns)

    @cached_property
    def book(self) -> pd.DataFrame:
        """Every order: the published file first, then what ``order_timelines.parquet`` adds to it."""
        orders = self.load("orders").assign(extra=False)
        if not (self.folder / TIMELINES).is_file():
            return orders
        more = self._frame("orders", TIMELINES, TIMELINE_COLUMNS).assign(extra=True)
        return pd.concat([orders, more[~more["order_id"].isin(orders["order_id"])]], ignore_index=True)

    def _frame(self, table: str, file: str, columns: tuple[str, ...]) -> pd.DataFrame:
        path = self.folder / file
        found = files.header(path, table, file)
        absent = [name for name in columns if name not in found]
        if absent:
            raise SourceError(
                table,
                file,
                f"column{'s' if len(absent) > 1 else ''} {', '.join(absent)} missing (found: {', '.join(found)})",
                "Use the file as it was published.",
            )
        parts = []
        faults = self.broken.setdefault(file, {})
        for part in files.rows(path, table, file):
            faults.update(part.broken)
            texts = {name: _text(part.columns[name]).to_pandas() for name in columns}
            parts.append(pd.DataFrame(texts).assign(**{FILE: file, LINE: part.numbers.to_numpy()}))
        empty = pd.DataFrame(
            {name: pd.Series(dtype=object) for name in (*columns, FILE)} | {LINE: np.array([], np.int64)}
        )
        return pd.concat(parts, ignore_index=True) if parts else empty


def _text(values: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(values.type):
        return pc.strftime(values.cast(pa.timestamp("s"), safe=False), format=TIME_FORMAT)
    return values.cast(pa.string())
