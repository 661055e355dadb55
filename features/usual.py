"""What is usual for the lane, carrier, seller or place of an order: one computation, declared once for each scope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.asof import ALWAYS, Window, days_between, hours, ratio, rolling, shrunk
from features.durations import Fit, chance_longer, hours_left, odds_ended, with_fit
from features.journeys import DURATION_SUMS, FLOWS, daily
from features.known import Known
from features.order_base import KEYS, PLATFORM
from features.spec import ORDER_KEYS, Feature, FeatureGroup

WINDOWS = (7, 28, 90)
RATE_PRIOR = 20.0  # the parent's cases that the own are mixed with
DURATION_PRIOR = 10.0
_RATES = ("orders", "matured", "matured_late", "dispatched", "dispatched_late", "delivered", "delivered_late")
_TRANSIT = tuple(name for name in DURATION_SUMS if name.startswith("transit"))
ROLLED = (
    Window(7, (*_RATES, *_TRANSIT)),
    Window(28, (*_RATES, *DURATION_SUMS)),
    Window(90, (*_RATES, *DURATION_SUMS)),
    Window(ALWAYS, FLOWS),
)
_CARRIED = (*KEYS, "as_of_day", "promised_at", "handed_over_at", "approved_at", "created_at")
_NAMES = tuple(name for window in ROLLED for name in window.names())


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom an order is compared with.

    column: its column in the order base. entity, entity_day: the same made from ``journeys``. reason: the plain reason.
    """

    name: str
    says: str
    column: str
    entity: Callable[[], Column]
    entity_day: Callable[[], Column]
    reason: str


def scope_group(scope: Scope) -> FeatureGroup:
    """The feature group of one scope: late shares, open overdue share, usual times, and what they leave."""
    return FeatureGroup(scope.name, ORDER_KEYS, _declare(scope), lambda known, base: _build(scope, known, base))


def _declare(scope: Scope) -> tuple[Feature, ...]:
    name, says, reason = scope.name, scope.says, scope.reason
    nothing = f"{says} is not known, or nothing was delivered or due on the platform in the window"
    features = [
        Feature(
            f"{name}_late_share_{days}d", "share of promises that ran out, 0 to 1",
            f"how often parcels of {says} missed their promise lately, drawn towards the platform's share",
            nothing, reason, days, (0.0, 1.0),
        )
        for days in WINDOWS
    ]  # fmt: skip
    features += [
        Feature(
            f"{name}_delivered_late_share_{days}d", "share of deliveries, 0 to 1",
            f"deliveries of {says} that came too late, drawn towards the platform's share",
            f"{says} is not known, or nothing was delivered on the platform in the window", reason, days, (0.0, 1.0),
        )
        for days in (7, 28)
    ]  # fmt: skip
    for days in (28, 90):
        features += [
            Feature(
                f"{name}_late_chance_{days}d", "chance, 0 to 1",
                f"chance that the time left is not enough, by the usual times of {says} and the time already taken",
                f"{nothing}, or there is no promise", reason, days, (0.0, 1.0),
            ),
            Feature(
                f"{name}_slack_after_median_days_{days}d", "days",
                f"days that would remain before the promise if the rest took as long as is usual for {says}",
                f"{nothing}, or there is no promise", reason, days,
            ),
            Feature(
                f"{name}_slack_after_p90_days_{days}d", "days",
                f"days that would remain if the rest took as long as one in ten of {says} takes",
                f"{nothing}, or there is no promise", reason, days,
            ),
        ]  # fmt: skip
    features += [
        Feature(f"{name}_overdue_share", "share of open orders, 0 to 1",
                f"open orders of {says} whose promise has passed, drawn towards the platform's share",
                f"{says} is not known, or nothing is open", reason, None, (0.0, 1.0)),
        Feature(f"{name}_unshipped_share", "share of open orders, 0 to 1",
                f"open orders of {says} that are not handed over yet", f"{says} is not known, or nothing is open",
                reason, None, (0.0, 1.0)),
        Feature(f"{name}_orders_ratio_7d", "orders a day, over the same in 28 days",
                f"whether {says} has more orders than usual", f"{says} is not known or had no order in 28 days",
                reason, 7, (0.0, 4.0)),
        Feature(f"{name}_matured_count_28d", "promises", f"how much is known about {says}", f"{says} is not known",
                reason, 28, (0.0, 1e9)),
        Feature(f"{name}_dispatched_late_share_28d", "share of hand-overs, 0 to 1",
                f"hand-overs of {says} after the dispatch limit, drawn towards the platform's share",
                f"{says} is not known, or nothing with a limit was handed over", reason, 28, (0.0, 1.0)),
        Feature(f"{name}_transit_trend_ratio_7d", "usual transit of 7 days over that of 28",
                f"whether parcels of {says} take longer than before",
                f"{says} is not known, or nothing was delivered on the platform in 7 days", reason, 7, (0.0, 1e3)),
        Feature(f"{name}_handling_hours_28d", "hours", f"usual time from approval to hand-over at {says} (median)",
                nothing, reason, 28, (0.0, 1e5)),
    ]  # fmt: skip
    return tuple(features)


def _build(scope: Scope, known: Known, base: DataFrame) -> DataFrame:
    asked = base.select(*_CARRIED, F.col(scope.column).alias("entity"))
    sums = daily(known, scope.entity(), scope.entity_day())
    own = rolling(asked, sums, ("entity",), ROLLED, _CARRIED)
    platform = known.once("platform_sums", lambda: _platform(known))
    rows = _with_times(own.join(platform, "as_of_day", "left"))
    has_entity = F.col("entity").isNotNull()
    values = {**_shares(), **_times(), **_volumes()}
    wanted = [feature.name for feature in _declare(scope)]
    found = {name: F.when(has_entity, values[name.removeprefix(f"{scope.name}_")]) for name in wanted}
    return rows.select(*KEYS, *[value.cast("double").alias(name) for name, value in found.items()])  # fmt: skip


def _platform(known: Known) -> DataFrame:
    """The platform's sums for each day that is asked about, under p_ names: one row per as_of_day."""
    asked = days_between(known.lake.spark, known.first_day, known.last_day)
    named = asked.withColumn("entity", F.lit(PLATFORM))
    sums = rolling(named, daily(known, F.lit(PLATFORM), F.col("order_day")), ("entity",), ROLLED, ("as_of_day",))
    return sums.select("as_of_day", *[F.col(name).alias(f"p_{name}") for name in _NAMES])


def _shares() -> dict[str, Column]:
    values = {}
    for days in WINDOWS:
        parent = ratio(F.col(f"p_matured_late_{days}d"), F.col(f"p_matured_{days}d"))
        own = (F.col(f"matured_late_{days}d"), F.col(f"matured_{days}d"))
        values[f"late_share_{days}d"] = shrunk(*own, parent, RATE_PRIOR)
    parent = ratio(F.col("p_dispatched_late_28d"), F.col("p_dispatched_28d"))
    own = (F.col("dispatched_late_28d"), F.col("dispatched_28d"))
    values["dispatched_late_share_28d"] = shrunk(*own, parent, RATE_PRIOR)
    for days in (7, 28):
        parent = ratio(F.col(f"p_delivered_late_{days}d"), F.col(f"p_delivered_{days}d"))
        own = (F.col(f"delivered_late_{days}d"), F.col(f"delivered_{days}d"))
        values[f"delivered_late_share_{days}d"] = shrunk(*own, parent, RATE_PRIOR)
    for name in ("overdue", "unshipped"):
        parent = ratio(F.col(f"p_{name}_now"), F.col("p_open_now"))
        values[f"{name}_share"] = shrunk(F.col(f"{name}_now"), F.col("open_now"), parent, RATE_PRIOR)
    return values


def _with_times(rows: DataFrame) -> DataFrame:
    """``rows`` with what the usual times leave of the slack, for the stage that the order is in."""
    for suffix in ("_28d", "_90d"):
        for name in ("transit", "total"):
            rows = with_fit(rows, name, suffix, DURATION_PRIOR)
    rows = with_fit(rows, "handling", "_28d", DURATION_PRIOR)
    rows = with_fit(rows, "transit", "_7d", DURATION_PRIOR)
    handed = F.col("handed_over_at").isNotNull()
    started = F.coalesce("handed_over_at", "approved_at", "created_at")
    stage = {
        f"{part}{suffix}": F.when(handed, F.col(f"transit_{part}{suffix}")).otherwise(F.col(f"total_{part}{suffix}"))
        for part in ("mean", "std")
        for suffix in ("_28d", "_90d")
    }
    rows = rows.withColumns(
        {**stage, "elapsed": F.greatest(hours(started, "as_of"), F.lit(1.0)), "left": hours("as_of", "promised_at")}
    )
    fits = {suffix: Fit(F.col(f"mean{suffix}"), F.col(f"std{suffix}")) for suffix in ("_28d", "_90d")}
    odds = {f"so_far{suffix}": odds_ended(usual, F.col("elapsed")) for suffix, usual in fits.items()}
    odds |= {f"then{suffix}": odds_ended(usual, F.col("elapsed") + F.col("left")) for suffix, usual in fits.items()}
    return rows.withColumns(odds)


def _times() -> dict[str, Column]:
    values = {
        "handling_hours_28d": F.exp("handling_mean_28d"),
        "transit_trend_ratio_7d": F.exp(F.col("transit_mean_7d") - F.col("transit_mean_28d")),
    }
    left, elapsed = F.col("left"), F.col("elapsed")
    for suffix in ("_28d", "_90d"):
        so_far, then = F.col(f"so_far{suffix}"), F.col(f"then{suffix}")
        usual = Fit(F.col(f"mean{suffix}"), F.col(f"std{suffix}"))
        chance = F.when(left <= 0, F.lit(1.0)).otherwise(chance_longer(so_far, then))
        values[f"late_chance{suffix}"] = F.when(so_far.isNotNull() & then.isNotNull(), chance)
        for name, share in (("median", 0.5), ("p90", 0.9)):
            remaining = hours_left(usual, so_far, elapsed, share)
            values[f"slack_after_{name}_days{suffix}"] = (left - remaining) / 24.0
    return values


def _volumes() -> dict[str, Column]:
    return {
        "orders_ratio_7d": ratio(F.col("orders_7d") * 4.0, F.col("orders_28d")),
        "matured_count_28d": F.col("matured_28d"),
    }
