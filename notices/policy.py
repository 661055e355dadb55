"""What telling is worth and how much of it is allowed. Plain values; decide() takes them as an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

LADDER = MappingProxyType({"shadow": 0.0, "1%": 0.01, "10%": 0.10, "all": 1.0})
DEFAULT_HOLDOUT = 0.05


class PolicyError(ValueError):
    """A policy value that cannot be meant."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of notice. Money is in the currency of the order or the stock; shares are 0 to 1.

    Expected value of telling = probability x benefit - annoyance - contact_share x contact_cost, where
    benefit = benefit_base + benefit_share x value at stake (at most value_limit of it).
    """

    name: str
    benefit_base: float
    benefit_share: float
    annoyance: float
    contact_share: float = 0.05  # of notices that make the recipient write to us
    contact_cost: float = 6.0  # of answering one
    value_limit: float = 2_000.0
    digest: bool = False  # one notice per recipient and day that lists all lines
    step_days: float = 3.0  # the expected date must move by this much before the same case is told again
    expires_hours: float = 48.0
    episode_gap_days: int | None = None  # without risk, after which it is a new trouble; None: there is only one ever
    review_from_value: float | None = None  # at stake, from which an unsure candidate goes to a person first
    sure_from: float = 0.5  # probability from which no person needs to look
    ladder: str = "all"
    holdout_share: float = DEFAULT_HOLDOUT
    budget: int | None = None  # notices a day
    paused: bool = False

    def __post_init__(self) -> None:
        if self.ladder not in LADDER:
            raise PolicyError(f"{self.name}: ladder is {self.ladder!r}. Allowed: {', '.join(LADDER)}.")
        if not 0 <= self.holdout_share <= 1:
            raise PolicyError(f"{self.name}: holdout_share is {self.holdout_share}. Allowed: 0 to 1.")


LATE_DELIVERY = Kind("late_delivery", benefit_base=8.0, benefit_share=0.05, annoyance=3.0, review_from_value=1_000.0)
STOCK_OUT = Kind(
    "stock_out",
    benefit_base=5.0,
    benefit_share=0.20,
    annoyance=1.5,
    contact_share=0.0,
    digest=True,
    episode_gap_days=14,
)
KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in (LATE_DELIVERY, STOCK_OUT)})


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits over all kinds. ``caps``: notices per recipient in any 7 days, by role; a digest counts as one."""

    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)
    caps: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({"buyer": 3, "seller": 7}))
    capacity: int | None = None  # notices a day, all kinds together
    review_capacity: int = 30  # notices a day that people can look at
    breaker_low: float = 0.3
    breaker_high: float = 3.0
    breaker_min_days: int = 7  # of history, before the breaker can judge
    breaker_min_volume: int = 20  # notices a day: below it, a ratio says nothing
    stopped: frozenset[str] = frozenset()  # kinds whose kill switch is on; '*' for all
