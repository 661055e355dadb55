"""How well an article was in stock lately: shares, runs and reports."""

from __future__ import annotations

import numpy as np

from features import closing
from features.history import PAST_DAYS, Flags, Floats, History, deviation, latest, mean, over
from features.series_group import series_group
from features.spec import Feature

_NONE = "no day of it was reported by then, or the source measures none"
_WINDOWS = (3, 7, 14, 28)
_LAGS = (1, 2, 3, 4, 5, 6, 7)

FEATURES = (
    *[
        Feature(f"in_stock_share_{days}d", "share of selling hours, 0 to 1", "how well it was in stock lately", _NONE,
                "recent_stock", days, (0.0, 1.0))
        for days in _WINDOWS
    ],
    *[
        Feature(f"in_stock_share_lag_{days}_days", "share of selling hours, 0 to 1",
                f"how well it was in stock {days} days before", _NONE, "recent_stock", None, (0.0, 1.0))
        for days in _LAGS
    ],
    *[
        Feature(f"stock_out_share_{days}d", "share of the days reported, 0 to 1", "how often it ran out lately", _NONE,
                "recent_stock", days, (0.0, 1.0))
        for days in (7, 14, 28)
    ],
    Feature("in_stock_share_latest", "share of selling hours, 0 to 1", "the last day that is known", _NONE,
            "recent_stock", None, (0.0, 1.0)),
    Feature("in_stock_share_std_28d", "share of selling hours", "how much it varies",
            "fewer than three days were reported", "recent_stock", 28, (0.0, 1.0)),
    Feature("in_stock_share_trend_28d", "share, last 7 days minus 28 days", "better or worse than before", _NONE,
            "recent_stock", 28, (-1.0, 1.0)),
    Feature("in_stock_share_weighted_28d", "share of selling hours, 0 to 1", "recent days count more (half in 5 days)",
            _NONE, "recent_stock", 28, (0.0, 1.0)),
    Feature("since_stock_out_days", "days, 29 where there was none in 28", "time since the last stock-out day", _NONE,
            "recent_stock", None, (1.0, 29.0)),
    Feature("since_partial_days", "days, 29 where there was none in 28", "time since it last missed any selling hour",
            "selling hours are not measured", "recent_stock", None, (1.0, 29.0)),
    Feature("stock_out_run_days", "days", "stock-out days in a row up to the last known day", _NONE, "recent_stock",
            None, (0.0, 28.0)),
    Feature("stock_out_runs_count_28d", "runs", "how many times it ran out", _NONE, "recent_stock", 28, (0.0, 14.0)),
    Feature("report_age_days", "days", "how old the last report is", _NONE, "recent_stock", None, (1.0, 28.0)),
    Feature("reported_days_28d", "days", "how much is known", "never null", "recent_stock", 28, (0.0, 28.0)),
    Feature("partial_share_28d", "share of the days reported, 0 to 1",
            "days that missed some selling hours without being a stock-out day", "selling hours are not measured",
            "recent_stock", 28, (0.0, 1.0)),
    *closing.FEATURES,
)  # fmt: skip


def compute(history: History) -> dict[str, Floats]:
    """FEATURES for each asked series."""
    share = history.in_stock_share
    known, out = history.is_known, history.is_out & history.is_known
    is_out = np.where(known, out.astype(np.float64), np.nan)
    any_known = known.any(axis=1)
    measured = ~np.isnan(share)
    partial = np.where(measured, (share < 1.0).astype(np.float64), np.nan)
    half_out = np.where(measured, ((share < 1.0) & ~out).astype(np.float64), np.nan)
    weights = np.where(measured, 0.5 ** (np.arange(PAST_DAYS) / 5.0), 0.0)
    values = {f"in_stock_share_{days}d": mean(share, days) for days in _WINDOWS}
    values |= {f"in_stock_share_lag_{days}_days": share[:, days - 1] for days in _LAGS}
    values |= {f"stock_out_share_{days}d": mean(is_out, days) for days in (7, 14, 28)}
    starts = out & ~np.pad(out[:, 1:], ((0, 0), (0, 1)))
    values |= {
        "in_stock_share_latest": latest(share),
        "in_stock_share_std_28d": deviation(share, 28),
        "in_stock_share_trend_28d": mean(share, 7) - mean(share, 28),
        "in_stock_share_weighted_28d": over(np.nansum(np.nan_to_num(share) * weights, axis=1), weights.sum(axis=1)),
        "since_stock_out_days": np.where(any_known, _first(out), np.nan),
        "since_partial_days": np.where(measured.any(axis=1), _first(partial == 1.0), np.nan),
        "stock_out_run_days": np.where(any_known, _run(out, known), np.nan),
        "stock_out_runs_count_28d": np.where(any_known, starts.sum(axis=1), np.nan),
        "report_age_days": np.where(any_known, _first(known), np.nan),
        "reported_days_28d": known.sum(axis=1).astype(np.float64),
        "partial_share_28d": mean(half_out, 28),
    }
    return values | closing.compute(history)


def _first(flags: Flags) -> Floats:
    """Days back to the first true flag; one more than the columns where there is none."""
    found = flags.any(axis=1)
    days: Floats = np.where(found, flags.argmax(axis=1) + 1.0, flags.shape[1] + 1.0)
    return days


def _run(out: Flags, known: Flags) -> Floats:
    """Stock-out days in a row up to the last known day; a day without a report neither counts nor ends the run."""
    goes_on = np.cumprod(out | ~known, axis=1).astype(bool)
    length: Floats = (goes_on & out).sum(axis=1).astype(np.float64)
    return length


GROUP = series_group("in_stock", FEATURES, compute)
