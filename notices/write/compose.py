"""From evidence to a message: subject, text and HTML. Pure: the same record gives the same bytes.

Templates only place what the card says. They run in Jinja's sandbox with escaping on; nothing that comes from data is
ever taken for a template or a format.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from types import MappingProxyType
from typing import Any

from notices.people.directory import Entry
from notices.people.hours import zones_of
from notices.write import order_message, stock_out
from notices.write.card import Card, Links, Voice
from notices.write.catalog import MissingTranslation
from notices.write.formats import Formats
from notices.write.topics import TOPICS
from notices.write.wording import Wording, installed

REFERENCE = "en"  # the language that says which sentences there are
UTC_ZONE = "Etc/UTC"
DIGEST = "stock_out"
PLACED = tuple(field.name for field in fields(Card))  # what a template may place
CARDS: Mapping[str, Callable[[str, Mapping[str, Any], Voice, Links], Card]] = MappingProxyType(
    {**{kind: partial(order_message.card, kind) for kind in TOPICS}, DIGEST: partial(stock_out.card, DIGEST)}
)


class EvidenceUnusable(ValueError):
    """A record that lacks what every notice of its kind says, or holds it wrongly. Its notice is held, others go on."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A message before it has headers. ``text`` ends with a newline; ``html`` is a whole document."""

    subject: str
    text: str
    html: str


def compose(
    kind: str,
    stage: str,
    evidence: Mapping[str, Any],
    entry: Entry,
    links: Links,
    platform: str,
    wording: Wording | None = None,
) -> Composed:
    """The message of one notice, in the recipient's language and zone.

    evidence: the record of the case; for a digest, its ``lines``. Raises MissingTranslation where the language lacks a
    sentence that this record needs, EvidenceUnusable where the record lacks what every notice of its kind says.
    """
    words = wording or installed()
    speaker = voice(entry, platform, wording=words)
    try:
        said = CARDS[kind](stage, evidence, speaker, links)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, MissingTranslation):
            raise
        raise EvidenceUnusable(
            f"the evidence of a {kind} notice cannot be told: {type(error).__name__} {error}"
        ) from error
    shape = "digest" if kind == DIGEST else "order"
    placed = {name: getattr(said, name) for name in PLACED}
    return Composed(
        subject=said.subject,
        text=words.render(f"{shape}.txt.j2", **placed),
        html=words.render(f"{shape}.html.j2", **placed),
    )


def voice(entry: Entry, platform: str, *, whole: bool = False, wording: Wording | None = None) -> Voice:
    """How this person is spoken to. ``whole``: on a page, which has room for every line of a digest; a mail has not."""
    texts = wording or installed()
    words = texts.catalog(entry.locale)
    zones = zones_of(entry.time_zone, entry.region) or zones_of(UTC_ZONE, None)
    return Voice(words, Formats(words.name, zones[0]), entry.name, platform, whole, texts.catalog(REFERENCE))


def template_version() -> str:
    """A digest over all templates and sentences: what a notice is written with."""
    return installed().version
