"""FreshRetailNet as matrices, series by day, with the product's own features of a series computed from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import demand as demand_features
from features import in_stock, promotions, week
from features.history import AHEAD_DAYS, PAST_DAYS, Floats, History, Ints, mean

SELLING_HOURS = 16
FILE = "train_daily.parquet"
STEP = 0.1  # sales are told in tenths of what they were scaled by: one of them counts as a piece
PRIOR = 20.0
_KEYS = ["store_id", "product_id"]
_FAR_DAYS = 31.0
_GROUPS = (("product_id",), ("store_id",), ("third_category_id",), ("city_id",), ("city_id", "product_id"))


@dataclass(frozen=True, slots=True)
class Chosen:
    """Series and days (as_of days, counted from the first of the file) that are asked about."""

    series: Ints
    day: Ints


class Panel:
    """Sales, hours out, discounts and activities of every series and day of the file."""

    def __init__(self, folder: Path) -> None:
        columns = [*_KEYS, "city_id", "third_category_id", "dt", "discount", "activity_flag", "sale_amount",
                   "stockout_hours_6_22", "holiday_flag"]  # fmt: skip
        rows = pd.read_parquet(folder / FILE, columns=columns).sort_values([*_KEYS, "dt"], kind="stable")
        self.days = int(rows["dt"].nunique())
        self.first = int((np.datetime64(rows["dt"].min()) - np.datetime64("1970-01-01")) / np.timedelta64(1, "D"))
        self.count = len(rows) // self.days

        def laid(name: str) -> npt.NDArray[np.float32]:
            return rows[name].to_numpy(np.float32).reshape(self.count, self.days)

        self.sale, self.hours_out = laid("sale_amount") / np.float32(STEP), laid("stockout_hours_6_22")
        self.holidays = np.flatnonzero(laid("holiday_flag").max(axis=0) > 0)
        self.discount, self.active = np.clip(1 - laid("discount"), 0, 1), laid("activity_flag")
        self.rises = [self._rise(rows, names) for names in _GROUPS]

    def sample(self, rng: np.random.Generator, first: int, last: int, rows: int, *, whole_days: bool) -> Chosen:
        """``rows`` at random with first <= day < last; of days without an hour out where ``whole_days``."""
        series, day = rng.integers(0, self.count, 4 * rows), rng.integers(first, last, 4 * rows)
        if whole_days:
            kept = self.hours_out[series, day] == 0
            series, day = series[kept], day[kept]
        return Chosen(series[:rows], day[:rows])

    def sold(self, chosen: Chosen) -> Floats:
        return np.asarray(self.sale[chosen.series, chosen.day], dtype=np.float64)

    def features(self, chosen: Chosen, *, scaled: bool) -> pd.DataFrame:
        """Features by name, as_of. scaled False: sales as they are, as if nothing had ever been out."""
        history = self._history(chosen)
        if not scaled:
            known = ~np.isnan(history.in_stock_share)
            history = replace(history, in_stock_share=np.where(known, 1.0, np.nan))
        values = demand_features.compute(history) | week.compute(history) | promotions.compute(history)
        values |= self._calendar(chosen.day)
        if scaled:
            values |= in_stock.compute(history) | self._around(chosen, history)
        as_of = pd.Timestamp(0, tz="UTC") + pd.to_timedelta(self.first + chosen.day, unit="D")
        keys = {"subject_id": chosen.series.astype(str), "sku_id": "", "as_of": as_of}
        return pd.DataFrame({**{name: value.astype(np.float32) for name, value in values.items()}, **keys})

    def _calendar(self, day: Ints) -> dict[str, Floats]:
        """Holidays, which are announced a year before."""
        until = self.holidays[None, :] - day[:, None]
        return {
            "is_holiday": (until == 0).any(axis=1).astype(np.float64),
            "next_holiday_days": np.where(until >= 0, until, _FAR_DAYS).min(axis=1, initial=_FAR_DAYS),
            "since_holiday_days": np.where(until < 0, -until, _FAR_DAYS).min(axis=1, initial=_FAR_DAYS),
        }

    def _around(self, chosen: Chosen, history: History) -> dict[str, Floats]:
        """What others sold against their usual, and sales of the article's own whole days."""
        whole = np.where(history.in_stock_share >= 1.0, history.units, np.nan)
        found = {"whole_28d": mean(whole, 28), "whole_7d": mean(whole, 7), "whole_weekday": mean(whole[:, 6::7], 4)}
        back = chosen.day[:, None] - np.arange(1, 8)[None, :]
        for number, (group, rise) in enumerate(self.rises):
            own = group[chosen.series]
            found |= {
                f"rise_{number}_1": rise[own, chosen.day - 1],
                f"rise_{number}_7": rise[own, chosen.day - 7],
                f"rise_{number}_week": rise[own[:, None], back].mean(axis=1),
            }
        return found

    def _rise(self, rows: pd.DataFrame, names: tuple[str, ...]) -> tuple[Ints, Floats]:
        """The group of each series, and by group and day its scaled sales over what is usual for its series."""
        firsts = rows.iloc[:: self.days]
        group = firsts.groupby(list(names)).ngroup().to_numpy(np.int64)
        share = 1 - self.hours_out / SELLING_HOURS
        known = share > demand_features.SMALLEST_SHARE
        scaled = np.where(known, self.sale / np.maximum(share, demand_features.SMALLEST_SHARE), 0.0)
        total = np.cumsum(np.pad(scaled, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
        seen = np.cumsum(np.pad(known, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
        since = np.maximum(np.arange(self.days) - PAST_DAYS, 0)
        until = np.arange(self.days)
        usual = (total[:, until] - total[:, since]) / np.maximum(seen[:, until] - seen[:, since], 1.0)
        count = int(group.max()) + 1
        sold, expected = np.zeros((count, self.days)), np.zeros((count, self.days))
        np.add.at(sold, group, np.where(known, scaled, 0.0))
        np.add.at(expected, group, np.where(known, usual, 0.0))
        return group, (sold + PRIOR) / (expected + PRIOR)

    def _history(self, chosen: Chosen) -> History:
        n = len(chosen.day)
        back = chosen.day[:, None] - np.arange(1, PAST_DAYS + 1)[None, :]

        def past(grid: npt.NDArray[np.float32]) -> Floats:
            return np.where(back >= 0, grid[chosen.series[:, None], np.maximum(back, 0)], np.nan).astype(np.float64)

        def planned(grid: npt.NDArray[np.float32]) -> Floats:
            found = np.full((n, AHEAD_DAYS), np.nan)  # plans are known a day ahead
            found[:, 0] = grid[chosen.series, np.minimum(chosen.day, self.days - 1)]
            return found

        none, zero, never = np.full((n, PAST_DAYS), np.nan), np.zeros(n), np.full(n, np.nan)
        return History(
            day=self.first + chosen.day, horizon_days=np.ones(n, dtype=np.int64),
            in_stock_share=1 - past(self.hours_out) / SELLING_HOURS, closing_share=none, ended_out=none, on_hand=none,
            units=past(self.sale), discount_past=past(self.discount), has_activity_past=past(self.active),
            discount_ahead=planned(self.discount), has_activity_ahead=planned(self.active), inbound_units=zero,
            inbound_count=zero, inbound_within_units=zero, inbound_days=never, inbound_age_days=never,
        )  # fmt: skip
