"""A lake with very many made-up articles: four weeks of stock, what is on its way, and what has arrived."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from features.history import PAST_DAYS
from lake.store import Lake, arrow_schema
from lake.tables import CONTRACT, PARTITION

ARTICLES_A_SELLER = 20
ORDERED_DAYS_AGO, TAKES_DAYS = 4, 8
UNSTEADY = 4.0  # shape of the gamma that a day's demand varies by


def write(lake: Lake, articles: int, last: date, seed: int = 7) -> None:
    """``stock`` of the four weeks that end with ``last``, and ``inbound``: every third article has some on its way, and
    one of every seller has just received some.
    """
    rng = np.random.default_rng(seed)
    rate = np.exp(rng.normal(-0.5, 1.3, articles))
    number = np.arange(articles)
    names = {
        "seller_id": pa.array(np.char.add("s", (number // ARTICLES_A_SELLER).astype(str))),
        "sku_id": pa.array(np.char.add("k", number.astype(str))),
    }
    for back in range(PAST_DAYS):
        day = last - timedelta(days=back)
        sold = rng.poisson(rate * rng.gamma(UNSTEADY, 1 / UNSTEADY, articles)).astype(np.float64)
        _put(lake, "stock", day, articles, {
            **names, "stock_day": day, "on_hand": pa.array(rng.poisson(rate * 10).astype(np.float64)),
            "in_stock_share": 1.0, "units_sold": pa.array(sold),
        })  # fmt: skip
    coming = pa.array(number[::3])
    _move(lake, last - timedelta(days=ORDERED_DAYS_AGO), "ordered", "open", names, coming)
    arrived = pa.array(number[1::ARTICLES_A_SELLER])
    _move(lake, last - timedelta(days=TAKES_DAYS + 1), "ordered", "over", names, arrived)
    _move(lake, last - timedelta(days=1), "received", "over", names, arrived)


def _move(lake: Lake, day: date, event: str, kind: str, names: dict[str, pa.Array], which: pa.Array) -> None:
    sku = names["sku_id"].take(which)
    due = _moment(day) + timedelta(days=TAKES_DAYS) if event == "ordered" else None
    _put(lake, "inbound", day, len(which), {
        "inbound_id": pa.array([f"{kind}-{name}" for name in sku.to_pylist()]), "event": event,
        "event_at": _moment(day), "seller_id": names["seller_id"].take(which), "sku_id": sku, "quantity": 10.0,
        "expected_at": due,
    })  # fmt: skip


def _put(lake: Lake, table: str, day: date, rows: int, values: dict[str, object]) -> None:
    """One day of a table; a value that is no column stands in every row, and what is not named is null."""
    schema = arrow_schema(CONTRACT[table]).append(pa.field(PARTITION, pa.date32()))
    known = {"recorded_at": _moment(day), PARTITION: day, **values}
    columns = [
        known[field.name] if isinstance(known.get(field.name), pa.Array)
        else pa.repeat(pa.scalar(known.get(field.name), field.type), rows)
        for field in schema
    ]  # fmt: skip
    lake.replace_days(table, lake.frame(pa.table(columns, schema=schema)), day, day)


def _moment(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), tzinfo=UTC) + timedelta(hours=23)
