"""A small delivery of every table that the two targets need, as text files a person could have written."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from lake.tables import CONTRACT

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 4)
ORDERS = 80
Row = dict[str, str]
Tables = dict[str, list[Row]]


def tables(orders: int = ORDERS) -> Tables:
    """Good rows: each order approved an hour after it was made, handed over a day later, delivered two days after
    that.
    """
    found: Tables = {name: [] for name in ("orders", "order_items", "order_events", "shipments", "shipment_events")}
    for number in range(orders):
        made = datetime(2026, 3, 1, 8, tzinfo=UTC) + timedelta(minutes=6 * number)
        order, parcel, known = f"o{number:03}", f"p{number:03}", _utc(made + timedelta(hours=1))
        found["orders"].append(
            {
                "order_id": order,
                "buyer_id": f"buyer {number % 50}",
                "created_at": _utc(made),
                "promised_at": _utc(made + timedelta(days=6)),
                "currency": "BRL",
                "value": "39.90",
                "recorded_at": known,
            }
        )
        item = {"order_id": order, "line_no": "1", "seller_id": f"s{number % 7}", "sku_id": f"k{number % 9}"}
        found["order_items"].append(item | {"quantity": "2", "unit_price": "19.95", "recorded_at": known})
        found["order_events"].append({"order_id": order, "event": "approved", "event_at": known, "recorded_at": known})
        found["shipments"].append({"shipment_id": parcel, "order_id": order, "recorded_at": known})
        for event, days in (("handed_over", 1), ("delivered", 3)):
            at = _utc(made + timedelta(days=days))
            if at < f"{LAST + timedelta(days=1)}":
                found["shipment_events"].append(
                    {"shipment_id": parcel, "event": event, "event_at": at, "recorded_at": at}
                )
    found["stock"] = [
        {
            "seller_id": f"s{number}",
            "sku_id": f"k{number}",
            "stock_day": f"{FIRST + timedelta(days=day)}",
            "on_hand": f"{20 - number}",
            "recorded_at": f"{FIRST + timedelta(days=day)}T23:00:00Z",
        }
        for day in range(4)
        for number in range(10)
    ]
    found["listings"] = [
        {"seller_id": f"s{n}", "sku_id": f"k{n}", "active_from": "2026-03-01", "recorded_at": "2026-03-01T00:00:00Z"}
        for n in range(10)
    ]
    return found


def write(folder: Path, found: Tables, only: tuple[str, ...] | None = None) -> Path:
    """Write ``<table>.csv`` for each table, every column of the contract, absent values empty."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in only or tuple(found):
        write_table(folder / f"{name}.csv", name, found[name])
    return folder


def write_table(path: Path, name: str, rows: list[Row], *, delimiter: str = ",", encoding: str = "utf-8") -> None:
    """Write one table's rows as CSV."""
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, CONTRACT[name].column_names, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
