"""Evidence records with the fields that scoring writes, for made-up orders and articles."""

from __future__ import annotations

import hashlib
import random
from datetime import datetime, timedelta
from typing import Any

REGIONS = ("BR-SP", "BR-RJ", "BR-MG", "BR-BA", "BR-RS", "BR-PE")
HUBS = ("Cajamar", "Contagem", "Duque de Caxias", "Simões Filho")
CARRIERS = ("Rota Sul", "Expresso Norte", "Via Leste")
CATEGORIES = ("toys", "housewares", "pet_shop", "stationery", "sports_leisure")


def made_id(*parts: object) -> str:
    """32 hexadecimal digits, the same for the same parts."""
    return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()[:32]


def iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def late_delivery(dice: random.Random, as_of: datetime, order_id: str, buyer: str) -> dict[str, Any]:
    """One open order that is likely to be late."""
    promised = as_of.replace(hour=23, minute=59, second=59) + timedelta(days=dice.randint(-1, 6))
    scanned = as_of - timedelta(hours=dice.randint(20, 96))
    likely = promised.date() + timedelta(days=dice.randint(1, 4))
    hub, carrier = dice.choice(HUBS), dice.choice(CARRIERS)
    scan = {
        "event": "hub_in",
        "hub": hub,
        "event_at": iso(scanned),
        "recorded_at": iso(scanned + timedelta(minutes=50)),
    }
    days = round((as_of - scanned) / timedelta(days=1), 1)
    reasons = [
        _reason("no_scan", {"days": days}, 0.9, "shipment_events", made_id("scan", order_id)[:10], scanned),
        _reason("hub_backlog", {"parcels_waiting": dice.randint(300, 4000)}, 0.5, "shipment_events", hub, as_of),
        _reason("carrier_slow", {"late_share_28d": dice.uniform(0.1, 0.5)}, 0.2, "shipment_events", carrier, as_of),
    ]
    return {
        "kind": "late_delivery",
        "order_id": order_id,
        "recipient_id": buyer,
        "seller_id": f"S{dice.randint(1000, 9999)}",
        "as_of": iso(as_of),
        "promised_at": iso(promised),
        "destination_region": dice.choice(REGIONS),
        "currency": "BRL",
        "value": round(dice.lognormvariate(4.8, 0.8), 2),
        "carrier": carrier,
        "last_scan": scan,
        "window": {
            "p10": str(likely - timedelta(days=1)),
            "p50": str(likely),
            "p90": str(likely + timedelta(days=3)),
        },
        "probability": round(min(0.97, max(0.04, dice.gauss(0.62, 0.2))), 3),
        "snapshot": dice.choice(("hand_over", "day_5", "day_10")),
        "reasons": reasons,
        "items": [
            {
                "sku_id": f"SKU-{dice.randint(100, 999)}",
                "category": dice.choice(CATEGORIES),
                "quantity": dice.randint(1, 3),
            }
        ],
    }


def stock_out(dice: random.Random, as_of: datetime, seller: str, sku: str) -> dict[str, Any]:
    """One article that is likely to run out."""
    per_day, on_hand = round(dice.uniform(0.6, 9), 1), dice.randint(1, 22)
    ends = as_of.date() + timedelta(days=max(1, round(on_hand / per_day)))
    coming = {"quantity": 40, "expected_at": iso(as_of + timedelta(days=12))}
    low = {"on_hand": on_hand, "days_of_cover": round(on_hand / per_day, 1)}
    return {
        "kind": "stock_out",
        "seller_id": seller,
        "recipient_id": seller,
        "sku_id": sku,
        "category": dice.choice(CATEGORIES),
        "as_of": iso(as_of),
        "horizon_days": 9,
        "probability": round(dice.uniform(0.3, 0.97), 3),
        "on_hand": on_hand,
        "units_per_day": per_day,
        "expected_date": str(ends),
        "order_by": str(as_of.date() + timedelta(days=1)),
        "quantity": round(per_day * 21),
        "value_at_risk": round(per_day * dice.uniform(30, 120), 2),
        "currency": "BRL",
        "open_inbound": coming if dice.random() < 0.3 else None,
        "reasons": [
            _reason("low_stock", low, 1.4, "stock", f"{seller} · {sku}", as_of),
            _reason("demand_up", {"units_per_day_7d": round(per_day * 1.4, 1)}, 0.6, "order_items", sku, as_of),
        ],
    }


def _reason(
    code: str, facts: dict[str, Any], contribution: float, table: str, key: str, known: datetime
) -> dict[str, Any]:
    source = {"table": table, "key": key, "recorded_at": iso(known - timedelta(hours=1))}
    return {"code": code, "facts": facts, "source": source, "contribution": contribution}
