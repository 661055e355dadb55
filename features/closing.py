"""How its days ended: what is gone in the evening has to come back in the morning, and does not always."""

from __future__ import annotations

from features.history import Floats, History, mean
from features.spec import Feature

_NONE = "none of those days was reported, or the source does not measure it"
_LAGS = (1, 2, 7)
_WINDOWS = (7, 28)

FEATURES = (
    *[
        Feature(f"closing_share_lag_{days}_days", "share of the last quarter of selling hours, 0 to 1",
                f"how well it was in stock on the evening {days} days before", _NONE, "recent_stock", None, (0.0, 1.0))
        for days in _LAGS
    ],
    *[
        Feature(f"closing_share_{days}d", "share of the last quarter of selling hours, 0 to 1",
                "how well it was in stock in the evenings", _NONE, "recent_stock", days, (0.0, 1.0))
        for days in _WINDOWS
    ],
    Feature("closing_weekday_share_28d", "share of the last quarter of selling hours, 0 to 1",
            "how well it was in stock on evenings of this weekday", _NONE, "weekday", 28, (0.0, 1.0)),
    *[
        Feature(f"ended_out_lag_{days}_days", "1 or 0", f"whether nothing was left at the end of the day {days} before",
                _NONE, "recent_stock", None, (0.0, 1.0))
        for days in _LAGS
    ],
    *[
        Feature(f"ended_out_share_{days}d", "share of the days reported, 0 to 1",
                "how often nothing was left at the end", _NONE, "recent_stock", days, (0.0, 1.0))
        for days in _WINDOWS
    ],
    Feature("ended_out_weekday_share_28d", "share of this weekday's reported days, 0 to 1",
            "how often nothing was left at the end of this weekday", _NONE, "weekday", 28, (0.0, 1.0)),
)  # fmt: skip


def compute(history: History) -> dict[str, Floats]:
    """FEATURES for each asked series."""
    values: dict[str, Floats] = {}
    for name, found in (("closing", history.closing_share), ("ended_out", history.ended_out)):
        share = "closing_share" if name == "closing" else "ended_out_share"
        lag = "closing_share" if name == "closing" else "ended_out"
        values |= {f"{lag}_lag_{days}_days": found[:, days - 1] for days in _LAGS}
        values |= {f"{share}_{days}d": mean(found, days) for days in _WINDOWS}
        values[f"{name}_weekday_share_28d"] = mean(found[:, 6::7], 4)
    return values
