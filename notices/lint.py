"""Checks on finished messages: no number that the evidence does not hold, and the same facts in text and HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from html.parser import HTMLParser
from math import floor
from typing import Any

from notices.formats import Formats

_URL = re.compile(r"https?://\S+")
_NUMBER = re.compile(r"\d+(?:[.,\u00a0\u202f]\d+)*")
_CLOCK = re.compile(r"(?<![\d.,:])\d{1,2}[:.]\d{2}(?::\d{2})?(?![\d:]|[.,]\d)")


def unfounded(text: str, evidence: Mapping[str, Any], formats: Formats) -> list[str]:
    """Numbers, days and times in ``text`` that do not follow from the evidence. Links are left out of the search."""
    allowed = set(_allowed(evidence, formats))
    said = _URL.sub(" ", text)
    found: list[str] = []
    for time_of_day in _CLOCK.findall(said):
        if time_of_day not in allowed:
            found.append(time_of_day)
        said = said.replace(time_of_day, " ", 1)
    return found + [number for number in _NUMBER.findall(said) if number not in allowed]


def visible_text(html: str) -> str:
    """What a reader sees of an HTML message, one block a line."""
    reader = _Reader()
    reader.feed(html)
    return "\n".join(line for line in ("".join(part).strip() for part in reader.blocks) if line)


def numbers(text: str) -> list[str]:
    """Every number of a text in order, links left out: what text and HTML must have in common."""
    return sorted(_NUMBER.findall(_URL.sub(" ", text)))


def _allowed(value: Any, formats: Formats, name: str = "") -> Iterator[str]:
    """All forms in which a value of the evidence may be said."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _allowed(inner, formats, key)
    elif isinstance(value, list | tuple):
        yield from _forms(len(value), formats)
        for inner in value:
            yield from _allowed(inner, formats, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _forms(value, formats)
        yield from _forms(round(100 * value), formats)
        yield from _forms(floor(value), formats)
        if name.endswith("_hours"):
            yield from _forms(floor(value / 24), formats)
    elif isinstance(value, str):
        yield from _NUMBER.findall(value)
        yield from re.findall(r"\d+", value[:8])  # a number cut short for a subject
        yield from _moments(value, formats)


def _forms(value: float, formats: Formats) -> Iterator[str]:
    yield str(abs(round(value)))
    yield from _NUMBER.findall(str(formats.number(abs(value))))
    yield from _NUMBER.findall(formats.money(abs(value), "BRL"))


def _moments(value: str, formats: Formats) -> Iterator[str]:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return
    day: date = formats.as_date(value)
    yield from (str(day.day), str(day.month), str(day.year))
    if moment.tzinfo is not None:
        local = moment.astimezone(formats.zone)
        hours = {f"{local:%H}", f"{local:%I}", str(local.hour), str(int(f"{local:%I}"))}
        yield from (f"{hour}{sign}{local:%M}" for hour in hours for sign in ":.")
        yield from (f"{hour}{sign}{local:%M}{sign}{local:%S}" for hour in hours for sign in ":.")


class _Reader(HTMLParser):
    """Collects text block by block; head and styles are not seen by a reader."""

    _BLOCKS = frozenset({"p", "li", "td", "tr", "div", "h1", "h2", "ul", "table", "body"})
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
