"""Section other_markets: buyer targets on public data sets beside late delivery and stock.

    python -m bench.other_markets [amazon|retail|olist]

Amazon India: cancellation, foreseen at the order. Online Retail: a return, foreseen at the sale. Olist: a bad review,
foreseen at the delivery. Each data set becomes the contract's tables and goes through the same gates, features, origins
and peers as any source. What a data set does not say is assumed here, in one place each, and told.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from bench import models as bench_models
from jobs import backtest
from lake import engine
from lake.store import Lake
from models import horizon, target
from models.target import TargetSpec
from sources.opened import open_source

KEY = b"a key for the bench, 32 bytes.."
MOST_ROWS = 100_000
NOON = timedelta(hours=12)
CANCEL_KNOWN_AFTER = timedelta(days=5)  # Amazon India's file says that an order was cancelled, not when
CANCEL_WITHIN = timedelta(days=6)  # so that a label is mature as soon as it can be known
RETURN_WITHIN = timedelta(days=30)  # of labels that take 60 days to mature, ten months leave too few to fit on
STATES = {"MAHARASHTRA": "MH", "KARNATAKA": "KA", "TAMIL NADU": "TN", "TELANGANA": "TG", "UTTAR PRADESH": "UP",
          "DELHI": "DL", "KERALA": "KL", "WEST BENGAL": "WB", "ANDHRA PRADESH": "AP", "HARYANA": "HR", "GUJARAT": "GJ",
          "RAJASTHAN": "RJ", "MADHYA PRADESH": "MP", "BIHAR": "BR", "ODISHA": "OR", "PUNJAB": "PB", "ASSAM": "AS",
          "UTTARAKHAND": "UK", "JHARKHAND": "JH", "CHHATTISGARH": "CT", "HIMACHAL PRADESH": "HP", "GOA": "GA",
          "JAMMU & KASHMIR": "JK", "CHANDIGARH": "CH", "PUDUCHERRY": "PY"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """One question. write: (data folder, out folder) puts contract tables into out; None: ``source`` reads as it is."""

    name: str
    folder: str
    source: str
    target: str
    snapshot: str
    write: Callable[[Path, Path], None] | None
    train_before: str
    test_before: str
    warm_up: timedelta
    within: timedelta | None = None
    event: str = ""


def amazon_india(data: Path, out: Path) -> None:
    """Order lines as orders, items and cancellations.

    Price and quantity as ordered are not in the file where the order was cancelled (empty, 0), so neither is taken
    from the line: each line is one piece at the median price that its category had until the day before. Who cancelled
    is not said; it counts as the seller.
    """
    lines = pd.read_parquet(data / "orders.parquet").drop_duplicates()
    lines = lines[lines["Status"].ne("Pending")].assign(
        day=lambda frame: pd.to_datetime(frame["order_date"], utc=True),
        Amount=lambda frame: pd.to_numeric(frame["Amount"]),
    )
    known = lines["day"] + NOON
    lines = lines.assign(known=known, price=_usual_price(lines), line_no=lines.groupby("Order ID").cumcount() + 1)
    orders = lines.drop_duplicates("Order ID")
    state = orders["ship-state"].str.strip().str.upper().map(STATES)
    _save(out, "orders", {
        "order_id": orders["Order ID"], "buyer_id": orders["Order ID"], "created_at": orders["known"],
        "promised_at": pd.NaT, "ship_by": pd.NaT, "destination_region": "IN-" + state, "payment_type": None,
        "currency": "INR", "value": None, "freight": None, "recorded_at": orders["known"],
    })  # fmt: skip
    _save(out, "order_items", {
        "order_id": lines["Order ID"], "line_no": lines["line_no"], "seller_id": lines["Fulfilment"],
        "sku_id": lines["Category"] + " " + lines["Size"], "quantity": 1, "unit_price": lines["price"],
        "category": lines["Category"], "weight_g": None, "recorded_at": lines["known"],
    })  # fmt: skip
    _save(out, "shipments", {
        "shipment_id": orders["Order ID"], "order_id": orders["Order ID"], "carrier": orders["Fulfilment"],
        "service_level": orders["ship-service-level"], "origin_region": None,
        "destination_region": "IN-" + state, "distance_km": None, "recorded_at": orders["known"],
    })  # fmt: skip
    gone = lines[lines["Status"].eq("Cancelled")].drop_duplicates("Order ID")
    at = gone["known"] + CANCEL_KNOWN_AFTER
    _save(out, "order_events", {
        "order_id": gone["Order ID"], "event": "cancelled", "by": "seller", "event_at": at, "recorded_at": at,
    })  # fmt: skip


def online_retail(data: Path, out: Path) -> None:
    """Each sale line with a customer as an order of one item; a return is the first later C invoice of that customer
    for that article within 30 days. Exact duplicates are dropped.
    """
    lines = pd.read_parquet(data / "online_retail.parquet").drop_duplicates().dropna(subset=["CustomerID"])
    lines = lines.assign(
        at=pd.to_datetime(lines["InvoiceDate"], utc=True), buyer=lines["CustomerID"].astype(int).astype(str)
    )
    undone = lines["InvoiceNo"].astype(str).str.startswith("C")
    sales = lines[~undone & (lines["Quantity"] > 0) & (lines["UnitPrice"] > 0)].sort_values("at", kind="stable")
    number = sales.groupby(["InvoiceNo", "StockCode"]).cumcount().astype(str)
    sales = sales.assign(order_id=sales["InvoiceNo"].astype(str) + "-" + sales["StockCode"] + "-" + number)
    returns = lines.loc[undone, ["buyer", "StockCode", "at"]].sort_values("at").assign(returned_at=lambda f: f["at"])
    met = pd.merge_asof(sales, returns, on="at", by=["buyer", "StockCode"], direction="forward",
                        tolerance=RETURN_WITHIN, allow_exact_matches=False)  # fmt: skip
    _save(out, "orders", {
        "order_id": sales["order_id"], "buyer_id": sales["buyer"], "created_at": sales["at"], "promised_at": pd.NaT,
        "ship_by": pd.NaT, "destination_region": None, "payment_type": None, "currency": "GBP",
        "value": sales["Quantity"] * sales["UnitPrice"], "freight": None, "recorded_at": sales["at"],
    })  # fmt: skip
    _save(out, "order_items", {
        "order_id": sales["order_id"], "line_no": 1, "seller_id": "retailer", "sku_id": sales["StockCode"],
        "quantity": sales["Quantity"], "unit_price": sales["UnitPrice"], "category": sales["Country"],
        "weight_g": None, "recorded_at": sales["at"],
    })  # fmt: skip
    back = met[met["returned_at"].notna()]
    _save(out, "order_events", {
        "order_id": back["order_id"], "event": "return_requested", "by": "buyer", "event_at": back["returned_at"],
        "recorded_at": back["returned_at"],
    })  # fmt: skip
    _save(out, "shipments", {
        "shipment_id": sales["order_id"], "order_id": sales["order_id"], "carrier": None, "service_level": None,
        "origin_region": None, "destination_region": None, "distance_km": None, "recorded_at": sales["at"],
    })  # fmt: skip


TASKS = (
    Task("Amazon India, cancellation at the order", "amazon_in", "csv", "seller_cancellation", "approval",
         amazon_india, "2022-05-08", "2022-05-30", timedelta(days=3), CANCEL_WITHIN, "cancelled"),
    Task("Online Retail, return at the sale", "online_retail", "csv", "return_or_refund", "approval",
         online_retail, "2011-06-01", "2011-08-15", timedelta(days=10), RETURN_WITHIN, "return_requested"),
    Task("Olist, bad review at the delivery", "olist", "olist", "bad_review", "delivery",
         None, "2017-12-01", "2018-05-01", timedelta(days=30)),
)  # fmt: skip


def main(only: str = "") -> None:
    """Every task whose data set is here, or the one whose name contains ``only``."""
    only = only or (sys.argv[1] if len(sys.argv) > 1 else "")
    for task in TASKS:
        folder = bench_models.DATA / task.folder
        if only.lower() not in task.name.lower():
            continue
        if folder.is_dir():
            run(task, folder)
        else:
            print(f"{task.name}: {task.folder} is not here, left out")


def run(task: Task, folder: Path) -> None:
    """Ingest, walk the origins with model and peers on the same rows, print the comparison."""
    began = time.monotonic()
    spec = _asked(task)
    period = backtest.period_of(date.fromisoformat(task.train_before), date.fromisoformat(task.test_before))
    with tempfile.TemporaryDirectory(prefix="beforehand-bench-") as scratch, engine.session() as spark:
        if task.write is not None:
            tables = Path(scratch) / "tables"
            tables.mkdir()
            task.write(folder, tables)
            _without_scans(tables)
            folder = tables
        lake = Lake(Path(scratch) / "lake", spark)
        known_until = backtest.fill(lake, open_source(task.source, folder, KEY), Path(scratch))
        learning = backtest.learnable(lake, spec, period, known_until, most=MOST_ROWS)
        rows, walked = backtest.walk(spec, learning, period, known_until)
        rows["lightgbm"] = bench_models.lightgbm(spec, rows, walked, learning)
    print(task.name)
    bench_models.compare(spec, rows)
    print(f"{task.name}: {time.monotonic() - began:.0f} s\n")


def _without_scans(out: Path) -> None:
    """Say that this market reports no scan of any parcel: a table that is there and empty."""
    names = ("shipment_id", "event", "hub", "event_at", "recorded_at")
    _save(out, "shipment_events", {name: pd.Series(dtype="object") for name in names})


def _asked(task: Task) -> TargetSpec:
    """The product's target, at one snapshot and with this data set's horizon."""
    spec = target.spec(task.target)

    def between(lake: Lake, first: datetime, last: datetime) -> DataFrame:
        return spec.subjects_between(lake, first, last).where(F.col("snapshot") == task.snapshot)

    found = replace(spec, subjects_between=between, snapshots=(task.snapshot,), warm_up=task.warm_up)
    return found if task.within is None else replace(found, label=partial(_happens, task.event, task.within))


def _happens(event: str, within: timedelta, lake: Lake, rows: DataFrame, known_before: datetime | None) -> DataFrame:
    """Whether the order's event comes within so many days; mature as soon as they have passed."""
    first = horizon.first_of(lake, "order_events", F.col("event") == event, known_before)
    return horizon.within(rows.select("order_id", "as_of"), first, horizon.after(F.col("as_of"), within))


def _usual_price(lines: pd.DataFrame) -> pd.Series:
    """The median price of each line's category over all days before its own; of all lines where there was none yet."""
    daily = lines.groupby(["Category", "day"])["Amount"].median().sort_index()
    before = daily.groupby("Category").transform(lambda prices: prices.expanding().median().shift()).rename("price")
    found = lines[["Category", "day"]].merge(before.reset_index(), on=["Category", "day"], how="left")["price"]
    filled: pd.Series = pd.Series(found.to_numpy(), index=lines.index).fillna(float(np.nanmedian(daily)))
    return filled


def _save(out: Path, table: str, columns: dict[str, object]) -> None:
    pd.DataFrame(columns).to_parquet(out / f"{table}.parquet", index=False)


if __name__ == "__main__":
    main()
