"""What a world is made from. The same parameters make the same world, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

COUNTRIES = ("BR", "US")
MIN_ORDERS, MAX_ORDERS = 2_000, 50_000_000
MIN_DAYS, MAX_DAYS = 30, 1_500
THURSDAY = 3
TAIL_DAYS = 90
"""Days after the last order in which its fate is still followed, for the truth alone."""


class ParametersError(ValueError):
    """A world cannot be made from these parameters."""


@dataclass(frozen=True, slots=True)
class WorldParameters:
    """Size, place and time of a world.

    orders: expected number over the whole span; entities (sellers, articles, buyers) are scaled from it.
    first_day, days: UTC days on which orders are placed and rows become known; nothing after them is written.
    festival_start: first day of the sales festival; None takes the day before Black Friday or, in a span without one,
        the Thursday before the middle. festival_days: its length; 0 leaves it out.
    festival_factor: how many times the orders of an ordinary day.
    truth_every_day: true probabilities for each open order at every midnight, not only at the snapshots.
    Raises ParametersError naming the value and what is allowed.
    """

    seed: int = 7
    orders: int = 2_000
    first_day: date = date(2025, 9, 3)
    days: int = 180
    countries: tuple[str, ...] = COUNTRIES
    festival_start: date | None = None
    festival_days: int = 4
    festival_factor: float = 10.0
    truth_every_day: bool = False

    def __post_init__(self) -> None:
        _require("orders", self.orders, MIN_ORDERS, MAX_ORDERS)
        _require("days", self.days, MIN_DAYS, MAX_DAYS)
        _require("festival_days", self.festival_days, 0, 14)
        _require("seed", self.seed, 0, 2**63 - 1)
        if not self.countries or set(self.countries) - set(COUNTRIES):
            raise ParametersError(f"countries is {self.countries}. Allowed: one or more of {', '.join(COUNTRIES)}.")
        start = self.festival_start
        if start is not None and not self.first_day <= start <= self.last_day - timedelta(days=self.festival_days):
            raise ParametersError(f"festival_start is {start}: the festival must lie within the span of the world.")

    @property
    def last_day(self) -> date:
        return self.first_day + timedelta(days=self.days - 1)

    @property
    def midnight_us(self) -> int:
        """The first moment of the first day, in microseconds since 1970, UTC."""
        start = datetime.combine(self.first_day, datetime.min.time(), tzinfo=UTC)
        return int(start.timestamp()) * 1_000_000

    @property
    def horizon(self) -> int:
        """Number of days for which causes are drawn: the span and the tail."""
        return self.days + TAIL_DAYS

    @property
    def festival_first(self) -> int:
        """Day index of the festival's first day, or -1 where there is none."""
        if self.festival_days == 0:
            return -1
        start = self.festival_start or _festival_within(self.first_day, self.days, self.festival_days)
        return (start - self.first_day).days


def _require(name: str, found: int, low: int, high: int) -> None:
    if not low <= found <= high:
        raise ParametersError(f"{name} is {found}. Allowed: {low} to {high}. Nothing was written.")


def _festival_within(first_day: date, days: int, length: int) -> date:
    """The day before Black Friday where the span holds it and a week before it, else the Thursday before the middle."""
    last = first_day + timedelta(days=days - length)
    for year in (first_day.year, first_day.year + 1, first_day.year + 2, first_day.year + 3):
        november = date(year, 11, 1)
        first_thursday = november + timedelta(days=(THURSDAY - november.weekday()) % 7)
        thursday = first_thursday + timedelta(days=21)
        if first_day + timedelta(days=7) <= thursday <= last:
            return thursday
    middle = first_day + timedelta(days=days // 2)
    return middle - timedelta(days=(middle.weekday() - THURSDAY) % 7)
