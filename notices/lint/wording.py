"""Checks on sentences and templates as they stand in the files, before any message is made of them.

``python -m notices.lint.wording`` says what is wrong with those of this installation; it is part of ``make check``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, meta
from jinja2.exceptions import TemplateError

from notices.lint.message import Finding
from notices.lint.words import listed
from notices.write.catalog import Catalog
from notices.write.compose import DIGEST, PLACED, REFERENCE
from notices.write.wording import Wording, installed

_HOLE = re.compile(r"\{(\w+)\}")
_WINDOW = re.compile(r"_(\d+)d(?:_|\}|$)")
_LIVE = re.compile(r"[<>]|https?:|www\.|\{\{|\{%|%\(")
_SHOUT = re.compile(r"[!！]|(?<![\w{])[A-Z]{4,}(?![\w}])")
_EDGE = re.compile(r"^\s|\s$|\s\s")
_LEAST_WORDS = 3  # shorter phrases may well be the same in two languages
SCRIPTS: Mapping[str, str] = MappingProxyType({"zh": "\u4e00-\u9fff", "th": "\u0e00-\u0e7f"})
# Reasons that only sellers and the console read: they may speak of chances, discounts and sales events.
OF_SELLERS = (f"{DIGEST}.", "reason.")


def check_wording(wording: Wording) -> list[Finding]:
    """Every fault of the sentences and templates; an empty list where they may be used."""
    reference = wording.catalog(REFERENCE)
    found: list[Finding] = []
    for locale in wording.locales:
        try:
            words = wording.catalog(locale)
        except json.JSONDecodeError as error:
            found.append(Finding("unreadable", f"{locale}: {error}"))
            continue
        found += [Finding(rule, f"{locale}: {what}") for rule, what in _catalog(words, reference)]
    for path, text in wording.texts.items():
        if path.startswith("templates/"):
            found += [Finding(rule, f"{path}: {what}") for rule, what in _template(text)]
    return found


def _catalog(words: Catalog, reference: Catalog) -> Iterator[tuple[str, str]]:
    for key in sorted({*words.sentences, *reference.sentences}):
        if not words.has(key):
            yield "missing", key
        elif not reference.has(key):
            yield "unknown", key
        elif words.holes(key) != reference.holes(key):
            yield "holes", f"{key} holds {sorted(words.holes(key))}, not {sorted(reference.holes(key))}"
        else:
            yield from _forms(words, key)
            for form in _texts(words.sentences[key]):
                yield from ((rule, f"{key}: {what}") for rule, what in _sentence(key, form, words, reference))


def _forms(words: Catalog, key: str) -> Iterator[tuple[str, str]]:
    """A plural has a form for one and one for many wherever the language tells them apart, and the hole it goes by."""
    entry = words.sentences[key]
    needed = {"one", "other"} & {*words.babel.plural_form.tags, "other"}
    if isinstance(entry, str):
        return
    if not needed <= set(entry) or entry.get("by") not in words.holes(key):
        yield "plural", f"{key} needs {sorted(needed)} and a hole for {entry.get('by')!r}"


def _sentence(key: str, text: str, words: Catalog, reference: Catalog) -> Iterator[tuple[str, str]]:
    bare = _HOLE.sub(" ", text)
    if not text.strip():
        yield "empty", repr(text)
    for pattern, rule, where in ((_LIVE, "live", text), (_SHOUT, "promotional", bare), (_EDGE, "spaces", text)):
        yield from ((rule, found) for found in pattern.findall(where))
    spans = {*_WINDOW.findall(text), *_WINDOW.findall(key)}
    yield from (("number", number) for number in re.findall(r"\d+", bare) if number not in spans)
    rules = ("promotional", "when") if key.startswith(OF_SELLERS) else ("promotional", "when", "hidden")
    for rule in rules:
        yield from ((rule, word) for word in listed(words.name, rule).findall(bare))
    if _is_english(key, text, words, reference):
        yield "untranslated", text


def _is_english(key: str, text: str, words: Catalog, reference: Catalog) -> bool:
    script = SCRIPTS.get(words.babel.language)
    letters = re.findall(r"[^\W\d_]+", _HOLE.sub(" ", text))
    if script:
        return bool(letters) and not re.search(f"[{script}]", text)
    same = text in _texts(reference.sentences[key])
    return words.name != REFERENCE and same and len(letters) >= _LEAST_WORDS


def _texts(entry: str | dict[str, Any]) -> list[str]:
    return [entry] if isinstance(entry, str) else [str(form) for name, form in entry.items() if name != "by"]


def _template(text: str) -> Iterator[tuple[str, str]]:
    """A template places what the card says and adds no word, number, picture or link of its own."""
    try:
        tree = Environment(autoescape=True).parse(text)
        unknown = meta.find_undeclared_variables(tree) - set(PLACED)
    except (TemplateSyntaxError, TemplateError) as error:
        yield "unreadable", str(error)
        return
    yield from (("unknown", name) for name in sorted(unknown))
    yield from (("unescaped", mark) for mark in re.findall(r"\|\s*safe|autoescape|Markup", text))
    yield from (
        ("remote", mark) for mark in re.findall(r"(?i)<(?:img|script|iframe|link|form|object)\b|https?:|url\(", text)
    )
    body = re.sub(r"(?s)<style>.*?</style>|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>|&nbsp;", " ", text)
    yield from (("words", word) for word in re.findall(r"\w+", body))
    quoted = re.findall(r'\{\{[^}]*?["\']([^"\']*)["\'][^}]*\}\}', text)
    yield from (("words", word) for word in quoted if re.search(r"\w", word))


def main() -> int:
    """Write every finding, one a line. Returns 1 where there is one."""
    found = check_wording(installed())
    sys.stderr.write("".join(f"{finding.rule}: {finding.what}\n" for finding in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
