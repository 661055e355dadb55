"""Whether an article runs out on this day of the week, and where the day lies in it."""

from __future__ import annotations

import numpy as np

from features.history import Floats, History, mean
from features.series_group import series_group
from features.spec import Feature

_NONE = "none of those days was reported, or the source measures none"
_MONDAY = 3  # 1970-01-01 was a Thursday
_SATURDAY = 5

FEATURES = (
    Feature("stock_out_weekday_share_28d", "share of this weekday's reported days, 0 to 1",
            "how often it ran out on this weekday in four weeks", _NONE, "weekday", 28, (0.0, 1.0)),
    Feature("in_stock_weekday_share_28d", "share of selling hours, 0 to 1", "how well it was in stock on this weekday",
            _NONE, "weekday", 28, (0.0, 1.0)),
    Feature("in_stock_weekday_excess_share_28d", "share, this weekday minus all days",
            "whether this weekday is a weak one", _NONE, "weekday", 28, (-1.0, 1.0)),
    Feature("in_stock_share_lag_14_days", "share of selling hours, 0 to 1", "two weeks before", _NONE, "weekday", None,
            (0.0, 1.0)),
    Feature("in_stock_next_weekday_share_28d", "share of selling hours, 0 to 1",
            "how well it was in stock on the weekday after", _NONE, "weekday", 28, (0.0, 1.0)),
    Feature("weekday_code", "0 Monday to 6 Sunday", "weekday of the day that is predicted", "never null", "weekday",
            None, (0.0, 6.0)),
    Feature("is_weekend", "1 or 0", "Saturday or Sunday", "never null", "weekday", None, (0.0, 1.0)),
)  # fmt: skip


def compute(history: History) -> dict[str, Floats]:
    """FEATURES for each asked series; columns 6, 13, 20, 27 are one to four weeks before the day that is predicted."""
    share = history.in_stock_share
    known = history.is_known
    is_out = np.where(known, (history.is_out & known).astype(np.float64), np.nan)
    weekday = (history.day + _MONDAY) % 7
    on_weekday = mean(share[:, 6::7], 4)
    return {
        "stock_out_weekday_share_28d": mean(is_out[:, 6::7], 4),
        "in_stock_weekday_share_28d": on_weekday,
        "in_stock_weekday_excess_share_28d": on_weekday - mean(share, 28),
        "in_stock_share_lag_14_days": share[:, 13],
        "in_stock_next_weekday_share_28d": mean(share[:, 5::7], 4),
        "weekday_code": weekday.astype(np.float64),
        "is_weekend": (weekday >= _SATURDAY).astype(np.float64),
    }


GROUP = series_group("week", FEATURES, compute)
