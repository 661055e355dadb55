"""The pages' own sentences, in the languages of the notices. What a notice says comes from the notice."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from babel import Locale

from notices.write.catalog import Catalog, MissingTranslation

LOCALES = Path(__file__).parent / "locales"


def languages() -> tuple[str, ...]:
    """The languages that pages can be shown in, English first."""
    return tuple(sorted((path.stem for path in LOCALES.glob("*.json")), key=lambda name: (name != "en", name)))


@cache
def sentences(locale: str) -> Catalog:
    """The sentences of one language. Raises MissingTranslation where there is none."""
    if locale not in languages():
        raise MissingTranslation(locale, "any page")
    return Catalog(locale, Locale.parse(locale, sep="-"), json.loads((LOCALES / f"{locale}.json").read_text("utf-8")))
