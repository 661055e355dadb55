"""The laws of the world: how long each step takes and how likely each trouble is, given the state of its cause.

Every number that decides a fate stands here. ``journey`` and ``problems`` draw from these laws, ``oracle`` computes
the true probabilities from the same ones, so there is no second copy that could differ. Durations are in whole days.
"""

from __future__ import annotations

import numpy as np

from sources.simulator.arrays import Floats, Ints

MAX_STEP_DAYS = 24
"""Longest step in days, exclusive: the width of every table of durations."""

LIMITS = (2, 3, 4)
"""Days a seller has to hand over."""

# handling by dispatch limit, the seller fine
_HANDLING = {2: (0.30, 0.50, 0.18, 0.02), 3: (0.20, 0.42, 0.28, 0.09, 0.01), 4: (0.10, 0.32, 0.30, 0.20, 0.07, 0.01)}
_SLIPPING = (0.30, 0.50, 0.20)
_BEHIND = (0.0, 0.0, 0.0, 0.03, 0.08, 0.14, 0.19, 0.20, 0.16, 0.11, 0.06, 0.03)
_MISCOUNTED = (0.30, 0.30, 0.25, 0.15)

_PICKUP = (0.55, 0.42, 0.03)
_DWELL = {
    0: (0.52, 0.43, 0.05),
    1: (0.10, 0.40, 0.35, 0.15),
    2: (0.0, 0.0, 0.0, 0.02, 0.05, 0.09, 0.13, 0.16, 0.16, 0.14, 0.10, 0.07, 0.05, 0.03),
}
_LEG = {
    0: (0.15, 0.80, 0.05),
    1: (0.0, 0.45, 0.50, 0.05),
    2: (0.0, 0.05, 0.50, 0.40, 0.05),
    3: (0.0, 0.0, 0.20, 0.50, 0.30),
}
_REROUTED = (0.0, 0.0, 0.0, 0.0, 0.06, 0.12, 0.18, 0.20, 0.18, 0.12, 0.08, 0.06)
_LAST_MILE = (0.60, 0.38, 0.02)

HUB_LOSS = (0.0024, 0.005, 0.045)
"""Chance that a parcel never leaves a hub, by the hub's level."""
LEG_LOSS = (0.0024, 0.045)
"""Chance that a parcel never ends a leg, by the route's level."""
LOST_DECLARED = (16, 23)
"""Days without a scan after which the carrier declares a parcel lost: from, to (exclusive), all alike."""

ATTEMPT_SUCCESS = 0.95
ATTEMPTS = 3

SELLER_CANCELS = (0.004, 0.02, 0.12)
"""Chance that the seller cancels, by the seller's level on the day of approval."""
MISCOUNTED_CANCELS = 0.40
"""The same where the article's count is wrong: the piece that was sold is not there."""
BUYER_CANCELS = 0.006
SELLER_CANCEL_DAYS = (0.0, 0.15, 0.25, 0.30, 0.20, 0.10)
BUYER_CANCEL_DAYS = (0.50, 0.35, 0.15)
"""Days from approval to the cancellation."""

STALLED_DAYS = 5
"""A parcel is stalled when this many days pass without a scan between hand-over and its end."""

# what buyers do. Buckets of the end: on time, 1 to 3 days late, 4 or more days late, never delivered.
BUCKETS = 4
LATE_DAYS_SERIOUS = 4
RETURN = ((0.012, 0.03, 0.06, 1.0), (0.26, 0.28, 0.30, 1.0))
DISPUTE = ((0.0015, 0.05, 0.18, 0.45), (0.09, 0.14, 0.25, 0.45))
BAD_REVIEW = ((0.012, 0.20, 0.42, 0.30), (0.30, 0.38, 0.48, 0.30))
"""By honest or misleading listing and by bucket. A bad review has one or two stars."""
REVIEW_GIVEN = (0.45, 0.50, 0.55, 0.34)
"""Chance of any review, by bucket; never below the chance of a bad one."""
CRITICAL_SHARE, CRITICAL_FACTOR = 0.15, 1.5
"""Buyers who complain more, and how much more: multiplies all chances of this section up to 0.95."""

CONTACT_BASE, CONTACT_GAP, CONTACT_UNSENT, CONTACT_OVERDUE = 0.0008, 0.05, 0.05, 0.12
"""Chance of a contact per day: always; 3 days without a scan; not handed over in time; promise passed."""
CONTACT_GAP_DAYS = 3
CONTACT_AFTER, CONTACT_AFTER_MISLED = 0.001, 0.08
CONTACT_AFTER_DAYS = 5
"""Chance of a contact per day in the days after delivery."""


def _table(*rows: tuple[float, ...]) -> Floats:
    table = np.zeros((len(rows), MAX_STEP_DAYS))
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table


def _followed_by(first: tuple[float, ...], then: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(np.convolve(first, then))


def _handling() -> Floats:
    """Rows: (limit, seller level, miscounted) flattened as (limit * 3 + level) * 2 + miscounted."""
    rows = []
    for limit in LIMITS:
        fine = _HANDLING[limit]
        for law in (fine, _followed_by(fine, _SLIPPING), _followed_by(fine, _BEHIND)):
            rows += [law, _followed_by(law, _MISCOUNTED)]
    return _table(*rows)


HANDLING = _handling()
PICKUP = _table(_PICKUP)
DWELL = _table(*(_DWELL[level] for level in (0, 1, 2)))
LEG = _table(*(_LEG[near] for near in range(4)), *(_followed_by(_LEG[near], _REROUTED) for near in range(4)))
"""Rows: distance class, plus 4 where the route is lost."""
LAST_MILE = _table(_LAST_MILE)
SELLER_CANCEL = _table(SELLER_CANCEL_DAYS)
BUYER_CANCEL = _table(BUYER_CANCEL_DAYS)


def handling_row(limit: Ints, level: Ints, miscounted: Ints) -> Ints:
    """The row of HANDLING for a place in LIMITS, a seller's level and 0 or 1 for a wrong count."""
    return (limit * len(SELLER_CANCELS) + level) * 2 + miscounted


PROMISE_KEPT = 0.993
"""Share of parcels for which a promise holds when nothing goes wrong."""
