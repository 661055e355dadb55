"""Planned discounts and activities, as they were known."""

from __future__ import annotations

import numpy as np

from features.history import AHEAD_DAYS, Floats, History, mean
from features.series_group import series_group
from features.spec import Feature

_NONE = "no plan for that day was known"

FEATURES = (
    Feature("discount_share", "share off the list price, 0 to 1", "discount planned for the day", _NONE, "promotion",
            None, (0.0, 1.0)),
    Feature("discount_change_share", "share, that day minus the day before", "a discount that begins or ends",
            "no plan for one of the two days was known", "promotion", None, (-1.0, 1.0)),
    Feature("discount_excess_share_28d", "share, that day minus the mean of 28 days", "cheaper than it usually is",
            "no plan was known for the day, or for none of the 28", "promotion", 28, (-1.0, 1.0)),
    Feature("discount_excess_share_7d", "share, that day minus the mean of 7 days", "cheaper than in the last week",
            "no plan was known for the day, or for none of the 7", "promotion", 7, (-1.0, 1.0)),
    Feature("discount_most_share", "share off the list price, 0 to 1", "largest discount within the horizon", _NONE,
            "promotion", None, (0.0, 1.0)),
    Feature("has_activity", "1 or 0", "featured by the platform on that day", _NONE, "promotion", None, (0.0, 1.0)),
    Feature("has_activity_change", "1, 0 or -1", "an activity that begins or ends",
            "no plan for one of the two days was known", "promotion", None, (-1.0, 1.0)),
    Feature("activity_share_28d", "share of planned days, 0 to 1", "how often it was featured lately",
            "no plan was known for any of the 28 days", "promotion", 28, (0.0, 1.0)),
    Feature("activity_days", "days", "days within the horizon on which it is featured", _NONE, "promotion", None,
            (0.0, 30.0)),
    Feature("discount_next_share", "share off the list price, 0 to 1", "discount planned for the day after",
            "no plan for that day was known", "promotion", None, (0.0, 1.0)),
)  # fmt: skip


def compute(history: History) -> dict[str, Floats]:
    """FEATURES for each asked series."""
    discount, activity = history.discount_ahead, history.has_activity_ahead
    past, was_active = history.discount_past, history.has_activity_past
    within = np.arange(AHEAD_DAYS)[None, :] < history.horizon_days[:, None]
    planned = within & ~np.isnan(discount)
    any_plan = planned.any(axis=1)
    most = np.where(planned, np.nan_to_num(discount), -1.0).max(axis=1)
    featured = np.where(planned, np.nan_to_num(activity), 0.0).sum(axis=1)
    return {
        "discount_share": discount[:, 0],
        "discount_change_share": discount[:, 0] - past[:, 0],
        "discount_excess_share_28d": discount[:, 0] - mean(past, 28),
        "discount_excess_share_7d": discount[:, 0] - mean(past, 7),
        "discount_most_share": np.where(any_plan, most, np.nan),
        "has_activity": activity[:, 0],
        "has_activity_change": activity[:, 0] - was_active[:, 0],
        "activity_share_28d": mean(was_active, 28),
        "activity_days": np.where(any_plan, featured, np.nan),
        "discount_next_share": discount[:, 1],
    }


GROUP = series_group("promotions", FEATURES, compute)
