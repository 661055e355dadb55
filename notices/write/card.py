"""What a notice says, as plain text in the recipient's language: made once, then placed by the templates.

Text and HTML are two views of one card, so they cannot differ in facts. Every value on it comes from the evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from notices.write import reasons
from notices.write.catalog import Catalog
from notices.write.formats import Formats, name

SHORT_ID = 12


@dataclass(frozen=True, slots=True)
class Links:
    """Where a message leads. Signed, they expire, and they name no person; opening one changes nothing."""

    action: str
    stop: str


class Row(NamedTuple):
    """One article of a digest: its name, why it is listed, and its cells as (column, value). Unknown cells are not
    there.
    """

    name: str
    reason: str
    cells: tuple[tuple[str, str], ...]


class Bar(NamedTuple):
    """One line of a chart: what it stands for, its length (0 to 100), and the value that the length shows."""

    name: str
    percent: int
    value: str


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
    lines: tuple[str, ...]  # promise, earlier estimate, articles, and the last scan as the last of them
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
    chart_heading: str = ""
    chart: tuple[Bar, ...] = ()
    rows: tuple[Row, ...] = field(default_factory=tuple)
    more: str = ""
    track_record: str = ""


@dataclass(frozen=True, slots=True)
class Voice:
    """How to speak to one recipient: sentences, formats, their name, the platform's, and whether there is room."""

    catalog: Catalog
    formats: Formats
    recipient_name: str | None
    platform: str
    whole: bool = False  # every line of a digest, as a page shows it
    reference: Catalog | None = None  # the language that says which sentences there are; None: this one

    def greeting(self) -> str:
        said = name(self.recipient_name) if self.recipient_name else ""
        return self.catalog.text("greeting", name=said) if said else self.catalog.text("greeting_nameless")

    def reason(self, reason: Mapping[str, Any]) -> str:
        """One sentence for a reason's code: with its facts if all are known, else without numbers."""
        return reasons.sentence(reason, self.catalog, self.formats)

    def first_of(self, keys: tuple[str, ...], **facts: object) -> str:
        """The first of these sentences that exists at all, said in this language.

        Which of them exist is asked of the reference language: a translation that lacks the special sentence must not
        fall back to the general one in silence. Raises MissingTranslation.
        """
        known = self.reference or self.catalog
        key = next((key for key in keys if known.has(key)), keys[-1])
        holes = known.holes(key)
        return self.catalog.text(key, **{hole: value for hole, value in facts.items() if hole in holes})

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


def short_id(value: str) -> str:
    """An order number as it fits into a subject line."""
    plain = name(value)
    return plain if len(plain) <= SHORT_ID else f"{plain[:8]}…"
