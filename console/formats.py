"""How a value looks on a page: numbers, money, moments, shares, people. Registered as template filters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

SHOWN_OF_AN_ID = 6
CURRENCY_SIGNS = {"BRL": "R$\u00a0", "EUR": "€\u00a0", "USD": "$", "CNY": "CN¥\u00a0", "INR": "₹\u00a0"}
NOTHING = "–"


def number(value: object) -> str:
    """12,345 or 3.5; a dash for null."""
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) >= 1 else f"{value:.3g}"


def money(value: object, currency: str | None) -> str:
    """R$ 1,234.50; a dash for null; the bare number where no currency is known."""
    if not isinstance(value, int | float):
        return NOTHING
    sign = CURRENCY_SIGNS.get(currency or "", f"{currency}\u00a0" if currency else "")
    return f"{sign}{value:,.2f}"


def gain(value: object, currency: str | None = None) -> str:
    """A gain with its sign, or a dash: what telling is worth."""
    if not isinstance(value, int | float):
        return NOTHING
    return ("+" if value >= 0 else "\u2212") + money(abs(value), currency)


def share(value: object) -> str:
    """0.8234 as 82 %; below one percent with a decimal, because 0 % would say that it cannot be."""
    if not isinstance(value, int | float):
        return NOTHING
    percent = 100 * value
    if 0 < percent < 0.1:  # noqa: PLR2004 - 0 % would say that there is none
        return "<0.1\u00a0%"
    if 0 < percent < 1 or 99 < percent < 100:  # noqa: PLR2004 - the ends of the scale
        return f"{percent:.1f}\u00a0%"
    return f"{percent:.0f}\u00a0%"


def moment(value: object) -> datetime | None:
    """An aware UTC moment from a datetime or an ISO string; a naive one is UTC, as SQLite keeps it. None otherwise."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return None


def when(value: object) -> str:
    """1 Mar 2026, 06:12 UTC; a bare date stays a date; anything else is shown as it is."""
    at = moment(value)
    if at is None:
        return NOTHING if value in {None, ""} else str(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return day_words(value)
    if isinstance(value, str) and len(value) == len("2026-03-01"):
        return day_words(at.date())
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def day_words(value: date) -> str:
    return f"{value.day} {value:%b %Y}"


def weekday(value: date) -> str:
    return f"{value:%A} {value.day} {value:%B %Y}"


def took(started: object, ended: object) -> str:
    """How long a step took: 0.4 s, 12 s, 3 min 5 s."""
    first, last = moment(started), moment(ended)
    if first is None or last is None:
        return NOTHING
    seconds = max(0.0, (last - first).total_seconds())
    if seconds < 10:  # noqa: PLR2004 - a tenth matters only in small figures
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def masked(person_id: object, role: str | None) -> str:
    """Who, without saying who: the role and the first characters of the id, as in ``buyer 3fa91c…``."""
    text = str(person_id or "")
    shown = text[:SHOWN_OF_AN_ID] + ("…" if len(text) > SHOWN_OF_AN_ID else "")
    return f"{role or 'recipient'} {shown}".strip()


def plain(code: object) -> str:
    """A name of the data as words: ``hub_dwell_hours`` becomes ``hub dwell hours``."""
    return str(code).replace("_", " ")


def fact(value: Any) -> str:
    """Any value of an evidence record: numbers, moments, text, and small records as ``key value, key value``."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) or value is None:
        return number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(key)} {fact(part)}" for key, part in value.items()) or NOTHING
    if isinstance(value, list | tuple):
        return "; ".join(fact(part) for part in value) or NOTHING
    return when(value)


def record(value: Any) -> dict[str, Any]:
    """A JSON column as a dict, whether the driver gives text or a parsed value; empty where it is neither."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return dict(value) if isinstance(value, Mapping) else {}


FILTERS = {
    "number": number, "money": money, "gain": gain, "share": share, "when": when, "weekday": weekday,
    "day_words": day_words, "plain": plain, "fact": fact,
}  # fmt: skip
