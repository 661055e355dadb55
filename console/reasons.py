"""Reasons and facts of an evidence record in plain words, each with the row of the data that it comes from.

The sentences are those of the mails (notices.write.catalog): the console and the recipient read the same reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from console.formats import fact, money, plain, record
from notices.write.card import Voice
from notices.write.catalog import DEFAULT_LOCALE, catalog
from notices.write.formats import Formats

# Shown elsewhere on the page, or masked there.
NOT_FACTS = ("reasons", "kind", "items", "probability", "window", "last_scan", "open_inbound", "is_covered", "as_of",
             "recipient_id", "currency", "order_id", "sku_id", "made_with")  # fmt: skip
MONEY = ("value", "value_at_risk")
CODES = ("snapshot", "category")
COMPUTED = {
    "units_per_day", "expected_date", "order_by", "quantity", "value_at_risk", "horizon_days", "snapshot", "before"
}  # fmt: skip
TABLES = {"carrier": "shipments", "seller_id": "order_items", "on_hand": "stock", "category": "listings"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the evidence table. ``source``: table and key of the row; ``known_since``: its recorded_at."""

    name: str
    value: str
    source: str
    known_since: str | None


def plain_reasons(evidence: Mapping[str, Any]) -> list[str]:
    """One sentence per reason, the strongest first, as the evidence orders them; each sentence once."""
    return list(dict.fromkeys(_sentence(reason) for reason in _reasons(evidence)))


def _reasons(evidence: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = evidence.get("reasons")
    return [record(reason) for reason in listed] if isinstance(listed, list) else []


@cache
def _voice() -> Voice:
    words = catalog(DEFAULT_LOCALE)
    return Voice(words, Formats(words.name, ZoneInfo("Etc/UTC")), None, "")


def _sentence(reason: Mapping[str, Any]) -> str:
    """The mail's sentence; a code that the language does not know yet shows itself with its facts."""
    code = str(reason.get("code") or "")
    said = _voice()
    if said.catalog.has(f"reason.{code}") or said.catalog.has(f"reason.{code}.plain"):
        return said.reason(reason)
    facts = ", ".join(f"{plain(name)} {fact(value)}" for name, value in record(reason.get("facts")).items())
    title = plain(code or "reason").capitalize()
    return f"{title}: {facts}" if facts else title


def at_stake(evidence: Mapping[str, Any]) -> str:
    """The money that the notice is about: the order's value, or the sales at risk; empty where none is known."""
    value = evidence.get("value_at_risk", evidence.get("value"))
    return "" if value is None else money(value, evidence.get("currency"))


def facts(evidence: Mapping[str, Any]) -> list[Fact]:
    """Every number and date of the record, then every reason's facts with the row each was read from."""
    rows = [
        Fact(plain(name).capitalize(), _value(evidence, name), _base_source(evidence, name), None)
        for name, value in evidence.items()
        if name not in NOT_FACTS and value not in (None, "", [], {})
    ]
    return [*rows, *_nested(evidence), *(row for reason in _reasons(evidence) for row in _of_reason(reason, evidence))]


def _value(evidence: Mapping[str, Any], name: str) -> str:
    value = evidence[name]
    if name in CODES:
        return plain(value)
    return money(value, evidence.get("currency")) if name in MONEY else fact(value)


def _of_reason(reason: Mapping[str, Any], evidence: Mapping[str, Any]) -> list[Fact]:
    source = record(reason.get("source"))
    where = " · ".join(
        str(part) for part in (source.get("table"), fact(source.get("key") or "")) if part not in {None, "–"}
    )
    since = source.get("recorded_at") or evidence.get("as_of")
    title = plain(reason.get("code") or "reason").capitalize()
    known = record(reason.get("facts"))
    if not known:
        return [Fact(title, _sentence(reason), where, since)]
    return [Fact(f"{title}: {plain(name)}", fact(value), where, since) for name, value in known.items()]


def _nested(evidence: Mapping[str, Any]) -> list[Fact]:
    rows = []
    scan = record(evidence.get("last_scan"))
    if scan:
        what = " at ".join(plain(part) for part in (scan.get("event"), scan.get("hub")) if part)
        said = f"{what}, {fact(scan.get('event_at'))}"
        rows.append(Fact("Last scan", said, "shipment_events", scan.get("recorded_at")))
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
    if name in COMPUTED:
        return "computed"
    return TABLES.get(name, "orders" if evidence.get("kind") == "late_delivery" else "stock")
