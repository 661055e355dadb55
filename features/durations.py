"""Quantiles and chances of a duration whose logarithm has a known mean and spread.

Log-logistic: S(t) = 1 / (1 + (t / a)^b) with a = exp(mean) and b = pi / (sqrt(3) * std) (the logistic distribution of
ln t with that mean and standard deviation). It is skewed with a heavy tail, as parcels are, and its conditional
quantiles are closed formulas, so two engines and a SQL oracle compute the same numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.asof import MICRO, ratio

SMALLEST_STD = 0.15
_LOGISTIC = math.pi / math.sqrt(3.0)


@dataclass(frozen=True, slots=True)
class Fit:
    """mean and std of ln(hours), as columns; null where nothing is known to fit."""

    mean: Column
    std: Column


def with_fit(rows: DataFrame, name: str, suffix: str, prior: float) -> DataFrame:
    """``rows`` with mean and std of a duration's ln(hours), as ``{name}_mean{suffix}`` and ``{name}_std{suffix}``.

    rows: holds the duration's count, log and log_squared (millionths) as ``rolling`` names them, the platform's
    under p_. Moments of own durations are mixed with ``prior`` of the platform's average: (sum + k * m) / (n + k). Null
    where the platform has none either. Two projections, because expressions nested in expressions multiply.
    """

    def moment(part: str) -> Column:
        count, own = F.col(f"{name}_count{suffix}"), F.col(f"{name}_{part}{suffix}")
        parent = ratio(F.col(f"p_{name}_{part}{suffix}"), F.col(f"p_{name}_count{suffix}"))
        return ratio(own / MICRO + parent / MICRO * prior, count + F.lit(prior))

    mean, std = f"{name}_mean{suffix}", f"{name}_std{suffix}"
    moments = rows.withColumns({mean: moment("log"), std: moment("log_squared")})
    variance = F.greatest(F.col(std) - F.col(mean) * F.col(mean), F.lit(SMALLEST_STD**2))
    return moments.withColumn(std, F.sqrt(variance))


def chance_longer(odds_so_far: Column, odds_then: Column) -> Column:
    """The chance that a duration longer than a first moment is longer than a later one: S(later) / S(first).

    Both as ``odds_ended`` of that moment.
    """
    return (1.0 + odds_so_far) / (1.0 + F.coalesce(odds_then, F.lit(0.0)))


def hours_left(fitted: Fit, odds_so_far: Column, elapsed: Column, share: float) -> Column:
    """Hours until a ``share`` of the durations that have already taken ``elapsed`` hours have ended."""
    odds = (1.0 + odds_so_far) / F.lit(1.0 - share) - 1.0
    return F.exp(fitted.mean + F.ln(odds) * fitted.std / _LOGISTIC) - elapsed


def odds_ended(fitted: Fit, hours: Column) -> Column:
    """(t / a)^b, the odds that a duration has ended after ``hours``; null where nothing is fitted or hours is null."""
    shape = F.lit(_LOGISTIC) / F.coalesce(fitted.std, F.lit(1.0))  # never null: see ratio()
    at_least_one = F.when(hours < 1.0, F.lit(1.0)).otherwise(hours)  # greatest() would turn a null into 1
    return F.exp(shape * (F.ln(at_least_one) - fitted.mean))
