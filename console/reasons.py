"""Reasons and facts of an evidence record in plain words, each with the row of the data that it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.formats import fact, money, plain, record

NOT_FACTS = ("reasons", "kind", "items", "probability", "window", "last_scan", "open_inbound")


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the evidence table. ``source``: table and key of the row; ``known_since``: its recorded_at."""

    name: str
    value: str
    source: str
    known_since: str | None


def plain_reasons(evidence: Mapping[str, Any]) -> list[str]:
    """One sentence per reason, the strongest first, as the evidence orders them."""
    return [_sentence(reason) for reason in _reasons(evidence)]


def _reasons(evidence: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = evidence.get("reasons")
    return [record(reason) for reason in listed] if isinstance(listed, list) else []


def _sentence(reason: Mapping[str, Any]) -> str:
    facts = record(reason.get("facts"))
    said = ", ".join(f"{plain(name)} {fact(value)}" for name, value in facts.items() if value is not None)
    title = plain(reason.get("code") or "reason").capitalize()
    return f"{title}: {said}" if said else title


def at_stake(evidence: Mapping[str, Any]) -> str:
    """The money that the notice is about: the order's value, or the sales at risk; empty where none is known."""
    value = evidence.get("value_at_risk", evidence.get("value"))
    return "" if value is None else money(value, evidence.get("currency"))


def facts(evidence: Mapping[str, Any]) -> list[Fact]:
    """Every number and date of the record, then every reason's facts with the row each was read from."""
    as_of = evidence.get("as_of")
    rows = [
        Fact(plain(name).capitalize(), fact(value), _base_source(evidence, name), None)
        for name, value in evidence.items()
        if name not in NOT_FACTS and value not in (None, "", [], {})
    ]
    rows += _nested(evidence)
    for reason in _reasons(evidence):
        source = record(reason.get("source"))
        where = " · ".join(str(part) for part in (source.get("table"), fact(source.get("key"))) if part)
        since = source.get("recorded_at") or as_of
        title = plain(reason.get("code") or "reason").capitalize()
        named = record(reason.get("facts")) or {"": None}
        rows += [
            Fact(f"{title}: {plain(name)}".rstrip(": "), fact(value), where, since) for name, value in named.items()
        ]
    return rows


def _nested(evidence: Mapping[str, Any]) -> list[Fact]:
    rows = []
    scan = record(evidence.get("last_scan"))
    if scan:
        what = " at ".join(plain(part) for part in (scan.get("event"), scan.get("hub")) if part)
        rows.append(
            Fact("Last scan", f"{what}, {fact(scan.get('event_at'))}", "shipment_events", scan.get("recorded_at"))
        )
    inbound = record(evidence.get("open_inbound"))
    if inbound:
        said = f"{fact(inbound.get('quantity'))} pieces, expected {fact(inbound.get('expected_at'))}"
        rows.append(Fact("On its way", said, "inbound", None))
    items = evidence.get("items")
    if isinstance(items, list):
        rows += [Fact("Article", fact(record(item)), "order_items", None) for item in items]
    return rows


def _base_source(evidence: Mapping[str, Any], name: str) -> str:
    """Which table a fact of the record itself stands in, by the contract of the evidence record."""
    if evidence.get("kind") == "late_delivery":
        return "shipments" if name == "carrier" else "orders"
    return {"on_hand": "stock", "category": "listings"}.get(name, "computed from stock")
