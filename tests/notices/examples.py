"""Hand-made people, candidates and evidence records that the tests share."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from notices.decide.decide import Candidate
from notices.decide.policy import Policy
from notices.keys import Keys
from notices.people.directory import Entry
from notices.plan.plan import Surroundings
from notices.write.mime import Sender

KEYS = Keys(b"a secret for tests, at least 32 characters")
SENDER = Sender.parse("Beforehand <notices@beforehand.example>")
DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)  # noon in Sao Paulo
AS_OF = "2026-03-02T00:00:00+00:00"


def buyer(person_id: str = "b1", **changed: Any) -> Entry:
    known = {
        "role": "buyer", "name": "Ana Souza", "email": f"{person_id}@mail.example", "locale": "en",
        "time_zone": "America/Sao_Paulo", "region": "BR-SP", "consent": True,
    }  # fmt: skip
    return Entry(person_id=person_id, **{**known, **changed})


def seller(person_id: str = "s1", **changed: Any) -> Entry:
    return buyer(person_id, **{"role": "seller", "name": "Loja Azul", **changed})


def late_evidence(order_id: str = "o1", buyer_id: str = "b1", **changed: Any) -> dict[str, Any]:
    source = {"table": "orders", "key": order_id, "recorded_at": "2026-02-20T10:00:00+00:00"}
    return {
        "kind": "late_delivery",
        "order_id": order_id,
        "recipient_id": buyer_id,
        "seller_id": "s1",
        "as_of": AS_OF,
        "promised_at": "2026-03-05T02:59:59+00:00",
        "destination_region": "BR-SP",
        "currency": "BRL",
        "value": 180.5,
        "carrier": "Rápido",
        "last_scan": {
            "event": "hub_out", "hub": "Cajamar", "event_at": "2026-02-25T18:20:00+00:00",
            "recorded_at": "2026-02-25T18:40:00+00:00",
        },
        "window": {"p10": "2026-03-06", "p50": "2026-03-08", "p90": "2026-03-11"},
        "probability": 0.82,
        "snapshot": "day_10",
        "reasons": [
            {"code": "no_scan", "facts": {"days": 4}, "source": source, "contribution": 0.9},
            {"code": "slack", "facts": {"slack_days": 3}, "source": source, "contribution": 0.5},
        ],
        "items": [{"sku_id": "k9", "category": "beleza_saude", "quantity": 2}],
        **changed,
    }  # fmt: skip


def late(
    order_id: str = "o1", buyer_id: str = "b1", probability: float = 0.82, value: float = 180.5, **changed: Any
) -> Candidate:
    evidence = late_evidence(order_id, buyer_id, probability=probability, value=value)
    return Candidate(
        **{
            "kind": "late_delivery", "subject_id": order_id, "sku_id": "", "recipient_id": buyer_id,
            "probability": probability, "abstained": False, "abstain_reason": None, "value_at_stake": value,
            "evidence": evidence, "model_version": "m1", **changed,
        }
    )  # fmt: skip


def stock_evidence(seller_id: str = "s1", sku_id: str = "k1", **changed: Any) -> dict[str, Any]:
    source = {"table": "stock", "key": sku_id, "recorded_at": "2026-03-01T23:00:00+00:00"}
    return {
        "kind": "stock_out",
        "seller_id": seller_id,
        "sku_id": sku_id,
        "category": "casa",
        "as_of": AS_OF,
        "horizon_days": 7,
        "probability": 0.66,
        "on_hand": 12,
        "units_per_day": 3.4,
        "expected_date": "2026-03-05",
        "order_by": "2026-03-03",
        "quantity": 40,
        "value_at_risk": 950.0,
        "currency": "BRL",
        "open_inbound": None,
        "reasons": [{"code": "low_stock", "facts": {"on_hand": 12}, "source": source, "contribution": 1.1}],
        **changed,
    }


def stock(
    seller_id: str = "s1", sku_id: str = "k1", probability: float = 0.66, value: float = 950.0, **changed: Any
) -> Candidate:
    evidence = stock_evidence(
        seller_id, sku_id, probability=probability, value_at_risk=value, **changed.pop("facts", {})
    )
    return Candidate(
        **{
            "kind": "stock_out", "subject_id": seller_id, "sku_id": sku_id, "recipient_id": seller_id,
            "probability": probability, "abstained": False, "abstain_reason": None, "value_at_stake": value,
            "evidence": evidence, "model_version": "m1", **changed,
        }
    )  # fmt: skip


def no_holdout(**changed: Any) -> Policy:
    """The default policy with nobody held out, so that an example says who is told."""
    from dataclasses import replace

    policy = Policy(**changed)
    return replace(policy, kinds={name: replace(kind, holdout_share=0.0) for name, kind in policy.kinds.items()})


def around(day: date = DAY, now: datetime = NOW, **changed: Any) -> Surroundings:
    known = {
        "policy": no_holdout(), "keys": KEYS, "sender": SENDER, "platform": "Market", "base_url": "http://127.0.0.1:8765",
    }  # fmt: skip
    return Surroundings(day=day, now=now, **{**known, **changed})
