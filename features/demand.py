"""What an article sells when it is there to be sold.

Sales on a day with hours out of stock are less than demand: they are scaled by the share of selling hours in stock, and
left out where that share is a quarter or less. Never taken raw where the share is known.
"""

from __future__ import annotations

import numpy as np

from features.history import Floats, History, deviation, mean, over
from features.series_group import series_group
from features.spec import Feature

SMALLEST_SHARE = 0.25
_NONE = "no day with enough hours in stock was reported, or nothing says what was sold"

FEATURES = (
    *[
        Feature(f"demand_units_{days}d", "units a day", "usual demand, scaled for hours out of stock", _NONE, "demand",
                days, (0.0, 1e12))
        for days in (3, 7, 14, 28)
    ],
    *[
        Feature(f"demand_lag_{days}_ratio", "demand of that day over the mean of 28 days",
                f"demand {days} days before", f"{_NONE}, or the mean is 0", "demand", None, (0.0, 28.0))
        for days in (1, 2, 3, 7)
    ],
    *[
        Feature(f"sales_lag_{days}_ratio", "sales of that day over the mean demand of 28 days",
                f"sales {days} days before, as they were", f"{_NONE}, or the mean is 0", "demand", None, (0.0, 1e9))
        for days in (1, 7)
    ],
    Feature("demand_std_28d", "units a day", "how much demand varies", "fewer than three such days", "demand", 28,
            (0.0, 1e12)),
    Feature("demand_std_ratio_28d", "standard deviation over mean", "how unsteady demand is",
            "fewer than three such days, or the mean is 0", "demand", 28, (0.0, 1e3)),
    Feature("demand_trend_ratio_28d", "mean of 7 days over mean of 28 days", "whether demand rises",
            f"{_NONE}, or the mean is 0", "demand", 28, (0.0, 28.0)),
    Feature("demand_recent_ratio_28d", "mean of 3 days over mean of 28 days", "whether demand rises",
            f"{_NONE}, or the mean is 0", "demand", 28, (0.0, 28.0)),
    Feature("no_sale_share_28d", "share of days with enough hours in stock, 0 to 1", "how slow a seller it is", _NONE,
            "demand", 28, (0.0, 1.0)),
    Feature("demand_weekday_units_28d", "units a day", "demand on this weekday in four weeks", _NONE, "weekday",
            28, (0.0, 1e12)),
    Feature("demand_weekday_ratio_28d", "demand of this weekday over the mean of 28 days", "weekday pattern",
            f"{_NONE}, or the mean is 0", "weekday", 28, (0.0, 28.0)),
    Feature("demand_weekday_to_latest_ratio_28d", "demand of this weekday over that of the weekday before",
            "whether demand is about to rise with the week", f"{_NONE}, or it is 0", "weekday", 28, (0.0, 1e9)),
)  # fmt: skip


def demand(history: History) -> Floats:
    """(n, 28): units that would have been sold with all hours in stock; NaN where that cannot be said."""
    share = np.where(
        np.isnan(history.in_stock_share), np.where(history.on_hand > 0, 1.0, np.nan), history.in_stock_share
    )
    usable = np.where(share > SMALLEST_SHARE, share, np.nan)
    return history.units / usable


def compute(history: History) -> dict[str, Floats]:
    """FEATURES for each asked series."""
    scaled = demand(history)
    usual = mean(scaled, 28)
    weekly, before = scaled[:, 6::7], scaled[:, 0::7]
    on_weekday = mean(weekly, 4)
    sold = np.where(np.isnan(scaled), np.nan, (scaled <= 0).astype(np.float64))
    values = {f"demand_units_{days}d": mean(scaled, days) for days in (3, 7, 14, 28)}
    values |= {f"demand_lag_{days}_ratio": over(scaled[:, days - 1], usual) for days in (1, 2, 3, 7)}
    values |= {f"sales_lag_{days}_ratio": over(history.units[:, days - 1], usual) for days in (1, 7)}
    spread = deviation(scaled, 28)
    return values | {
        "demand_std_28d": spread,
        "demand_std_ratio_28d": over(spread, usual),
        "demand_trend_ratio_28d": over(mean(scaled, 7), usual),
        "demand_recent_ratio_28d": over(mean(scaled, 3), usual),
        "no_sale_share_28d": mean(sold, 28),
        "demand_weekday_units_28d": on_weekday,
        "demand_weekday_ratio_28d": over(on_weekday, usual),
        "demand_weekday_to_latest_ratio_28d": over(on_weekday, mean(before, 4)),
    }


GROUP = series_group("demand", FEATURES, compute)
