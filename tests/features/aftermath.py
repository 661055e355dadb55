"""What buyers of the hand-made world did about their orders: returns, claims, reviews, messages, and who cancelled."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from world import Row, World

WORDS = ("Where is it?!", "Thank you.", "Not as described! I want my money back!!", None)
TOPICS = ("where", "not_as_described", None)


def with_aftermath(world: World, seed: int = 11) -> World:
    """The world with the rows that its orders led to; those that were there stay as they are, with a name for who
    cancelled.
    """
    pick = random.Random(seed)
    made = {name: list(rows) for name, rows in world.items()}
    made["order_events"] = [
        row | {"by": pick.choice(("seller", "buyer"))} if row["event"] == "cancelled" else row
        for row in made["order_events"]
    ]
    parcels = {row["shipment_id"]: row["order_id"] for row in world["shipments"]}
    came: dict[str, datetime] = {}
    for row in world["shipment_events"]:
        if row["event"] == "delivered":
            came.setdefault(parcels[row["shipment_id"]], row["event_at"])
    for order in world["orders"]:
        at = came.get(order["order_id"], order["created_at"] + timedelta(days=9))
        _after(made, pick, order, at)
    return made


def _after(made: World, pick: random.Random, order: Row, at: datetime) -> None:
    order_id = order["order_id"]

    def told(hours: float) -> dict[str, Any]:
        moment = (at + timedelta(hours=pick.uniform(1, hours))).replace(microsecond=0)
        return {"order_id": order_id, "event_at": moment, "recorded_at": moment + timedelta(minutes=3)}

    if pick.random() < 0.5:
        made["reviews"].append({**told(90), "score": pick.choice((1, 2, 2, 4, 5)), "text": None})
    if pick.random() < 0.35:
        made["order_events"].append({**told(120), "event": "return_requested", "by": "buyer"})
    if pick.random() < 0.35:
        claim = {"dispute_id": f"d-{order_id}", "reason": "late", "amount_claimed": 5.0, "evidence": None}
        opened = told(100)
        made["disputes"].append({**claim, **opened, "event": "opened", "resolution": None})
        closed = opened["event_at"] + timedelta(days=4)
        moments = {"event_at": closed, "recorded_at": closed + timedelta(minutes=3)}
        made["disputes"].append({**claim, **opened, **moments, "event": "closed", "resolution": "buyer"})
    if pick.random() < 0.6:
        asked = {**told(60), "person_id": order["buyer_id"], "topic": pick.choice(TOPICS), "text": pick.choice(WORDS)}
        asked["event_at"] -= timedelta(days=5)
        asked["recorded_at"] -= timedelta(days=5)
        made["contacts"].append({**asked, "contact_id": f"a-{order_id}"})
