"""A small marketplace made by hand: enough of everything that every feature has something to read.

Two months of orders and stock, and a few orders from long before, so that pruned reading has something to prune. Some
orders and scans are reported late or out of order, some parcels never arrive, one order has two parcels.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from lake.store import Lake, arrow_schema
from lake.tables import CONTRACT

Row = dict[str, Any]
World = dict[str, list[Row]]

START = datetime(2026, 1, 20, tzinfo=UTC)
DAYS = 60
END = START + timedelta(days=DAYS)
AS_OF = START + timedelta(days=52)
SELLERS = ("s1", "s2", "s3")
SKUS = {"s1": ("a", "b"), "s2": ("a", "c"), "s3": ("b", "c")}
CATEGORY = {"a": "toys", "b": "books", "c": "toys"}
REGION_OF = {"s1": "north", "s2": "north"}  # where s3 sells is not known
EVENINGS = (1.0, 0.5, None, 0.0, 0.75)
REGIONS = ("BR-SP", "BR-RJ", "BR-MG")
FAR = "BR-MG"  # most parcels into it come through a third hub
SHARES = (1.0, 1.0, 1.0, 0.9, 0.6, 0.5, 0.2, 0.0)


def hand_made(seed: int = 7) -> World:
    """Every table's rows, as dictionaries by column."""
    pick = random.Random(seed)
    world: World = {name: [] for name in CONTRACT}
    for number in range(46):
        _order(world, pick, f"o{number:02d}", START + timedelta(hours=pick.uniform(0, DAYS * 24 - 96)))
    for number in range(6):
        _order(world, pick, f"x{number}", START - timedelta(days=230 + 20 * number, hours=pick.uniform(0, 20)))
    _stock(world, pick)
    _promotions(world, pick)
    _inbound(world, pick)
    _calendar(world)
    return world


def _hours(pick: random.Random, low: float, high: float) -> timedelta:
    return timedelta(seconds=int(pick.uniform(low, high) * 3600))


def _order(world: World, pick: random.Random, order_id: str, created: datetime) -> None:
    created = created.replace(microsecond=0)
    buyer, region, seller = f"buyer{pick.randrange(8)}", pick.choice(REGIONS), pick.choice(SELLERS)
    recorded = created + (timedelta(hours=30) if pick.random() < 0.1 else timedelta(minutes=1))
    promised = (created + timedelta(days=pick.randrange(4, 16))).replace(hour=23, minute=59, second=59)
    world["orders"].append(
        {
            "order_id": order_id, "buyer_id": buyer, "created_at": created, "ship_by": created + timedelta(days=2),
            "promised_at": None if pick.random() < 0.05 else promised, "destination_region": region,
            "payment_type": pick.choice(("card", "boleto")), "currency": "BRL",
            "value": round(pick.uniform(10, 300), 2),
            "freight": round(pick.uniform(5, 40), 2), "recorded_at": recorded,
        }
    )  # fmt: skip
    for line in range(1, 1 + pick.choice((1, 1, 2))):
        sku = pick.choice(SKUS[seller])
        world["order_items"].append(
            {
                "order_id": order_id, "line_no": line, "seller_id": seller, "sku_id": sku,
                "quantity": pick.randrange(1, 4),
                "unit_price": 10.0, "category": CATEGORY[sku], "weight_g": pick.choice((200.0, 1500.0, None)),
                "recorded_at": recorded,
            }
        )  # fmt: skip
        seller = pick.choice((seller, seller, "s2"))
    approved = created + _hours(pick, 1, 20)
    _event(world, order_id, "paid", approved - timedelta(minutes=30))
    _event(world, order_id, "approved", approved)
    if pick.random() < 0.08:
        _event(world, order_id, "cancelled", approved + _hours(pick, 10, 90))
        return
    if pick.random() < 0.4:
        at = approved + _hours(pick, 20, 120)
        world["contacts"].append(
            {"contact_id": f"c-{order_id}", "person_id": buyer, "order_id": order_id, "topic": "where", "text": None,
             "event_at": at, "recorded_at": at + timedelta(minutes=5)}
        )  # fmt: skip
    for parcel in range(2 if pick.random() < 0.1 else 1):
        _parcel(world, pick, order_id, f"{order_id}-{parcel}", region, approved)


def _event(world: World, order_id: str, event: str, at: datetime) -> None:
    world["order_events"].append(
        {"order_id": order_id, "event": event, "event_at": at, "by": None, "recorded_at": at + timedelta(minutes=2)}
    )


def _parcel(
    world: World, pick: random.Random, order_id: str, shipment_id: str, region: str, approved: datetime
) -> None:
    origin = pick.choice(REGIONS[:2])
    world["shipments"].append(
        {
            "shipment_id": shipment_id, "order_id": order_id, "carrier": pick.choice(("post", "van", None)),
            "service_level": "std", "origin_region": origin, "destination_region": region,
            "distance_km": 50.0 if origin == region else pick.uniform(300, 900),
            "recorded_at": approved + timedelta(hours=1),
        }
    )  # fmt: skip
    at = approved + _hours(pick, 5, 80)
    steps = ["handed_over", "hub_in", "hub_out", "hub_in", "hub_out", "out_for_delivery"]
    if pick.random() < 0.25:
        steps += ["attempt_failed", "out_for_delivery"]
    steps.append(pick.choice(("delivered",) * 12 + ("returned", "lost")))
    stop = pick.randrange(1, len(steps)) if pick.random() < 0.2 else len(steps)
    hubs = iter((("h1",) * 2 + ("h2",) * 2) if pick.random() < 0.6 else (("h2",) * 2 + ("h1",) * 2))
    between = []
    for event in steps[:stop]:
        late = _hours(pick, 20, 60) if pick.random() < 0.12 else timedelta(minutes=3)
        world["shipment_events"].append(
            {"shipment_id": shipment_id, "event": event, "event_at": at, "recorded_at": at + late,
             "hub": next(hubs) if event.startswith("hub") else None}
        )  # fmt: skip
        left, at = at, at + _hours(pick, 3, 60)
        if event == "hub_out" and not between and region == FAR:
            between = [("hub_in", left + (at - left) / 3), ("hub_out", left + (at - left) * 2 / 3)]
    if random.Random(shipment_id).random() < 0.7:  # of its own, so that all else stays as it is
        world["shipment_events"] += [
            {"shipment_id": shipment_id, "event": event, "event_at": when, "hub": "h3",
             "recorded_at": when + timedelta(minutes=3)}
            for event, when in between
        ]  # fmt: skip


def _series() -> list[tuple[str, str]]:
    return [(seller, sku) for seller in SELLERS for sku in SKUS[seller]]


def _stock(world: World, pick: random.Random) -> None:
    for seller, sku in _series():
        prices = ((START - timedelta(days=20), 9.5), (START + timedelta(days=30), 11.0))
        for since, price in prices:
            world["listings"].append(
                {"seller_id": seller, "sku_id": sku, "category": CATEGORY[sku], "price": price,
                 "region": REGION_OF.get(seller), "active_from": since.date(), "active_to": None, "recorded_at": since}
            )  # fmt: skip
        on_hand = 30.0
        for n in range(DAYS):
            if pick.random() < 0.04:
                continue
            day = START + timedelta(days=n)
            sold = float(pick.randrange(0, 5))
            on_hand = on_hand - sold if on_hand >= sold else pick.choice((0.0, 40.0))
            late = timedelta(days=pick.choice((1, 2))) if pick.random() < 0.25 else timedelta(0)
            world["stock"].append(
                {
                    "seller_id": seller, "sku_id": sku, "stock_day": day.date(),
                    "on_hand": None if seller == "s3" else on_hand, "in_stock_share": pick.choice(SHARES),
                    "units_sold": None if seller == "s2" else sold,
                    "closing_share": EVENINGS[(n * 7 + len(world["stock"])) % len(EVENINGS)],
                    "ended_out": (None, True, False, False)[(n * 5 + len(world["stock"]) // 3) % 4],
                    "recorded_at": day + timedelta(hours=23, minutes=50) + late,
                }
            )  # fmt: skip


def _promotions(world: World, pick: random.Random) -> None:
    for seller, sku in _series():
        for n in range(DAYS + 20):
            if pick.random() < 0.3:
                continue
            day = START + timedelta(days=n)
            world["promotions"].append(
                {"seller_id": seller, "sku_id": sku, "promo_day": day.date(), "has_activity": pick.random() < 0.3,
                 "discount_share": pick.choice((None, 0.0, 0.1, 0.3)),
                 "recorded_at": day - timedelta(days=pick.choice((1, 2, 12)), hours=-1)}
            )  # fmt: skip


def _inbound(world: World, pick: random.Random) -> None:
    for seller, sku in _series():
        for n in range(5):
            ordered = START + timedelta(days=-6 + 13 * n, hours=pick.uniform(0, 20))
            base: Row = {"inbound_id": f"{seller}{sku}{n}", "seller_id": seller, "sku_id": sku, "quantity": 20.0 + n}
            lead = pick.uniform(3, 12)
            world["inbound"].append(
                base | {"event": "ordered", "event_at": ordered, "expected_at": ordered + timedelta(days=7),
                        "recorded_at": ordered + timedelta(hours=1)}
            )  # fmt: skip
            if pick.random() < 0.85:
                ended = ordered + timedelta(days=lead)
                event = "received" if pick.random() < 0.85 else "cancelled"
                world["inbound"].append(
                    base | {"event": event, "event_at": ended, "expected_at": None,
                            "recorded_at": ended + timedelta(hours=2)}
                )  # fmt: skip


def _calendar(world: World) -> None:
    days = ((10, "holiday", "*"), (33, "holiday", "BR"), (53, "holiday", "*"), (55, "holiday", "BR-RJ"),
            (45, "sales_event", "*"), (46, "sales_event", "*"), (56, "sales_event", "*"), (20, "sales_event", "BR"),
            (58, "holiday", "*"))  # fmt: skip
    for number, (n, kind, region) in enumerate(days):
        day = START + timedelta(days=n)
        announced = day - timedelta(days=2 if n == 58 else 30)
        world["calendar"].append(
            {
                "region": region,
                "calendar_day": day.date(),
                "name": f"day {number}",
                "kind": kind,
                "recorded_at": announced,
            }
        )


def as_arrow(name: str, rows: list[Row]) -> pa.Table:
    """A table's rows as the lake holds them, the partition column among them."""
    table = pa.Table.from_pylist(rows, schema=arrow_schema(CONTRACT[name]))
    days: list[date] = [row["recorded_at"].astimezone(UTC).date() for row in rows]
    return table.append_column("day", pa.array(days, pa.date32()))


def write(lake: Lake, world: World, *, files: int = 1) -> Lake:
    """Every table with rows, as Delta of ``files`` files."""
    for name, rows in world.items():
        if rows:
            table = as_arrow(name, rows)
            for part in range(files):
                piece = table.take(list(range(part, table.num_rows, files)))
                write_deltalake(lake.path(name), piece, mode="append")
    return lake


def changed(world: World, which: Callable[[Row], bool], how: Callable[[str, Row], list[Row]]) -> World:
    """The world with every row that ``which`` names replaced by what ``how`` makes of it (none: deleted)."""
    return {
        name: [new for row in rows for new in (how(name, row) if which(row) else [row])] for name, rows in world.items()
    }
