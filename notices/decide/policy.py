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
    """One kind of notice. Money is in the policy's currency (see Policy.money); shares are 0 to 1.

    Expected value of telling = probability x benefit - annoyance - contact_share x contact_cost, where
    benefit = benefit_base + benefit_share x value at stake (at most value_limit of it). The last stages (all-clear,
    correction) tell a fact, not a chance: closing_benefit - annoyance - contact_share x contact_cost.
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
    closing_benefit: float = 0.0  # of saying that a trouble is over, or that we were wrong; 0: cases close silently
    clear_below: float = 0.10  # probability below which a trouble counts as gone ...
    clear_days: int = 2  # ... when this many daily scores in a row were below it
    expires_hours: float = 48.0
    episode_gap_days: int | None = None  # without risk, after which it is a new trouble; None: there is only one ever
    in_lane: bool = False  # service-critical: may go beyond the recipient's cap, as far as Policy.lane allows
    review_from_value: float | None = None  # at stake, from which an unsure candidate goes to a person first
    sure_from: float = 0.5  # probability from which no person needs to look
    ladder: str = "all"
    floor: float | None = None  # precision: below it in two weeks running, the kind pauses itself
    judged_untold: bool = False  # telling changes what happens, so precision looks only at those who were not told
    holdout_share: float = DEFAULT_HOLDOUT
    budget: int | None = None  # notices a day
    paused: bool = False

    def __post_init__(self) -> None:
        if self.ladder not in LADDER:
            raise PolicyError(f"{self.name}: ladder is {self.ladder!r}. Allowed: {', '.join(LADDER)}.")
        for share in ("holdout_share", "floor", "clear_below"):
            value = getattr(self, share)
            if value is not None and not 0 <= value <= 1:
                raise PolicyError(f"{self.name}: {share} is {value}. Allowed: 0 to 1.")


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits over all kinds. ``caps``: notices per recipient in any 7 days, by role; a digest counts as one.

    rates: what one unit of a currency is worth in the money that the kinds count in. Empty: the source has one
    currency, and the kinds count in it.
    """

    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)
    caps: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({"buyer": 3, "seller": 7}))
    lane: int = 1  # notices beyond the cap in any 7 days, for what is service-critical
    capacity: int | None = None  # notices a day, all kinds together
    review_capacity: int = 30  # notices a day that people can look at
    rates: Mapping[str, float] = field(default_factory=dict)
    breaker_low: float = 0.3
    breaker_high: float = 3.0
    breaker_min_days: int = 7  # of history, before the breaker can judge
    breaker_min_volume: int = 20  # notices a day: below it, a ratio says nothing
    stopped: frozenset[str] = frozenset()  # kinds whose kill switch is on; '*' for all; 'carrier:<name>' for a carrier

    def money(self, amount: float | None, currency: str | None) -> float | None:
        """An amount in the money that the kinds count in; None where it is unknown, or its currency has no rate."""
        if amount is None or currency is None or not self.rates:
            return amount
        rate = self.rates.get(currency)
        return None if rate is None else amount * rate


LATE_DELIVERY = Kind(
    "late_delivery",
    benefit_base=8.0,
    benefit_share=0.05,
    annoyance=3.0,
    closing_benefit=5.0,
    floor=0.4,
    review_from_value=1_000.0,
)
STOCK_OUT = Kind(
    "stock_out",
    benefit_base=5.0,
    benefit_share=0.20,
    annoyance=1.5,
    contact_share=0.0,
    digest=True,
    floor=0.3,
    episode_gap_days=14,
)
# The kinds below are in shadow: decided every day, sent to nobody, until they kept their floor (step learn)
# and a person moved them up the ladder (step control).
STALLED_PARCEL = Kind(
    "stalled_parcel",
    benefit_base=7.0,
    benefit_share=0.04,
    annoyance=3.0,
    contact_share=0.08,
    closing_benefit=4.0,
    floor=0.4,
    ladder="shadow",
)
LOST_PARCEL = Kind(
    "lost_parcel",
    benefit_base=15.0,
    benefit_share=0.15,
    annoyance=4.0,
    contact_share=0.25,  # who hears that a parcel may be lost asks what happens now
    closing_benefit=6.5,
    in_lane=True,
    review_from_value=500.0,
    floor=0.5,
    ladder="shadow",
)
SELLER_CANCELLATION = Kind(
    "seller_cancellation",
    benefit_base=10.0,
    benefit_share=0.08,
    annoyance=4.0,
    contact_share=0.20,
    closing_benefit=6.0,
    in_lane=True,
    review_from_value=800.0,
    floor=0.5,
    ladder="shadow",
)
RETURN_OR_REFUND = Kind(
    "return_or_refund",
    benefit_base=6.0,
    benefit_share=0.06,
    annoyance=3.0,
    contact_share=0.15,
    floor=0.4,
    judged_untold=True,
    ladder="shadow",
)
DISPUTE = Kind(
    "dispute",
    benefit_base=25.0,
    benefit_share=0.10,
    annoyance=4.0,
    contact_share=0.30,
    review_from_value=300.0,
    floor=0.3,
    judged_untold=True,
    ladder="shadow",
)
BAD_REVIEW = Kind(
    "bad_review",
    benefit_base=6.0,
    benefit_share=0.02,
    annoyance=3.0,
    contact_share=0.10,
    floor=0.4,
    judged_untold=True,
    ladder="shadow",
)
WILL_CONTACT = Kind(
    "will_contact",
    benefit_base=6.0,  # the contact that telling saves
    benefit_share=0.0,
    annoyance=2.0,
    contact_share=0.05,
    expires_hours=24.0,  # who would write within 72 hours has written by then
    floor=0.4,
    judged_untold=True,
    ladder="shadow",
)
KINDS: Mapping[str, Kind] = MappingProxyType({
    kind.name: kind
    for kind in (
        LATE_DELIVERY, STOCK_OUT, STALLED_PARCEL, LOST_PARCEL, SELLER_CANCELLATION, RETURN_OR_REFUND, DISPUTE,
        BAD_REVIEW, WILL_CONTACT,
    )
})  # fmt: skip
