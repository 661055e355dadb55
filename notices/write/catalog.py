"""The sentences of one language. A sentence that is not there raises: nobody is written to in half a language."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

from babel import Locale

LOCALES = Path(__file__).parent / "locales"
DEFAULT_LOCALE = "en"
_HOLE = re.compile(r"\{(\w+)\}")


class MissingTranslation(LookupError):
    """A language, or one of its sentences, is not there. The notice is held; it does not fall back."""

    def __init__(self, locale: str, key: str) -> None:
        self.locale = locale
        self.key = key
        super().__init__(
            f"there is no {key!r} in the language {locale!r}. Add it to notices/write/locales/{locale}.json."
        )


@dataclass(frozen=True)
class Catalog:
    """One language: its sentences by key, and how it forms plurals, numbers and dates."""

    name: str
    babel: Locale
    sentences: dict[str, Any]

    def text(self, key: str, **facts: object) -> str:
        """The sentence with its holes filled. Facts come formatted; a plural is chosen by a fact given as a number.

        Raises MissingTranslation where the key, its plural form or a fact for a hole is not there.
        """
        found = self.sentences.get(key)
        pattern = found if isinstance(found, str) else self._form(key, found, facts)
        if "{" not in pattern:  # most have no hole
            return pattern
        try:
            return _format(pattern).format_map(facts)
        except KeyError as error:
            raise MissingTranslation(self.name, f"{key} with {error.args[0]}") from error

    def has(self, key: str) -> bool:
        return key in self.sentences

    def holes(self, key: str) -> frozenset[str]:
        """Which facts the sentence needs; every form of a plural together."""
        return self._holes.get(key, frozenset())

    @cached_property
    def _holes(self) -> dict[str, frozenset[str]]:
        return {key: frozenset(_HOLE.findall("".join(_forms(found)))) for key, found in self.sentences.items()}

    def _form(self, key: str, found: dict[str, str] | None, facts: dict[str, object]) -> str:
        """The form of a plural that these facts call for."""
        if found is None:
            raise MissingTranslation(self.name, key)
        count = facts.get(found["by"])
        number = getattr(count, "number", count)
        if not isinstance(number, int | float):
            raise MissingTranslation(self.name, f"{key} without a number for {found['by']}")
        form = _plural_form(self.name, number)
        pattern = found.get(form, found.get("other"))  # the form that every language has, for all that is not special
        if pattern is None:
            raise MissingTranslation(self.name, f"{key} in the form {form}")
        return str(pattern)


def _forms(found: str | dict[str, str]) -> list[str]:
    """A sentence, or all forms of a plural."""
    return [found] if isinstance(found, str) else [form for name, form in found.items() if name != "by"]


@lru_cache(4096)
def _format(pattern: str) -> str:
    """A sentence as ``str.format_map`` fills it: its holes, and no other brace, have a meaning."""
    parts = _HOLE.split(pattern)  # every second one is a hole
    parts[::2] = [part.replace("{", "{{").replace("}", "}}") for part in parts[::2]]
    parts[1::2] = [f"{{{hole}}}" for hole in parts[1::2]]
    return "".join(parts)


@lru_cache(4096)
def _plural_form(language: str, number: float) -> str:
    return str(Locale.parse(language, sep="-").plural_form(number))


def available() -> tuple[str, ...]:
    """The languages that notices can be written in."""
    return tuple(sorted(path.stem for path in LOCALES.glob("*.json")))


@cache
def catalog(locale: str) -> Catalog:
    """The language called ``locale`` (BCP 47). Raises MissingTranslation where there is none."""
    if locale not in available():
        raise MissingTranslation(locale, "any sentence")
    return parsed(locale, (LOCALES / f"{locale}.json").read_text("utf-8"))


def parsed(locale: str, text: str) -> Catalog:
    """The catalog in a file's text."""
    return Catalog(locale, Locale.parse(locale, sep="-"), json.loads(text))
