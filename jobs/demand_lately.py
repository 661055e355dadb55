"""The forecast of demand in service, at the level of the weeks that have ended since it was learned.

A model stays in service for weeks, and demand does not stay where it was. What a week's rows expected can be held
against what the rows a week later say was wanted.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import functions as F

from lake.store import Lake
from models import demand as demands
from models import frames
from models.demand import Demand
from models.target import TargetSpec

MOST_ARTICLES = 5_000  # a level and eight shares are not known better from more


def followed(lake: Lake, spec: TargetSpec, demand: Demand | None, moment: datetime) -> Demand | None:
    """``demand`` after the rows of ``features_<target>`` of the days before ``moment``, as they were recorded then."""
    if demand is None:
        return None
    last = (moment - timedelta(days=1)).date()
    first = last - timedelta(days=demands.FOLLOWED_DAYS + demands.AHEAD_DAYS - 1)
    days = lake.read(f"features_{spec.name}").where(F.col("day").between(F.lit(first), F.lit(last)))
    articles = days.where(F.col("day") == F.lit(last)).count()
    some = frames.share_of(days, MOST_ARTICLES / max(articles, 1), *demands.KEYS)  # of an article all days, or none
    read = {*demand.features, demands.WANTED, demands.USUAL, demands.RECENT}
    return demands.follow(demand, frames.to_pandas(some.select(*demands.KEYS, "as_of", *sorted(read))))
