"""Numbers, dates and names as a recipient reads them: in their language and zone, with nothing live in them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache, lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time, get_datetime_format, get_timezone_name, match_skeleton
from babel.numbers import (
    NumberPattern,
    format_decimal,
    format_percent,
    get_currency_symbol,
    get_group_symbol,
    parse_pattern,
)

MAX_NAME = 80
KEPT = 8192  # formatted values of a kind
CURRENCY_SIGN = "¤"  # where a pattern has the currency
THOUSANDS = (3, 3)  # how a language groups digits
COMMON_ERA = "ค.ศ."
WHOLE = frozenset({"vi"})  # "Th 6, 6 thg 3" is a riddle: weekdays are numbers there, too
NAMED_ZONES = frozenset({"id"})  # zones go by names of their own, the same all year
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # controls, direction marks, line separators
# Links, and between = and ? or ? and =: the marks of an encoded word in a header, which may share a sign (=?=).
_LIVE = re.compile(r"(?i)://|www\.|(?<==)(?=\?)|(?<=\?)(?==)")


@dataclass(frozen=True, slots=True)
class Number:
    """A number with its text, so that a plural can be chosen by the one and the sentence show the other."""

    number: float
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Formats:
    """How one recipient reads values: ``language`` (BCP 47) for words and signs, ``zone`` for the day of a moment."""

    language: str
    zone: ZoneInfo

    @property
    def locale(self) -> Locale:
        """What the library knows of the language."""
        return _locale(self.language)

    def number(self, value: float) -> Number:
        """At most one decimal: more would claim a precision that no forecast has."""
        return _number(self.language, value if isinstance(value, int) else round(float(value), 1))

    def percent(self, share: float) -> str:
        whole = round(round(100 * round(share, 4), 6))  # as a decimal, not as a float, is rounded
        return _percent(self.language, whole)

    def money(self, value: float, currency: str | None) -> str:
        """Whole units: what is at risk is an estimate."""
        if not currency:
            return self.number(round(value)).text
        return _money(self.language, round(value), currency)

    def day(self, value: str) -> str:
        """``May 3`` for an ISO date, or for a moment as the day it falls on where the recipient is."""
        return _date(self.language, self.as_date(value), "MMMd")

    def long_day(self, value: str) -> str:
        """``Thu, May 3``."""
        return _date(self.language, self.as_date(value), "MMMEd")

    def moment(self, value: str) -> str:
        """``May 3, 2018, 9:15 PM, Brasilia Time``."""
        return _moment(self.language, self.zone.key, _aware(value).astimezone(UTC))

    def as_date(self, value: str) -> date:
        """The calendar day; a bare date stays what it is, in every zone."""
        if len(value) == len("2026-03-01"):
            return date.fromisoformat(value)
        return _aware(value).astimezone(self.zone).date()

    def fact(self, fact: str, value: Any) -> object:
        """Any value of a reason's facts: a share as percent, a number, an ISO date or moment, or a name."""
        if isinstance(value, bool) or value is None:
            return None
        if "_share" in fact and isinstance(value, int | float):
            return self.percent(value)
        if isinstance(value, int | float):
            return self.number(value)
        try:
            return self.day(str(value))
        except ValueError:
            return name(str(value))


def name(value: str) -> str:
    """Text from data as short text in one line: no controls, no direction marks, nothing that a mailer makes a link."""
    if value.isascii() and value.isalnum() and len(value) <= MAX_NAME:  # as most ids are
        return value
    return _flat(value)


@lru_cache(KEPT)
def _flat(value: str) -> str:
    if not (value.isascii() and value.isprintable()):  # most names are, and looking at each sign is slow
        value = "".join(" " if unicodedata.category(sign) in _INVISIBLE else sign for sign in value)
    flat = _LIVE.sub(lambda found: " ".join(found[0]) or " ", " ".join(value.split()))
    return flat if len(flat) <= MAX_NAME else flat[: MAX_NAME - 1].rstrip() + "…"


# Babel looks its patterns up anew for every value; the messages of a day say the same days and small numbers. What was
# said is kept by the language's name: a Locale takes longer to hash than a number takes to be said.


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(language, sep="-")


@lru_cache(KEPT)
def _number(language: str, shown: float) -> Number:
    text = format_decimal(shown, "#,##0.#", locale=_locale(language))
    return Number(int(shown) if shown == int(shown) else shown, text)


@lru_cache(KEPT)
def _percent(language: str, whole: int) -> str:
    return str(format_percent(whole / 100, "0%", locale=_locale(language)))


def _money(language: str, whole: int, currency: str) -> str:
    # as format_currency does it, but that one looks up the currency's name in the plural for every amount, and amounts
    # are the one value of which nearly every mail has its own: what is kept is all but the amount
    before, after, group, is_plain = _money_frame(language, currency)
    if not is_plain or whole < 0:
        amount = str(format_decimal(whole, _money_pattern(language), locale=_locale(language)))
        return amount.replace(CURRENCY_SIGN, _currency_symbol(language, currency))
    return f"{before}{f'{whole:,}'.replace(',', group)}{after}"


@lru_cache(KEPT)
def _date(language: str, day: date, skeleton: str) -> str:
    return str(format_date(day, _pattern(language, skeleton), locale=_locale(language)))


@lru_cache(KEPT)
def _moment(language: str, zone: str, moment: datetime) -> str:
    # as format_datetime does it; a day has few minutes and a year few days, and each is said but once
    local = moment.astimezone(ZoneInfo(zone))
    pattern = str(get_datetime_format("medium", locale=_locale(language))).replace("'", "")
    said = pattern.format(_clock(language, local.hour, local.minute), _calendar_day(language, local.date()))
    comma = "，" if _locale(language).language == "zh" else ", "
    return f"{said}{comma}{_zone_name(language, zone)}"


@lru_cache(KEPT)
def _clock(language: str, hour: int, minute: int) -> str:
    said = str(format_time(time(hour, minute), "medium", locale=_locale(language)))
    return re.sub(r"([:.]\d\d)[:.]00(?=\D|$)", r"\1", said)  # seconds say nothing here


@lru_cache(KEPT)
def _calendar_day(language: str, day: date) -> str:
    said = _whole_words(language, str(format_date(day, "medium", locale=_locale(language))))
    if _locale(language).language == "th":  # Thais count other years; which are meant is said
        return re.sub(r"(\d{4})", f"{COMMON_ERA} \\1", said, count=1)
    return said


@lru_cache(KEPT)
def _money_frame(language: str, currency: str) -> tuple[str, str, str, bool]:
    """What stands before and after an amount and between its thousands; and whether that is all there is to it."""
    pattern, symbol = _money_pattern(language), _currency_symbol(language, currency)
    before, after = (str(part).replace(CURRENCY_SIGN, symbol) for part in (pattern.prefix[0], pattern.suffix[0]))
    return before, after, str(get_group_symbol(_locale(language))), pattern.grouping == THOUSANDS


@lru_cache(KEPT)
def _currency_symbol(language: str, currency: str) -> str:
    return str(get_currency_symbol(currency, _locale(language)))


@cache
def _money_pattern(language: str) -> NumberPattern:
    """The locale's pattern for amounts, without the part for cents."""
    return parse_pattern(_locale(language).currency_formats["standard"].pattern.replace(".00", ""))


@cache
def _pattern(language: str, skeleton: str) -> str:
    """The locale's pattern for a skeleton of fields; finding it is slow, and the same for every message."""
    patterns = _locale(language).datetime_skeletons
    found = str(patterns[skeleton if skeleton in patterns else match_skeleton(skeleton, patterns)])
    return re.sub(r"E+", "EEEE", found.replace("MMM", "MMMM")) if _locale(language).language in WHOLE else found


def _whole_words(language: str, said: str) -> str:
    """A day with its year, its month in whole words: the library has such a pattern for days without it only."""
    return said.replace("thg ", "tháng ") if _locale(language).language in WHOLE else said


@cache
def _zone_name(language: str, zone: str) -> str:
    variant: Literal["standard", "generic"] = "standard" if _locale(language).language in NAMED_ZONES else "generic"
    return str(get_timezone_name(ZoneInfo(zone), width="long", zone_variant=variant, locale=_locale(language)))


def _aware(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
