"""Labels on a handful of orders and stock days whose outcome a reader can work out by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from lake.store import Lake, arrow_schema
from lake.tables import CONTRACT
from models import labels, target
from models.arrivals import NOT_COME, NOT_SENT
from models.target import TargetError

T0 = datetime(2025, 3, 1, 10, tzinfo=UTC)
PROMISED = T0 + timedelta(days=10)
MIDNIGHT = datetime(2025, 3, 5, tzinfo=UTC)
LATER = datetime(2025, 6, 1, tzinfo=UTC)


def put(lake, table, rows):
    schema = arrow_schema(CONTRACT[table])
    whole = [{name: row.get(name) for name in schema.names} for row in rows]
    arrow = pa.Table.from_pylist(whole, schema=schema)
    days = pa.array([row["recorded_at"].date() for row in whole], pa.date32())
    frame = lake.spark.createDataFrame(arrow.append_column("day", days))
    lake.replace_days(table, frame, date(2025, 1, 1), date(2025, 12, 31))


def order(order_id, promised_at=PROMISED):
    return {"order_id": order_id, "buyer_id": "b", "created_at": T0, "promised_at": promised_at, "currency": "EUR",
            "value": 10.0, "recorded_at": T0}  # fmt: skip


def came(shipment_id, after_days, recorded_later_days=0.0):
    at = T0 + timedelta(days=after_days)
    return {"shipment_id": shipment_id, "event": "delivered", "event_at": at,
            "recorded_at": at + timedelta(days=recorded_later_days)}  # fmt: skip


@pytest.fixture(scope="module")
def book(spark, tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("labels") / "lake", spark)
    names = ("in_time", "late", "never", "cancelled", "cancelled_after", "no_promise", "half", "reported_late")
    put(lake, "orders", [order(name, None if name == "no_promise" else PROMISED) for name in names])
    parcels = [(f"{name}-1", name) for name in names] + [("half-2", "half")]
    put(lake, "shipments", [{"shipment_id": a, "order_id": b, "recorded_at": T0} for a, b in parcels])
    scans = [came("in_time-1", 9.9), came("late-1", 10.1), came("half-1", 5), came("reported_late-1", 9, 4)]
    put(lake, "shipment_events", scans)
    cancelled = [("cancelled", T0 + timedelta(days=3)), ("cancelled_after", T0 + timedelta(days=12))]
    put(lake, "order_events", [
        {"order_id": name, "event": "cancelled", "event_at": at, "recorded_at": at} for name, at in cancelled
    ])  # fmt: skip
    put(lake, "sampling", [{"order_id": "late", "weight": 18.65, "recorded_at": T0}])
    asked = pa.table(
        {
            "order_id": list(names),
            "as_of": pa.array([T0 + timedelta(days=1)] * len(names), pa.timestamp("us", tz="UTC")),
        }
    )
    return lake, spark.createDataFrame(asked)


def known(found, name="label"):
    return {row["order_id"]: row[name] for row in found.toArrow().to_pylist()}


def test_late_is_after_the_promise_or_never(book):
    lake, asked = book
    assert known(labels.outcomes(lake, target.spec("late_delivery"), asked, LATER)) == {
        "in_time": 0.0,
        "late": 1.0,
        "never": 1.0,
        "half": 1.0,  # one of its two parcels never came
        "reported_late": 0.0,  # what counts is when it came, once that is known
        "cancelled": None,
        "cancelled_after": 1.0,
        "no_promise": None,
    }


def test_before_the_promise_has_passed_no_outcome_is_mature_good_or_bad(book):
    lake, asked = book
    early = PROMISED - timedelta(seconds=1)
    assert labels.mature(lake, target.spec("late_delivery"), asked, early).count() == 0
    assert set(known(labels.outcomes(lake, target.spec("late_delivery"), asked, early)).values()) == {None}


def test_what_is_recorded_later_is_not_known_yet(book):
    lake, asked = book
    spec = target.spec("late_delivery")
    at_promise = known(labels.mature(lake, spec, asked, PROMISED))
    assert at_promise["reported_late"] == 1.0
    assert known(labels.mature(lake, spec, asked, LATER))["reported_late"] == 0.0


def test_a_sampled_order_stands_for_many_and_any_other_for_itself(book):
    lake, asked = book
    weights = known(labels.outcomes(lake, target.spec("late_delivery"), asked, LATER), "weight")
    assert weights["late"] == 18.65
    assert weights["never"] == 1.0


@pytest.fixture(scope="module")
def shelf(spark, tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("shelf") / "lake", spark)
    days = {
        "full": [1.0, 1.0, 1.0],
        "first_day": [0.5, 1.0, 1.0],
        "last_day": [1.0, 1.0, 0.75],
        "unreported": [1.0, None, 1.0],
    }
    rows = [
        {"seller_id": "s", "sku_id": sku, "stock_day": MIDNIGHT.date() + timedelta(days=n), "in_stock_share": share,
         "recorded_at": MIDNIGHT + timedelta(days=n, hours=23)}
        for sku, shares in days.items() for n, share in enumerate(shares) if share is not None
    ]  # fmt: skip
    put(lake, "stock", rows)
    asked = pa.table(
        {
            "seller_id": ["s"] * 4,
            "sku_id": list(days),
            "as_of": pa.array([MIDNIGHT] * 4, pa.timestamp("us", tz="UTC")),
            "horizon_days": pa.array([3] * 4, pa.int32()),
        }
    )
    return lake, spark.createDataFrame(asked)


def test_a_stock_out_day_anywhere_in_the_horizon_counts(shelf):
    lake, asked = shelf
    found = labels.outcomes(lake, target.spec("stock_out"), asked, LATER).toArrow().to_pylist()
    assert {row["sku_id"]: row["label"] for row in found} == {
        "full": 0.0,
        "first_day": 1.0,
        "last_day": 1.0,
        "unreported": None,  # nobody knows about its second day
    }


def test_a_stock_out_on_the_first_day_is_mature_only_when_the_horizon_has_ended(shelf):
    lake, asked = shelf
    spec = target.spec("stock_out")
    ends = MIDNIGHT + timedelta(days=3)
    assert labels.mature(lake, spec, asked, ends - timedelta(seconds=1)).count() == 0
    assert labels.mature(lake, spec, asked, ends).count() == 3


def test_a_stock_out_has_the_grade_of_its_worst_day(shelf):
    lake, asked = shelf
    found = labels.outcomes(lake, target.spec("stock_out"), asked, LATER).toArrow().to_pylist()
    assert {row["sku_id"]: row["grade"] for row in found} == {
        "full": 0.0,
        "first_day": 1.0,  # half of its hours
        "last_day": 0.5,  # where a stock-out day begins
        "unreported": 0.0,
    }


def test_an_empty_shelf_at_the_end_of_a_day_has_the_grade_of_a_stock_out(spark, tmp_path):
    lake = Lake(tmp_path / "lake", spark)
    put(lake, "stock", [
        {"seller_id": "s", "sku_id": sku, "stock_day": MIDNIGHT.date(), "in_stock_share": share, "on_hand": left,
         "recorded_at": MIDNIGHT + timedelta(hours=23)}
        for sku, share, left in (("sold_out", 1.0, 0.0), ("short", 0.9, 4.0))
    ])  # fmt: skip
    asked = pa.table(
        {
            "seller_id": ["s", "s"],
            "sku_id": ["sold_out", "short"],
            "as_of": pa.array([MIDNIGHT] * 2, pa.timestamp("us", tz="UTC")),
            "horizon_days": pa.array([1, 1], pa.int32()),
        }
    )
    found = labels.outcomes(lake, target.spec("stock_out"), spark.createDataFrame(asked), LATER).toArrow().to_pylist()
    assert {row["sku_id"]: (row["label"], round(row["grade"], 6)) for row in found} == {
        "sold_out": (1.0, 0.5),
        "short": (0.0, 0.2),
    }


def test_a_review_has_the_grade_of_its_stars_and_none_is_not_bad(spark, tmp_path):
    lake = Lake(tmp_path / "lake", spark)
    stars = {"one": 1, "two": 2, "three": 3, "five": 5}
    late = T0 + timedelta(days=30)
    put(lake, "reviews", [
        *({"order_id": name, "score": score, "event_at": T0 + timedelta(days=3), "recorded_at": T0 + timedelta(days=3)}
          for name, score in stars.items()),
        {"order_id": "too_late", "score": 1, "event_at": late, "recorded_at": late},
    ])  # fmt: skip
    names = [*stars, "too_late", "silent"]
    asked = pa.table({"order_id": names, "as_of": pa.array([T0] * len(names), pa.timestamp("us", tz="UTC"))})
    found = labels.outcomes(lake, target.spec("bad_review"), spark.createDataFrame(asked), LATER)
    rows = {row["order_id"]: (row["label"], row["grade"]) for row in found.toArrow().to_pylist()}
    assert rows == {"one": (1.0, 1.0), "two": (1.0, 0.75), "three": (0.0, 0.5), "five": (0.0, 0.0),
                    "too_late": (0.0, 0.0), "silent": (0.0, 0.0)}  # fmt: skip


def test_a_graded_target_must_tell_the_grade(book):
    lake, asked = book
    spec = replace(target.spec("late_delivery"), graded=True)
    with pytest.raises(TargetError, match="late_delivery is graded, so its label must also return grade"):
        labels.outcomes(lake, spec, asked, LATER)


def test_a_claim_has_the_lateness_of_its_order_as_surrogate(spark, tmp_path):
    lake = Lake(tmp_path / "lake", spark)
    days = {"early": 8.0, "on_time": 10.0, "an_hour_late": 10.04, "a_day_late": 11.0, "later": 14.5, "too_late": 21.0}
    names = (*days, "never", "not_sent", "no_promise")
    put(lake, "orders", [order(name, None if name == "no_promise" else PROMISED) for name in names])
    sent = [name for name in names if name != "not_sent"]
    put(lake, "shipments", [{"shipment_id": f"{name}-1", "order_id": name, "recorded_at": T0} for name in sent])
    put(lake, "shipment_events", [came(f"{name}-1", after) for name, after in {**days, "no_promise": 12.0}.items()])
    claimed = T0 + timedelta(days=12)
    put(lake, "disputes", [{"order_id": "later", "event": "opened", "event_at": claimed, "recorded_at": claimed}])
    asked = pa.table({"order_id": list(names), "as_of": pa.array([T0] * len(names), pa.timestamp("us", tz="UTC"))})
    found = labels.outcomes(lake, target.spec("dispute"), spark.createDataFrame(asked), LATER)
    assert known(found, "surrogate") == {
        "early": 0.0, "on_time": 0.0, "an_hour_late": 1.0, "a_day_late": 1.0, "later": 5.0,
        "too_late": NOT_COME, "never": NOT_COME, "not_sent": NOT_SENT, "no_promise": None,
    }  # fmt: skip
    assert known(found) == {**dict.fromkeys(names, 0.0), "later": 1.0}


def test_a_target_with_a_surrogate_must_tell_it(book):
    lake, asked = book
    spec = replace(target.spec("late_delivery"), has_surrogate=True)
    with pytest.raises(TargetError, match="late_delivery has a surrogate, so its label must also return surrogate"):
        labels.outcomes(lake, spec, asked, LATER)
