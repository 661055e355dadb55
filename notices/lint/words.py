"""The words that no message may hold, by language: ``lists/<tag>.json``.

promotional: what sells. hidden: what a buyer cannot see on their order page, or is said about the person. when: days
and spans in words, which no evidence holds. An entry with brackets is a pattern; all are sought as whole words,
whatever their case.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

LISTS = Path(__file__).parent / "lists"
RULES = ("promotional", "hidden", "when")


@cache
def listed(locale: str, rule: str) -> re.Pattern[str]:
    """The words of one list as a pattern. Raises FileNotFoundError for a language without lists."""
    entries: list[str] = json.loads((LISTS / f"{locale}.json").read_text("utf-8"))[rule]
    return re.compile("|".join(_pattern(entry) for entry in sorted(entries, key=len, reverse=True)), re.IGNORECASE)


def _pattern(entry: str) -> str:
    if "(" in entry or "[" in entry:
        pattern = entry.replace("(", "(?:")
        return pattern if not entry.isascii() else rf"(?<!\w){pattern}(?!\w)"
    escaped = re.escape(entry)
    start = r"(?<!\w)" if entry[0].isascii() and entry[0].isalnum() else ""
    end = r"(?!\w)" if entry.isascii() and entry[-1].isalnum() else ""
    return f"{start}{escaped}{end}"
