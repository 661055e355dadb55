"""From evidence to a message: subject, text and HTML. Pure: the same record gives the same bytes.

Templates only place what the card says. They run in Jinja's sandbox with escaping on; nothing that comes from data is
ever taken for a template or a format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from notices import late_delivery, stock_out
from notices.card import Card, Links, Voice
from notices.catalog import LOCALES, MissingTranslation, catalog
from notices.directory import Entry
from notices.formats import Formats
from notices.hours import zones_of

TEMPLATES = Path(__file__).parent / "templates"
UTC_ZONE = "Etc/UTC"
CARDS: Mapping[str, Callable[[str, Mapping[str, Any], Voice, Links], Card]] = MappingProxyType(
    {"late_delivery": late_delivery.card, "stock_out": stock_out.card}
)


class EvidenceUnusable(ValueError):
    """A record that lacks what every notice of its kind says, or holds it wrongly. Its notice is held, others go on."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A message before it has headers. ``text`` ends with a newline; ``html`` is a whole document."""

    subject: str
    text: str
    html: str


def compose(kind: str, stage: str, evidence: Mapping[str, Any], entry: Entry, links: Links, platform: str) -> Composed:
    """The message of one notice, in the recipient's language and zone.

    evidence: the record of the case; for a digest, its ``lines``. Raises MissingTranslation where the language lacks a
    sentence that this record needs, EvidenceUnusable where the record lacks what every notice of its kind says.
    """
    speaker = voice(entry, platform)
    try:
        said = CARDS[kind](stage, evidence, speaker, links)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, MissingTranslation):
            raise
        raise EvidenceUnusable(
            f"the evidence of a {kind} notice cannot be told: {type(error).__name__} {error}"
        ) from error
    return Composed(
        subject=said.subject,
        text=_environment().get_template(f"{kind}.txt.j2").render(card=said),
        html=_environment().get_template(f"{kind}.html.j2").render(card=said),
    )


def voice(entry: Entry, platform: str, *, whole: bool = False) -> Voice:
    """How this person is spoken to. ``whole``: on a page, which has room for every line of a digest; a mail has not."""
    words = catalog(entry.locale)
    zones = zones_of(entry.time_zone, entry.region) or zones_of(UTC_ZONE, None)
    return Voice(words, Formats(words.babel, zones[0]), entry.name, platform, whole)


@cache
def template_version() -> str:
    """A digest over all templates and sentences: what a notice was written with."""
    digest = hashlib.sha256()
    for path in sorted([*TEMPLATES.glob("*.j2"), *LOCALES.glob("*.json")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda template: template is not None and ".html" in template,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
