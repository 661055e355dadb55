"""A true stock ledger, by month: opening, received, distributed, adjusted, end, per site and product (public health).

Made for the bench alone: it proves quantities on real counts. A row stands at the end of a month; what is predicted is
the next month. ``stock_stockout_days`` is always 0 and left out. Months in which stock ended at 0 say less than the
demand: they are left out of what demand is learned from, and count as at least what was handed out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]

FILE = "stock_ledger.csv"
MONTHS = 13  # as far back as features look
YEAR = 12
LEAST_USUAL = 0.25  # pieces a month
_IN_PIECES = (
    "demand_",
    "given_",
    "smooth",
    "std_6m",
    "most_6m",
    "amc",
    "end",
    "received",
    "ordered",
    "adjusted",
    "last_end",
)
KEYS = ["site_code", "product_code"]
FIRST = pd.Timestamp("2016-01-01", tz="UTC")


def rows(folder: Path) -> pd.DataFrame:
    """One row per site, product and month with a next month in the ledger.

    month (0: 2016-01), series, site, features (float64, NaN for null), wanted (what was handed out next month),
    is_censored (next month ended at 0), on_hand, label (next month ended at 0), scale (usual demand, at least 1).
    """
    ledger = pd.read_csv(folder / FILE)
    ledger["month"] = (ledger["year"] - FIRST.year) * 12 + ledger["month"] - 1
    series = ledger.groupby(KEYS, sort=True).ngroup().to_numpy()
    grids = {name: _grid(ledger, series, name) for name in (
        "stock_distributed", "stock_end", "stock_received", "stock_adjustment", "stock_ordered",
        "average_monthly_consumption", "stock_initial")}  # fmt: skip
    given, end = grids["stock_distributed"], grids["stock_end"]
    demand = np.where(end > 0, given, np.nan)  # a month that ended empty is masked
    received, fell = grids["stock_received"] > 0, end < 0.5 * np.maximum(grids["average_monthly_consumption"], 1)
    neighbours = {
        f"{name}_{what}": _others(ledger, series, name, flags)
        for name in ("site_code", "product_code", "district")
        for what, flags in (("out", end == 0), ("received", received), ("low", fell))
    }
    names = ledger.groupby(series).first()
    found = []
    for month in range(2, given.shape[1] - 1):
        here = np.flatnonzero(~np.isnan(end[:, month]) & ~np.isnan(end[:, month + 1]))
        part = _features({name: grid[here] for name, grid in grids.items()}, demand[here], month)
        for name, shares in neighbours.items():
            part |= _lately(name, shares[here], month)
        part |= {
            "product": pd.Categorical(names["product_code"]).codes[here].astype(float),
            "series": here,
            "site": names["site_code"].to_numpy()[here],
            "month": month,
            "wanted": given[here, month + 1],
            "is_censored": end[here, month + 1] == 0,
            "on_hand": end[here, month],
            "label": (end[here, month + 1] == 0).astype(float),
        }
        found.append(pd.DataFrame(part))
    frame = pd.concat(found, ignore_index=True)
    scale = np.maximum(frame[["usual", "smooth", "amc"]].mean(axis=1).fillna(0.0), 1.0)
    relative = {f"{name}_ratio": frame[name] / scale for name in frame if name.startswith(_IN_PIECES)}
    return frame.assign(scale=scale, **relative)


def _lately(name: str, shares: Array, month: int) -> dict[str, Array]:
    """How others fared this month, over three and six, and in the month of last year that is predicted now."""
    with np.errstate(all="ignore"):
        return {
            f"{name}_share": shares[:, month],
            f"{name}_share_3m": np.nanmean(shares[:, max(0, month - 2) : month + 1], axis=1),
            f"{name}_share_6m": np.nanmean(shares[:, max(0, month - 5) : month + 1], axis=1),
            f"{name}_share_year_ago": (
                shares[:, month + 1 - YEAR] if month + 1 >= YEAR else np.full(len(shares), np.nan)
            ),
        }


FEATURES_LEFT_OUT = ("series", "site", "month", "wanted", "is_censored", "on_hand", "label")


def feature_names(frame: pd.DataFrame) -> tuple[str, ...]:
    """The columns that a model may read."""
    return tuple(name for name in frame if name not in FEATURES_LEFT_OUT)


def demand_panel(folder: Path) -> tuple[Array, Array]:
    """(series, months) handed out and end of month; NaN where there is no row."""
    ledger = pd.read_csv(folder / FILE)
    ledger["month"] = (ledger["year"] - FIRST.year) * 12 + ledger["month"] - 1
    series = ledger.groupby(KEYS, sort=True).ngroup().to_numpy()
    return _grid(ledger, series, "stock_distributed"), _grid(ledger, series, "stock_end")


def _grid(ledger: pd.DataFrame, series: npt.NDArray[np.int64], name: str) -> Array:
    grid = np.full((series.max() + 1, int(ledger["month"].max()) + 1), np.nan)
    grid[series, ledger["month"]] = ledger[name]
    return grid


def _others(ledger: pd.DataFrame, series: npt.NDArray[np.int64], name: str, is_out: npt.NDArray[np.bool_]) -> Array:
    """(series, months) share of the series of the same site, product or district that ended the month empty."""
    group = pd.Categorical(ledger.groupby(series)[name].first()).codes
    known = ~np.isnan(_grid(ledger, series, "stock_end"))
    out, count = (np.zeros((group.max() + 1, known.shape[1])) for _ in range(2))
    np.add.at(out, group, (is_out & known).astype(float))
    np.add.at(count, group, known.astype(float))
    found: Array = ((out + 0.5) / (count + 5.0))[group]
    return found


def _features(grids: dict[str, Array], demand: Array, month: int) -> dict[str, Array]:
    def back(grid: Array, months: int) -> Array:
        return grid[:, max(0, month - months + 1) : month + 1][:, ::-1]

    with np.errstate(all="ignore"):
        lags = back(demand, MONTHS)
        recent = {months: np.nanmean(back(demand, months), axis=1) for months in (1, 2, 3, 6, 12)}
        given = {months: np.nanmean(back(grids["stock_distributed"], months), axis=1) for months in (3, 6, 12)}
        known = ~np.isnan(lags)
        weights = 0.75 ** np.arange(lags.shape[1])
        smooth = np.nansum(lags * weights, axis=1) / (known * weights).sum(axis=1)
        usual = np.where(np.isnan(recent[6]), np.where(np.isnan(recent[12]), given[12], recent[12]), recent[6])
        found = {f"demand_{months}m": value for months, value in recent.items()}
        found |= {f"given_{months}m": value for months, value in given.items()}
        found |= {f"demand_lag_{n}": lags[:, n] for n in (0, 1, 2, 3, 4, 5, 11) if n < lags.shape[1]}
        found |= {
            "usual": usual,
            "smooth": smooth,
            "std_6m": np.nanstd(lags[:, :6], axis=1),
            "most_6m": np.nanmax(np.nan_to_num(lags[:, :6]), axis=1),
            "zeros_12m": np.nanmean((lags[:, :YEAR] == 0).astype(float), axis=1),
            "trend": recent[3] / np.maximum(usual, LEAST_USUAL),
            "known_months": known.sum(axis=1).astype(float),
            "month_of_year": np.full(len(usual), float(month % YEAR)),
        }
        return found | _stock(grids, found, month, back)


def _stock(
    grids: dict[str, Array], demand: dict[str, Array], month: int, back: Callable[[Array, int], Array]
) -> dict[str, Array]:
    end, amc = grids["stock_end"][:, month], grids["average_monthly_consumption"][:, month]
    received, adjusted, ordered = (grids[f"stock_{name}"] for name in ("received", "adjustment", "ordered"))
    came = back(received, YEAR) > 0
    usual = np.maximum(demand["usual"], LEAST_USUAL)
    return {
        "amc": amc,
        "end": end,
        "cover": end / usual,
        "cover_amc": end / np.maximum(amc, LEAST_USUAL),
        "cover_most": end / np.maximum(demand["most_6m"], LEAST_USUAL),
        "cover_last": end / np.maximum(np.nan_to_num(demand["demand_lag_0"]), LEAST_USUAL),
        "received": received[:, month],
        "received_3m": np.nansum(back(received, 3), axis=1),
        "received_share_12m": np.nanmean(came.astype(float), axis=1),
        "since_received": np.where(came.any(axis=1), came.argmax(axis=1), YEAR).astype(float),
        "ordered": ordered[:, month],
        "ordered_cover": ordered[:, month] / usual,
        "adjusted": adjusted[:, month],
        "adjusted_6m": np.nansum(back(adjusted, 6), axis=1),
        "out_share_12m": np.nanmean((back(grids["stock_end"], YEAR) == 0).astype(float), axis=1),
        "out_months_6m": np.nansum(back(grids["stock_end"], 6) == 0, axis=1).astype(float),
        "last_end": back(grids["stock_end"], 2)[:, -1],
    }
