"""Which facts a message may say: those of its evidence that its reader can see, in the forms that they are said in.

The finished text is taken apart: what data is called (an order, an article, a person) and every date that follows from
the evidence are removed; what numbers, months or weekdays are then left must be numbers of the evidence, or are faults.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from babel import Locale

from notices.write.card import short_id
from notices.write.formats import Formats, name
from notices.write.reasons import whole
from notices.write.stock_out import track_record

# What stands on an order page. A chance, another order's fate, a way of paying or a person's history does not.
ORDER_FIELDS = frozenset({"order_id", "as_of", "promised_at", "carrier"})
SCAN_FIELDS = frozenset({"event", "hub", "event_at"})
ENDED_FIELDS = frozenset({"event", "at"})
ITEM_FIELDS = frozenset({"category", "quantity"})
ORDER_FACTS = frozenset({
    "slack_days", "ship_by", "ship_by_missed_days", "days", "last_scan_age_hours", "last_scan_age_days",
    "hub_dwell_hours", "hub_dwell_days", "attempts_failed_count", "holidays_left_days",
})  # fmt: skip
# What stands on a seller's own stock list. Other sellers' stock does not.
STOCK_FIELDS = frozenset({
    "sku_id", "category", "as_of", "probability", "on_hand", "units_per_day", "expected_date", "order_by", "quantity",
    "value_at_risk", "cost_of_waiting", "currency", "open_inbound", "expected_at", "stage",
})  # fmt: skip
AMOUNTS = frozenset({"value_at_risk", "cost_of_waiting"})
OTHERS = ("sku_", "category_", "platform_")

_URL = re.compile(r"https?://\S+")
_NUMBER = re.compile(r"\d+(?:[.,\u00a0\u202f]\d+)*(?:[\s\u00a0]?%)?")  # a percentage is another fact than a count
_WINDOW = re.compile(r"_(\d+)d(?:_|$)")


@dataclass
class Sayable:
    """What may be said: names as they are, dates as they are written, numbers as they are written."""

    names: set[str] = field(default_factory=set)
    dates: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)

    def unnamed(self, text: str) -> str:
        """The text without links and without what data is called."""
        return self._names.sub(" ", _URL.sub(" ", text))

    def undated(self, text: str) -> str:
        """The text without the dates that may be said."""
        return self._dates.sub(" ", text)

    @cached_property
    def _names(self) -> re.Pattern[str]:
        return _any_of(self.names)

    @cached_property
    def _dates(self) -> re.Pattern[str]:
        return _any_of(self.dates)


def seen(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an evidence record that its recipient can see where the notice is about."""
    if "lines" in evidence:
        return {
            "as_of": evidence["as_of"],
            "track_record": track_record(evidence),
            "lines": [_of_line(line) for line in evidence["lines"]],
        }
    scan = evidence.get("last_scan") or {}
    return {
        **{key: value for key, value in evidence.items() if key in ORDER_FIELDS},
        "window": evidence.get("window"),
        "before": {"window": (evidence.get("before") or {}).get("window")},
        "last_scan": {key: value for key, value in scan.items() if key in SCAN_FIELDS},
        "ended": {key: value for key, value in (evidence.get("ended") or {}).items() if key in ENDED_FIELDS},
        "items": [
            {key: value for key, value in item.items() if key in ITEM_FIELDS} for item in evidence.get("items") or ()
        ],
        "facts": _facts(evidence, lambda fact: fact in ORDER_FACTS),
    }


def unfounded(text: str, allowed: Sayable, locale: Locale) -> list[str]:
    """Numbers and dates in ``text`` that are not among the allowed. Links are left out of the search."""
    rest = allowed.undated(allowed.unnamed(text))
    found = [number for number in _NUMBER.findall(rest) if number not in allowed.numbers]
    return found + _calendar_words(locale).findall(rest)


def _any_of(parts: Iterable[str]) -> re.Pattern[str]:
    """Any of these parts, the longest first; those in ASCII only where they stand alone."""
    wanted = sorted(filter(None, parts), key=len, reverse=True)
    pattern = "|".join(rf"(?<!\w){re.escape(part)}(?!\w)" if part.isascii() else re.escape(part) for part in wanted)
    return re.compile(pattern or r"(?!)")


def sayable(evidence: Mapping[str, Any], formats: Formats, names: Iterable[str] = ()) -> Sayable:
    """Every form in which the values of an evidence record (or the seen part of one) may be said.

    names: of people and places in the text that are not evidence, such as the recipient's.
    """
    found = Sayable(names={name(one) for one in names})
    _collect(evidence, "", formats, found)
    if "lines" in evidence:
        count = len(evidence["lines"])
        own = sum(1 for line in evidence["lines"] if "stage" not in line)
        for number in (count, own, max(count - 20, 0)):  # how many there are, and how many had no room
            found.numbers.add(str(formats.number(number)))
    record = evidence.get("track_record")
    if record:
        found.numbers.add(str(formats.number(record["reminders"] - record["came_true"])))
    return found


def _collect(value: Any, key: str, formats: Formats, found: Sayable) -> None:
    if isinstance(value, Mapping):
        _collect_record(value, formats, found)
    elif isinstance(value, list | tuple):
        for inner in value:
            _collect(inner, key, formats, found)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        is_share = "_share" in key or key == "probability"
        found.numbers.add(formats.percent(value) if is_share else str(formats.number(abs(value))))
    elif isinstance(value, str):
        _collect_text(value, formats, found)


def _collect_record(record: Mapping[str, Any], formats: Formats, found: Sayable) -> None:
    for key, inner in record.items():
        if key in AMOUNTS and inner is not None and record.get("currency"):
            found.numbers.update(_NUMBER.findall(formats.money(inner, record["currency"])))
            continue
        if key == "facts":
            for facts in inner if isinstance(inner, list) else [inner]:
                _collect_facts(facts, formats, found)
            continue
        _collect(inner, key, formats, found)


def _collect_facts(facts: Mapping[str, Any], formats: Formats, found: Sayable) -> None:
    """A reason's facts, as they are and in whole days, and the days that their windows count: 7 for ``x_7d``."""
    for fact, value in whole(facts).items():
        _collect(value, fact, formats, found)
        found.numbers.update(_WINDOW.findall(fact))


def _collect_text(value: str, formats: Formats, found: Sayable) -> None:
    try:
        day = formats.day(value)
    except ValueError:
        flat = name(value.replace("_", " "))
        found.names |= {name(value), flat, short_id(value), *flat.split(" · ")}
        return
    found.dates |= {formats.long_day(value), day}
    if len(value) > len("2026-03-01"):
        found.dates.add(formats.moment(value))


def _of_line(line: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in line.items() if key in STOCK_FIELDS}
    return {**kept, "facts": _facts(line, lambda fact: not fact.startswith(OTHERS))}


def _facts(evidence: Mapping[str, Any], is_seen: Callable[[str], bool]) -> list[dict[str, Any]]:
    told = [reason.get("facts") or {} for reason in evidence.get("reasons") or ()]
    return [{fact: value for fact, value in facts.items() if is_seen(fact)} for facts in told]


@cache
def _calendar_words(locale: Locale) -> re.Pattern[str]:
    """Months and weekdays by name, as the language writes them."""
    return re.compile("|".join(sorted(_words(locale), key=len, reverse=True)))


def _words(locale: Locale) -> Iterator[str]:
    for names in (locale.months, locale.days):
        for width in ("abbreviated", "wide"):
            for word in names["format"][width].values():
                yield rf"\b{re.escape(word)}(?!\w)" if word[0].isascii() else re.escape(word)
