"""What a notice says, as plain text in the recipient's language: made once, then placed by the templates.

Text and HTML are two views of one card, so they cannot differ in facts. Every value on it comes from the evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import floor
from typing import Any

from notices.catalog import Catalog
from notices.formats import Formats, name

MAX_REASONS = 3
SHORT_ID = 12
HOURS_TO_DAYS = 48


@dataclass(frozen=True, slots=True)
class Bar:
    """One article of a digest: its cells in the order of the columns, the length of its bar (0 to 100), and why."""

    cells: tuple[str, ...]
    percent: int
    reason: str


@dataclass(frozen=True, slots=True)
class Links:
    """Where a message leads. Signed, they expire, and they name no person; opening one changes nothing."""

    action: str
    stop: str


@dataclass(frozen=True, slots=True)
class Card:
    """A notice in words. Empty strings and tuples: nothing to say there."""

    language: str
    platform: str
    subject: str
    greeting: str
    headline: str
    window_heading: str
    window: str
    lines: tuple[str, ...]  # promise, earlier estimate, articles, last scan
    why_heading: str
    reasons: tuple[str, ...]
    next_heading: str
    next: str
    action: str
    reach: str
    why_told: str
    facts_as_of: str
    stop_label: str
    stop_line: str
    links: Links
    columns: tuple[str, ...] = ()
    rows: tuple[Bar, ...] = field(default_factory=tuple)
    more: str = ""


@dataclass(frozen=True, slots=True)
class Voice:
    """How to speak to one recipient: sentences, formats, their name, the platform's, and whether there is room."""

    catalog: Catalog
    formats: Formats
    recipient_name: str | None
    platform: str
    whole: bool = False  # every line of a digest, as a page shows it

    def greeting(self) -> str:
        said = name(self.recipient_name) if self.recipient_name else ""
        return self.catalog.text("greeting", name=said) if said else self.catalog.text("greeting_nameless")

    def reasons(self, evidence: Mapping[str, Any], limit: int = MAX_REASONS) -> tuple[str, ...]:
        """The strongest reasons in whole sentences, each said once."""
        said = dict.fromkeys(self.reason(reason) for reason in evidence.get("reasons") or ())
        return tuple(said)[:limit] or (self.catalog.text("reason.generic.plain"),)

    def reason(self, reason: Mapping[str, Any]) -> str:
        """One sentence for a reason's code: with its facts if all are known, else without numbers.

        A code that the language has no sentence for is said in general words: models learn new reasons faster than
        languages learn new sentences, and the facts stay in the evidence.
        """
        key = f"reason.{reason.get('code')}"
        facts = whole_days(reason.get("facts") or {})
        slack = facts.get("slack_days")
        if key == "reason.slack" and isinstance(slack, int | float) and slack < 1:
            return self.catalog.text("reason.slack.passed" if slack < 0 else "reason.slack.last_day")
        holes = self.catalog.holes(key)
        if self.catalog.has(key) and all(_sayable(hole, facts.get(hole)) for hole in holes):
            return self.catalog.text(key, **{hole: self.formats.fact(facts[hole]) for hole in holes})
        return self.catalog.text(f"{key}.plain" if self.catalog.has(f"{key}.plain") else "reason.generic.plain")

    def frame(self, evidence: Mapping[str, Any], links: Links) -> dict[str, Any]:
        """What every card has in the same place."""
        say = self.catalog.text
        return {
            "language": self.catalog.name,
            "platform": name(self.platform),
            "greeting": self.greeting(),
            "why_heading": say("why_heading"),
            "next_heading": say("next_heading"),
            "facts_as_of": say("facts_as_of", as_of=self.formats.moment(evidence["as_of"])),
            "stop_label": say("stop_label"),
            "stop_line": say("stop_line", url=links.stop),
            "links": links,
        }


def whole_days(facts: Mapping[str, Any]) -> dict[str, Any]:
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


def _sayable(fact: str, value: object) -> bool:
    """Whether a sentence may use the fact: it is known, and not a span or count of nothing."""
    counts = _is_days(fact) or fact.endswith("_count")
    return value is not None and not (counts and isinstance(value, int | float) and value < 1)


def short_id(value: str) -> str:
    """An order number as it fits into a subject line."""
    plain = name(value)
    return plain if len(plain) <= SHORT_ID else f"{plain[:8]}…"
