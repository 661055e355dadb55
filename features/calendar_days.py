"""Holidays and sales events as announced: what lies between now and the promise, or on the day that is predicted."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.asof import days_between, weekday
from features.known import Known
from features.order_base import KEYS
from features.spec import ORDER_KEYS, SERIES_KEYS, Feature, FeatureGroup

EVERYWHERE = "*"
LOOK_DAYS = 30
ANNOUNCED_DAYS = 400  # an announcement older than this is left out

ORDER_FEATURES = (
    Feature("holidays_left_days", "days", "announced holidays from today until the promise", "no promise was made",
            "calendar", allowed=(0.0, 400.0)),
    Feature("sundays_left_days", "days", "Sundays from today until the promise", "no promise was made", "calendar",
            allowed=(0.0, 100.0)),
    Feature("working_left_days", "days", "days until the promise without Sundays and announced holidays",
            "no promise was made", "slack"),
    Feature("as_of_weekday_code", "0 Monday to 6 Sunday (UTC)", "weekday of the moment itself", "never null",
            "calendar", allowed=(0.0, 6.0)),
    Feature("since_sales_event_days", "days, 31 where there was none in 30", "time since the last sales event began",
            "never null", "calendar", allowed=(0.0, 31.0)),
    Feature("sales_event_30d_days", "days", "sales event days in the last 30", "never null", "calendar",
            allowed=(0.0, 31.0)),
)  # fmt: skip
SERIES_FEATURES = (
    Feature("is_holiday", "1 or 0", "a holiday is announced for the day that is predicted", "never null", "calendar",
            allowed=(0.0, 1.0)),
    Feature("holidays_ahead_days", "days", "holidays announced for the horizon", "never null", "calendar",
            allowed=(0.0, 31.0)),
    Feature("next_holiday_days", "days, 31 where none is announced for 30", "time until the next holiday", "never null",
            "calendar", allowed=(0.0, 31.0)),
    Feature("since_holiday_days", "days, 31 where there was none in 30", "time since the last holiday", "never null",
            "calendar", allowed=(1.0, 31.0)),
    Feature("sales_event_ahead_days", "days", "sales event days announced for the horizon", "never null", "calendar",
            allowed=(0.0, 31.0)),
    Feature("next_sales_event_days", "days, 31 where none is announced for 30", "time until the next sales event",
            "never null", "calendar", allowed=(0.0, 31.0)),
)  # fmt: skip


def announced(known: Known) -> DataFrame:
    """One row per (region, calendar_day, kind): announced_day, when it was first known, as a day."""
    rows = known.read("calendar", days_back=ANNOUNCED_DAYS + LOOK_DAYS)
    recent = rows.where(F.date_diff("calendar_day", "recorded_day") <= ANNOUNCED_DAYS)
    return recent.groupBy("region", "calendar_day", "kind").agg(F.min("recorded_day").alias("announced_day"))


def build_orders(known: Known, base: DataFrame) -> DataFrame:
    """One row per (order_id, as_of) of ``base`` with ORDER_FEATURES. An announcement counts from the day after it."""
    places = base.select("as_of_day", F.to_date("promised_at").alias("promise_day"), "destination_region").distinct()
    region = F.coalesce("destination_region", F.lit(EVERYWHERE))
    days = announced(known)
    near = places.join(
        days,
        (F.col("region") == EVERYWHERE)
        | (F.col("region") == region)
        | (F.col("region") == F.element_at(F.split(region, "-"), 1)),
        "left",
    )
    is_known = F.col("announced_day") < F.col("as_of_day")
    left = F.col("calendar_day").between(F.col("as_of_day"), F.col("promise_day"))
    event = is_known & (F.col("kind") == "sales_event")
    past = F.date_diff("as_of_day", "calendar_day")
    is_recent = event & (past >= 0) & (past <= LOOK_DAYS)
    holiday = F.when(is_known & (F.col("kind") == "holiday") & left, F.col("calendar_day"))
    keys = ["as_of_day", "promise_day", "destination_region"]
    facts = near.groupBy(*keys).agg(
        F.count_distinct(holiday).alias("holidays"),
        F.count_distinct(F.when(F.dayofweek("calendar_day") != 1, holiday)).alias("work"),
        F.min(F.when(is_recent, past)).alias("since"),
        F.count_distinct(F.when(is_recent, F.col("calendar_day"))).alias("events"),
    )
    asked = base.select(*KEYS, "as_of_day", F.to_date("promised_at").alias("promise_day"), "destination_region")
    same = [asked[key].eqNullSafe(facts[key]) for key in keys]
    rows = asked.join(facts, same, "left").select(
        *KEYS, asked["as_of_day"], asked["promise_day"], "holidays", "work", "since", "events"
    )
    return _order_values(rows)


def _order_values(rows: DataFrame) -> DataFrame:
    # Sundays in (a, b] by counting weeks: 1970-01-04 was a Sunday, day 3 of the epoch.
    sundays = F.floor((F.unix_date("promise_day") + 4) / 7.0) - F.floor((F.unix_date("as_of_day") + 3) / 7.0)
    has_promise = F.col("promise_day").isNotNull()
    ahead = F.greatest(sundays, F.lit(0))
    days = F.date_diff("promise_day", "as_of_day")
    values = {
        "holidays_left_days": F.when(has_promise, F.coalesce("holidays", F.lit(0))),
        "sundays_left_days": F.when(has_promise, ahead),
        "working_left_days": F.when(days > 0, days - ahead - F.coalesce("work", F.lit(0))).otherwise(days),
        "as_of_weekday_code": weekday("as_of_day"),
        "since_sales_event_days": F.coalesce("since", F.lit(LOOK_DAYS + 1)),
        "sales_event_30d_days": F.coalesce("events", F.lit(0)),
    }
    return rows.select(*KEYS, *[values[f.name].cast("double").alias(f.name) for f in ORDER_FEATURES])


def build_series(known: Known, subjects: DataFrame) -> DataFrame:
    """One row per (seller_id, sku_id, as_of) of ``subjects`` with SERIES_FEATURES; days of any whole country count."""
    asked_days = days_between(known.lake.spark, known.first_day, known.last_day)
    whole = announced(known).where(~F.col("region").contains("-"))
    ahead = F.date_diff("calendar_day", "as_of_day")
    near = asked_days.join(whole, (F.col("announced_day") < F.col("as_of_day")) & (F.abs(ahead) <= LOOK_DAYS), "left")
    holiday, event = F.col("kind") == "holiday", F.col("kind") == "sales_event"
    facts = near.groupBy("as_of_day").agg(
        F.collect_set(F.when(holiday & (ahead >= 0), ahead)).alias("holidays"),
        F.collect_set(F.when(event & (ahead >= 0), ahead)).alias("events"),
        F.max(F.when(holiday & (ahead < 0), ahead)).alias("last_holiday"),
    )
    horizon = F.col("horizon_days") if "horizon_days" in subjects.columns else F.lit(1)
    rows = subjects.select(*SERIES_KEYS, horizon.alias("horizon"), F.to_date("as_of").alias("as_of_day")).join(
        facts, "as_of_day", "left"
    )
    within = F.col("horizon")
    values = {
        "is_holiday": F.array_contains("holidays", 0),
        "holidays_ahead_days": F.size(F.filter("holidays", lambda day: day < within)),
        "next_holiday_days": F.coalesce(F.array_min("holidays"), F.lit(LOOK_DAYS + 1)),
        "since_holiday_days": F.coalesce(-F.col("last_holiday"), F.lit(LOOK_DAYS + 1)),
        "sales_event_ahead_days": F.size(F.filter("events", lambda day: day < within)),
        "next_sales_event_days": F.coalesce(F.array_min("events"), F.lit(LOOK_DAYS + 1)),
    }
    return rows.select(*SERIES_KEYS, *[values[f.name].cast("double").alias(f.name) for f in SERIES_FEATURES])


ORDER_GROUP = FeatureGroup("order_calendar", ORDER_KEYS, ORDER_FEATURES, build_orders)
SERIES_GROUP = FeatureGroup("series_calendar", SERIES_KEYS, SERIES_FEATURES, build_series)
