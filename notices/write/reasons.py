"""How a reason of the evidence is said: one sentence, with its facts where they are known.

A sentence is found by the reason's code and a fact: ``reason.<code>.<fact>``, else ``reason.<code>``, else
``reason.<code>.plain``, which is true whatever the numbers are. Facts are said in whole days and whole percents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import floor
from types import MappingProxyType
from typing import Any

from notices.write.catalog import Catalog
from notices.write.formats import Formats

HOURS_TO_DAYS = 48
GENERIC = "reason.generic.plain"
NEVER = 29  # a feature's word for "not within 28 days"


def _slack(facts: Mapping[str, Any]) -> str | None:
    return _below(facts.get("slack_days"), 0, "passed") or _below(facts.get("slack_days"), 1, "last_day")


def _on_hand(facts: Mapping[str, Any]) -> str | None:
    return _below(facts.get("cover_days"), 1, "short")


def _inbound(facts: Mapping[str, Any]) -> str | None:
    return "none" if facts.get("open_inbound_units") == 0 else None


# A code's sentence for a value that the sentence with a number would say badly or wrongly.
SPECIAL: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = MappingProxyType(
    {"slack": _slack, "on_hand": _on_hand, "inbound": _inbound}
)


def sentence(reason: Mapping[str, Any], words: Catalog, formats: Formats) -> str:
    """One sentence for a reason.

    A code that the language has no sentence for is said in general words: models learn new reasons faster than
    languages learn new sentences, and the facts stay in the evidence.
    """
    return stated(reason, words, formats) or plain(reason, words)


def stated(reason: Mapping[str, Any], words: Catalog, formats: Formats) -> str | None:
    """The sentence that states the reason's facts; None where it has none, or they are not known."""
    code, facts = str(reason.get("code")), whole(reason.get("facts") or {})
    special = SPECIAL[code](facts) if code in SPECIAL else None
    if special and words.has(f"reason.{code}.{special}"):
        return words.text(f"reason.{code}.{special}")
    for key in (*(f"reason.{code}.{fact}" for fact in facts), f"reason.{code}"):
        if not words.has(key):
            continue
        holes = words.holes(key)
        flag = key.rpartition(".")[2]
        is_true = holes or facts.get(flag) == 1  # a sentence without holes says that its fact is so
        if is_true and all(_sayable(hole, facts.get(hole)) for hole in holes):
            return words.text(key, **{hole: formats.fact(hole, facts[hole]) for hole in holes})
    return None


def plain(reason: Mapping[str, Any], words: Catalog) -> str:
    """What the reason is about, without numbers."""
    key = f"reason.{reason.get('code')}.plain"
    return words.text(key if words.has(key) else GENERIC)


def whole(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts without nulls, in whole days: ``x_days`` rounded down, and ``x_days`` made of ``x_hours`` from two days on.

    "3.7 days are left" claims what nobody knows; rounding down never promises more time than there is.
    """
    known = {fact: value for fact, value in facts.items() if value is not None}
    for fact, value in list(known.items()):
        if not isinstance(value, int | float):
            continue
        if _is_days(fact):
            known[fact] = floor(value)
        elif fact.endswith("_hours") and value >= HOURS_TO_DAYS:
            known[f"{fact.removesuffix('_hours')}_days"] = floor(value / 24)
    return known


def _is_days(fact: str) -> bool:
    return fact == "days" or fact.endswith("_days")


def _below(value: object, limit: float, name: str) -> str | None:
    return name if isinstance(value, int | float) and value < limit else None


def _sayable(fact: str, value: object) -> bool:
    """Whether a sentence may use the fact: it is known, and not a span, count or share of nothing."""
    if value is None or isinstance(value, bool):
        return False
    if not isinstance(value, int | float):
        return True
    if "_share" in fact:
        return round(100 * value) >= 1
    nothing = _is_days(fact) or fact.endswith(("_count", "_units"))
    return not (nothing and value < 1) and not (fact.startswith("since_") and value >= NEVER)
