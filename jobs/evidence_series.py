"""What is known of one article of one seller at a moment, and the order plan that follows from it.

One calculation gives the date, the last day to order and the quantity; mail, page and table repeat it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lake.store import Lake
from models import replenish
from models.demand import Demand, Forecast
from models.negative_binomial import Array
from models.replenish import Position, Terms

Subject = tuple[str, str]
Fields = dict[Subject, dict[str, Any]]
Sources = dict[Subject, dict[str, Mapping[str, Any]]]

CURRENCY_DAYS = 90
TERMS = Terms()
Z90 = 1.2815515655446004
PLAIN_SPREAD = (1.5, 0.15)  # of demand, where no forecast of it was learned
PLANNED = "plan_"  # how the columns of a plan are called
LEAST_DEMAND = 1e-9  # pieces a day of an article that does not sell


def read(lake: Lake, asked: DataFrame, moment: datetime) -> tuple[Fields, Sources]:
    """Fields and source rows by (seller_id, sku_id). asked: subject_id and sku_id of each candidate. Reads
    recorded_at < moment.
    """
    keys = asked.select(F.col("subject_id").alias("seller_id"), "sku_id")
    fields: Fields = {}
    sources: Sources = {}
    for row in _newest(lake, "listings", keys, moment, "active_from").to_pylist():
        fields[row["seller_id"], row["sku_id"]] = {"category": row["category"], "price": row["price"]}
    currencies = _currencies(lake, keys, moment)
    for subject, known in fields.items():
        known["currency"] = currencies.get(subject[0])
    for row in _newest(lake, "stock", keys, moment, "stock_day").to_pylist():
        subject = (row["seller_id"], row["sku_id"])
        fields.setdefault(subject, {})["stock_day"] = str(row["stock_day"])
        _source(sources, subject, "stock", str(row["stock_day"]), row["recorded_at"])
    for row in _newest(lake, "promotions", keys, moment, "promo_day").to_pylist():
        _source(sources, (row["seller_id"], row["sku_id"]), "promotions", str(row["promo_day"]), row["recorded_at"])
    for row in _newest(lake, "inbound", keys, moment, "event_at").to_pylist():
        subject = (row["seller_id"], row["sku_id"])
        fields.setdefault(subject, {})["inbound_expected_at"] = row["expected_at"]
        _source(sources, subject, "inbound", row["inbound_id"], row["recorded_at"])
    return fields, sources


def planned(frame: pd.DataFrame, demand: Demand | None, terms: Terms = TERMS) -> pd.DataFrame:
    """``frame`` with the order plan of each row in columns ``plan_...``, NaN where the source counts no pieces.

    frame: candidates' features, as_of. demand: the forecast of the model in service; without one the usual demand.
    """
    wanted = _wanted(frame, demand)
    daily = wanted.daily
    counted = np.isfinite(_values(frame, "on_hand_units")) & np.isfinite(_values(frame, "lead_time_days"))
    rows = np.flatnonzero(counted & np.isfinite(daily))
    found = pd.DataFrame(index=frame.index)
    found[f"{PLANNED}daily"] = daily
    spread = demand.spread if demand is not None else PLAIN_SPREAD
    at = _position(frame.iloc[rows], wanted.of(rows), spread)
    level = demand.at(terms.fractile(at.lead_days, at.daily), wanted.size[rows]) if demand is not None else None
    made = replenish.plan(at, terms, level)
    for name in ("runs_out_days", "order_in_days", "quantity", "short_pieces", "waiting_pieces"):
        values = np.full(len(frame), np.nan)
        values[rows] = getattr(made, name)
        found[f"{PLANNED}{name}"] = values
    found[f"{PLANNED}covered"] = covered(frame, terms)
    return pd.concat([frame, found], axis=1)


def covered(frame: pd.DataFrame, terms: Terms = TERMS) -> npt.NDArray[np.bool_]:
    """Articles that nobody is reminded of, whatever a forecast says: what is on its way is announced for before the
    stock ends, and is enough for lead time and review, both at the usual demand.
    """
    daily = np.fmax(_values(frame, "demand_units_28d"), LEAST_DEMAND)
    here, coming = _values(frame, "on_hand_units"), _values(frame, "open_inbound_units")
    in_time = _values(frame, "next_inbound_days") <= here / daily
    enough = here + coming >= daily * (_values(frame, "lead_time_days") + terms.review_days)
    found: npt.NDArray[np.bool_] = (coming > 0) & in_time & enough
    return found


def _wanted(frame: pd.DataFrame, demand: Demand | None) -> Forecast:
    if demand is not None and len(frame):
        return demand.forecast(frame)
    count = len(frame)
    return Forecast(_values(frame, "demand_units_28d"), np.ones(count), np.zeros(count, dtype=np.intp))


def _position(rows: pd.DataFrame, wanted: Forecast, spread: tuple[float, float]) -> Position:
    lead = _values(rows, "lead_time_days")
    late = np.fmax(_values(rows, "lead_time_p90_days"), lead)
    return Position(
        on_hand=_values(rows, "on_hand_units"),
        daily=wanted.daily,
        spread=spread,
        uneven=wanted.uneven,
        lead_days=lead,
        lead_spread=np.log(late / lead) / Z90,
        inbound=np.nan_to_num(_values(rows, "open_inbound_units")),
        inbound_days=_values(rows, "next_inbound_days"),
        inbound_age_days=_values(rows, "inbound_age_days"),
    )


def _values(frame: pd.DataFrame, name: str) -> Array:
    if name not in frame:
        return np.full(len(frame), np.nan)
    return frame[name].to_numpy(np.float64, na_value=np.nan)


def plan(row: pd.Series, known: Mapping[str, Any]) -> dict[str, Any]:
    """The rest of a record: date, order-by date, quantity, value at risk and what waiting costs, null where the source
    counts no pieces.

    row: the candidate's features and its columns of ``planned``. value_at_risk: what is wanted and not there if nothing
    is ordered until the next look; cost_of_waiting: the part of the seller's loss that ordering now would save.
    """
    on_hand, daily = _number(row, "on_hand_units"), _number(row, f"{PLANNED}daily")
    inbound = _number(row, "open_inbound_units") or 0.0
    as_of, price = pd.Timestamp(row["as_of"]), known.get("price")
    quantity = _number(row, f"{PLANNED}quantity")
    expected = as_of + pd.Timedelta(days=_number(row, f"{PLANNED}runs_out_days") or 0.0)
    latest = as_of + pd.Timedelta(days=_number(row, f"{PLANNED}order_in_days") or 0.0)
    return {
        "seller_id": row["subject_id"],
        "recipient_id": row["subject_id"],
        "sku_id": row["sku_id"],
        "category": known.get("category"),
        "horizon_days": int(row["horizon_days"]),
        "snapshot": row["snapshot"],
        "on_hand": on_hand,
        "units_per_day": round(daily, 3) if daily is not None else None,
        "expected_date": expected.date().isoformat(),
        "order_by": min(latest, expected).date().isoformat() if quantity is not None else None,
        "quantity": int(quantity) if quantity is not None else None,
        "value_at_risk": _amount(price, _number(row, f"{PLANNED}short_pieces")),
        "cost_of_waiting": _amount(price, _number(row, f"{PLANNED}waiting_pieces"), TERMS.shortage_share),
        "currency": known.get("currency"),
        "open_inbound": _inbound(inbound, known.get("inbound_expected_at")),
        "is_covered": bool(row.get(f"{PLANNED}covered", False)),
    }


def _amount(price: float | None, pieces: float | None, share: float = 1.0) -> float | None:
    return round(price * pieces * share, 2) if price is not None and pieces is not None else None


def _inbound(units: float, expected_at: datetime | None) -> dict[str, Any] | None:
    if units <= 0:
        return None
    return {"quantity": units, "expected_at": expected_at.isoformat() if expected_at is not None else None}


def _currencies(lake: Lake, keys: DataFrame, moment: datetime) -> dict[str, str]:
    """The currency that a seller's orders of the last 90 days were paid in; sellers with none or several are left out.

    A listing's price names none, and an amount without its currency says nothing.
    """
    since = moment - timedelta(days=CURRENCY_DAYS)
    orders = lake.read("orders", known_before=moment).where(F.col("recorded_at") >= F.lit(since))
    items = lake.read("order_items", known_before=moment).where(F.col("recorded_at") >= F.lit(since))
    sold = items.join(keys.select("seller_id").distinct(), "seller_id", "left_semi").select("seller_id", "order_id")
    paid = sold.join(orders.select("order_id", "currency"), "order_id", "inner").groupBy("seller_id")
    both = paid.agg(F.min("currency").alias("first"), F.max("currency").alias("last"))
    return {
        row["seller_id"]: row["first"] for row in both.toArrow().to_pylist() if row["first"] == row["last"] is not None
    }


def _newest(lake: Lake, table: str, keys: DataFrame, moment: datetime, by: str) -> pa.Table:
    """The row of each series with the largest ``by``, as known before ``moment``."""
    rows = lake.read(table, known_before=moment).join(keys, ["seller_id", "sku_id"], "left_semi")
    rest = [name for name in rows.columns if name not in {"seller_id", "sku_id", by, "recorded_at"}]
    newest = rows.groupBy("seller_id", "sku_id").agg(F.max(F.struct(by, "recorded_at", *rest)).alias("row"))
    columns = [F.col(f"row.{name}").alias(name) for name in (by, "recorded_at", *rest)]
    return newest.select("seller_id", "sku_id", *columns).orderBy("seller_id", "sku_id").toArrow()


def _source(sources: Sources, subject: Subject, table: str, key: str, recorded_at: datetime) -> None:
    place = f"{subject[0]}/{subject[1]}/{key}"
    sources.setdefault(subject, {})[table] = {"table": table, "key": place, "recorded_at": recorded_at.isoformat()}


def _number(row: pd.Series, name: str) -> float | None:
    value = row.get(name)
    return float(value) if value is not None and math.isfinite(value) else None
