"""How long what is there will last, and what is on its way. Null where the source has no quantity on hand."""

from __future__ import annotations

import numpy as np

from features.demand import demand
from features.history import Floats, History, deviation, latest, mean, over
from features.series_group import series_group
from features.spec import Feature

_NONE = "the source has no quantity on hand, or none was reported in 28 days"
_NO_DEMAND = f"{_NONE}, or nothing was sold in 28 days"
_CAP_DAYS = 365.0

FEATURES = (
    Feature("on_hand_units", "pieces", "what is there to sell", _NONE, "on_hand", allowed=(0.0, 1e12)),
    Feature("on_hand_lag_1_days", "days of cover lost in a day", "how fast it falls", _NO_DEMAND, "on_hand"),
    Feature("cover_days", "days", "how long it lasts at the demand of 28 days, at most 365", _NO_DEMAND, "on_hand",
            allowed=(0.0, _CAP_DAYS), monotone=-1),
    Feature("cover_recent_days", "days", "how long it lasts at the demand of 7 days, at most 365",
            f"{_NONE}, or nothing was sold in 7 days", "on_hand", allowed=(0.0, _CAP_DAYS), monotone=-1),
    Feature("cover_after_horizon_days", "days", "cover beyond the horizon; below 0 it does not last", _NO_DEMAND,
            "on_hand", monotone=-1),
    Feature("cover_with_inbound_after_horizon_days", "days",
            "cover beyond the horizon with what is announced to arrive within it", _NO_DEMAND, "inbound", monotone=-1),
    Feature("cover_std", "standard deviations of demand over the horizon",
            "how safely what is there covers the demand of the horizon", f"{_NO_DEMAND}, or too few days", "on_hand",
            allowed=(-50.0, 50.0), monotone=-1),
    Feature("on_hand_share_of_most_28d", "share of the most there was, 0 to 1", "how empty the shelf is", _NONE,
            "on_hand", 28, (0.0, 1.0)),
    Feature("restocks_count_28d", "days", "days on which the quantity rose", _NONE, "inbound", 28, (0.0, 27.0)),
    Feature("since_restock_days", "days, 29 where there was none in 28", "time since the quantity last rose", _NONE,
            "inbound", None, (1.0, 29.0)),
    Feature("open_inbound_units", "pieces", "ordered and not yet arrived or cancelled, as known", "never null",
            "inbound", allowed=(0.0, 1e12)),
    Feature("open_inbound_count", "replenishments", "how many are on their way", "never null", "inbound",
            allowed=(0.0, 1e6)),
    Feature("next_inbound_days", "days", "time until the next announced arrival, negative when it is overdue",
            "nothing is on its way, or no arrival is announced", "inbound"),
    Feature("inbound_within_units", "pieces", "announced to arrive within the horizon", "never null", "inbound",
            allowed=(0.0, 1e12)),
    Feature("inbound_age_days", "days", "time since the oldest open replenishment was ordered",
            "nothing is on its way", "inbound", allowed=(0.0, 1e4)),
)  # fmt: skip


def compute(history: History) -> dict[str, Floats]:
    """FEATURES for each asked series."""
    scaled = demand(history)
    usual, recent = mean(scaled, 28), mean(scaled, 7)
    here = latest(history.on_hand)
    horizon = history.horizon_days.astype(np.float64)
    cover = over(here, usual)
    with_inbound = over(here + history.inbound_within_units, usual)
    spread = deviation(scaled, 28) * np.sqrt(horizon)
    safety = over(here - usual * horizon, np.where(spread > 0, spread, np.nan))
    known = ~np.isnan(history.on_hand)
    rose = np.zeros_like(known)
    rose[:, :-1] = known[:, :-1] & known[:, 1:] & (history.on_hand[:, :-1] > history.on_hand[:, 1:])
    any_known = known.any(axis=1)
    most = np.where(known, history.on_hand, -1.0).max(axis=1)
    return {
        "on_hand_units": here,
        "on_hand_lag_1_days": over(history.on_hand[:, 1] - history.on_hand[:, 0], usual),
        "cover_days": np.minimum(cover, _CAP_DAYS),
        "cover_recent_days": np.minimum(over(here, recent), _CAP_DAYS),
        "cover_after_horizon_days": np.minimum(cover, _CAP_DAYS) - horizon,
        "cover_with_inbound_after_horizon_days": np.minimum(with_inbound, _CAP_DAYS) - horizon,
        "cover_std": np.clip(safety, -50.0, 50.0),
        "on_hand_share_of_most_28d": over(here, np.where(any_known, most, np.nan)),
        "restocks_count_28d": np.where(any_known, rose.sum(axis=1), np.nan),
        "since_restock_days": np.where(
            any_known, np.where(rose.any(axis=1), rose.argmax(axis=1) + 1.0, rose.shape[1] + 1.0), np.nan
        ),
        "open_inbound_units": history.inbound_units,
        "open_inbound_count": history.inbound_count,
        "next_inbound_days": history.inbound_days,
        "inbound_within_units": history.inbound_within_units,
        "inbound_age_days": history.inbound_age_days,
    }


GROUP = series_group("cover", FEATURES, compute)
