"""Checks on a finished message: true to its evidence, nothing its reader cannot see, nothing sold, text and HTML alike.

The build fails on a finding. ``notices.lint.wording`` checks sentences and templates as they stand in the files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from typing import Any

from notices.lint import facts as lint_facts
from notices.lint.words import listed
from notices.people.directory import Entry
from notices.write.card import Links
from notices.write.compose import DIGEST, Composed, voice

_URL = re.compile(r"https?://\S+")
_NUMBER = re.compile(r"\d+(?:[.,\u00a0\u202f]\d+)*")
_LEFT_OVER = re.compile(r"[{}]")
UNSAID = frozenset({"kind", "currency"})  # names of ours, not of a thing
_DRAWN = re.compile(r"[█░]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. rule: unfounded, hidden, promotional, when, different, link or hole. what: the words at fault."""

    rule: str
    what: str


def check(
    composed: Composed, kind: str, evidence: Mapping[str, Any], entry: Entry, links: Links, platform: str
) -> list[Finding]:
    """Every fault of one message; an empty list where it may go."""
    formats = voice(entry, platform).formats
    names = [one for one in (entry.name, platform) if one]
    seen = lint_facts.seen(evidence)
    allowed = lint_facts.sayable(seen, formats, names)
    found: list[Finding] = []

    def unknown(text: str) -> list[str]:
        return lint_facts.unfounded(text, lint_facts.sayable(evidence, formats, names), formats.locale)

    for text in (f"{composed.subject}\n{composed.text}", visible_text(composed.html)):
        wrong = lint_facts.unfounded(text, allowed, formats.locale)
        nowhere = unknown(text) if wrong else []
        found += [Finding("unfounded" if what in nowhere else "hidden", what) for what in wrong]
        rest = allowed.unnamed(text)
        found += [Finding("hole", mark) for mark in _LEFT_OVER.findall(rest)]
        found += _words(rest, kind, entry.locale)
        found += [Finding("hidden", word) for word in _unseen(rest, evidence, allowed.names)]
    found += [Finding("different", what) for what in differences(composed)]
    found += [Finding("link", what) for what in _links(composed, links)]
    return list(dict.fromkeys(found))


def differences(composed: Composed) -> list[str]:
    """What text or HTML says that the other does not. The chart's bars are drawn in each its own way."""
    page, text = visible_text(composed.html), _URL.sub(" ", composed.text)
    found = []
    flat = _flat(text)
    rest = flat
    for block in sorted(page.splitlines(), key=len, reverse=True):
        said = _flat(block)
        if said not in flat:
            found.append(said)
        rest = rest.replace(said, " ", 1)
    found += [word for word in re.findall(r"\w+", _DRAWN.sub(" ", rest)) if any(sign.isalnum() for sign in word)]
    title = unescape("".join(re.findall("<title>(.*?)</title>", composed.html)))
    found += [title] if title != composed.subject else []
    ours, theirs = Counter(numbers(composed.text)), Counter(numbers(page))
    return found + sorted({*(ours - theirs), *(theirs - ours)})


def visible_text(html: str) -> str:
    """What a reader sees of an HTML message, one block a line."""
    reader = _Reader()
    reader.feed(html)
    return "\n".join(line for line in ("".join(part).strip() for part in reader.blocks) if line)


def numbers(text: str) -> list[str]:
    """Every number of a text in order, links left out: what text and HTML must have in common."""
    return sorted(_NUMBER.findall(_URL.sub(" ", text)))


def _words(rest: str, kind: str, locale: str) -> Iterator[Finding]:
    rules = ("promotional", "when") if kind == DIGEST else ("promotional", "when", "hidden")
    for rule in rules:
        yield from (Finding(rule, word) for word in listed(locale, rule).findall(rest))


def _unseen(rest: str, evidence: Mapping[str, Any], shown: set[str]) -> list[str]:
    """Names of the evidence that stand in the text, though its reader cannot see them where the notice is about."""
    values = {str(value) for key, value in evidence.items() if isinstance(value, str) and key not in UNSAID}
    hidden = [value for value in values - shown if len(value) > 1]
    return [value for value in hidden if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", rest)]


def _links(composed: Composed, links: Links) -> list[str]:
    """Links other than the one action and the stop, or one of the two that is missing."""
    wanted = {links.action, links.stop}
    in_text = set(_URL.findall(composed.text))
    in_html = set(re.findall(r'(?:href|src|action|background)="([^"]*)"', composed.html))
    return sorted((in_text | in_html) ^ wanted | (in_text ^ in_html))


def _flat(text: str) -> str:
    return " ".join(text.split())


class _Reader(HTMLParser):
    """Collects text block by block; head and styles are not seen by a reader."""

    _BLOCKS = frozenset(
        {"p", "li", "td", "th", "tr", "dt", "dd", "dl", "div", "h1", "h2", "ul", "table", "section", "body"}
    )
    _UNSEEN = frozenset({"head", "style", "script", "title"})

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[list[str]] = [[]]
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's signature
        if tag in self._UNSEEN:
            self._hidden += 1
        if tag in self._BLOCKS:
            self.blocks.append([])

    def handle_endtag(self, tag: str) -> None:
        if tag in self._UNSEEN:
            self._hidden -= 1
        if tag in self._BLOCKS:
            self.blocks.append([])

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.blocks[-1].append(data)
