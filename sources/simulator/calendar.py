"""Days: holidays, the festival, days without hand-over and delivery, local midnights, and how busy each day is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from sources.simulator.arrays import Flags, Floats, Ints
from sources.simulator.geography import COUNTRY_SHARE, N_REGIONS, zone
from sources.simulator.parameters import WorldParameters

FESTIVAL_NAME = "Beforehand Week"
HOLIDAYS_ANNOUNCED_DAYS, FESTIVAL_ANNOUNCED_DAYS = 60, 30
WEEKDAY_FACTOR = (1.08, 1.04, 1.02, 1.0, 1.0, 0.92, 0.94)
HOLIDAY_FACTOR = 0.8
SUNDAY = 6
MICROSECONDS = 1_000_000
DAY_US = 86_400 * MICROSECONDS


def easter(year: int) -> date:
    """Western Easter Sunday, by the anonymous Gregorian algorithm (Meeus, Astronomical Algorithms, ch. 8)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def holidays(country: str, year: int) -> dict[date, str]:
    """National holidays of a year, as ``date: name``."""
    if country == "BR":
        sunday = easter(year)
        return {
            date(year, 1, 1): "Confraternização Universal", sunday - timedelta(days=47): "Carnaval",
            sunday - timedelta(days=2): "Sexta-feira Santa", date(year, 4, 21): "Tiradentes",
            date(year, 5, 1): "Dia do Trabalho", sunday + timedelta(days=60): "Corpus Christi",
            date(year, 9, 7): "Independência do Brasil", date(year, 10, 12): "Nossa Senhora Aparecida",
            date(year, 11, 2): "Finados", date(year, 11, 15): "Proclamação da República",
            date(year, 11, 20): "Consciência Negra", date(year, 12, 25): "Natal",
        }  # fmt: skip
    return {
        date(year, 1, 1): "New Year's Day", _nth(year, 1, 0, 3): "Martin Luther King Jr. Day",
        _nth(year, 2, 0, 3): "Presidents' Day", _nth(year, 6, 0, 1) - timedelta(days=7): "Memorial Day",
        date(year, 6, 19): "Juneteenth", date(year, 7, 4): "Independence Day", _nth(year, 9, 0, 1): "Labor Day",
        _nth(year, 10, 0, 2): "Columbus Day", date(year, 11, 11): "Veterans Day",
        _nth(year, 11, 3, 4): "Thanksgiving", date(year, 12, 25): "Christmas Day",
    }  # fmt: skip


@dataclass(frozen=True)
class Days:
    """Arrays over day index 0 .. horizon + 40.

    next_open: (countries, days) the first day, from this one on, with hand-over and delivery.
    demand: (countries, days) orders against an ordinary day. festival: (days,) within the festival.
    strain: (days,) the festival and the five days after it, when hubs and sellers fall behind more easily.
    local_end_us: (regions, days) last second of the local day, in microseconds since 1970.
    """

    next_open: Ints
    demand: Floats
    festival: Flags
    strain: Flags
    local_end_us: Ints


def make_days(parameters: WorldParameters) -> Days:
    """The calendar of a world."""
    count = parameters.horizon + 40
    dates = [parameters.first_day + timedelta(days=i) for i in range(count)]
    closed = np.zeros((len(COUNTRY_SHARE), count), dtype=bool)
    demand = np.tile([WEEKDAY_FACTOR[day.weekday()] for day in dates], (len(COUNTRY_SHARE), 1))
    for row, country in enumerate(COUNTRY_SHARE):
        off = {day for year in range(dates[0].year, dates[-1].year + 1) for day in holidays(country, year)}
        is_holiday = np.array([day in off for day in dates])
        closed[row] = is_holiday | np.array([day.weekday() == SUNDAY for day in dates])
        demand[row, is_holiday] *= HOLIDAY_FACTOR
    festival, strain = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    start = parameters.festival_first
    if start >= 0:
        festival[start : start + parameters.festival_days] = True
        strain[start : start + parameters.festival_days + 5] = True
        demand[:, festival] = parameters.festival_factor
    return Days(_next_open(closed), demand, festival, strain, _local_ends(dates))


def _next_open(closed: Flags) -> Ints:
    days = np.tile(np.arange(closed.shape[1]), (closed.shape[0], 1))
    for day in range(closed.shape[1] - 2, -1, -1):
        days[:, day] = np.where(closed[:, day], days[:, day + 1], day)
    return days


def _local_ends(dates: list[date]) -> Ints:
    ends = np.empty((N_REGIONS, len(dates)), dtype=np.int64)
    for region in range(N_REGIONS):
        local = zone(region)
        for i, day in enumerate(dates):
            end = datetime.combine(day, time(23, 59, 59), tzinfo=local).astimezone(UTC)
            ends[region, i] = int(end.timestamp()) * MICROSECONDS
    return ends


def calendar_rows(parameters: WorldParameters) -> Iterator[tuple[str, date, str, str, int]]:
    """Rows of the calendar as (region, day, name, kind, day index on which it is announced, at least 0)."""
    for offset in range(parameters.days + FESTIVAL_ANNOUNCED_DAYS):
        day = parameters.first_day + timedelta(days=offset)
        for country in parameters.countries:
            name = holidays(country, day.year).get(day)
            if name:
                yield country, day, name, "holiday", max(0, offset - HOLIDAYS_ANNOUNCED_DAYS)
    start = parameters.festival_first
    for offset in range(start, start + parameters.festival_days if start >= 0 else start):
        day = parameters.first_day + timedelta(days=offset)
        yield "*", day, FESTIVAL_NAME, "sales_event", max(0, start - FESTIVAL_ANNOUNCED_DAYS)
