"""The order plan of a digest's line: one calculation, whatever the source knows."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from jobs import evidence_series
from models.replenish import Terms

AS_OF = pd.Timestamp("2025-03-03", tz="UTC")
KNOWN = {"price": 10.0, "currency": "BRL", "category": "toys"}


def rows(**changes: object) -> pd.DataFrame:
    row = {
        "subject_id": "s1", "sku_id": "k1", "as_of": AS_OF, "snapshot": "in_stock", "horizon_days": 7,
        "on_hand_units": 10.0, "demand_units_28d": 2.0, "lead_time_days": 7.0, "lead_time_p90_days": 10.0,
        "open_inbound_units": 0.0, "next_inbound_days": np.nan, "inbound_age_days": np.nan,
    }  # fmt: skip
    return pd.DataFrame([row | changes])


def record(frame: pd.DataFrame, known: dict[str, object] | None = None) -> dict[str, object]:
    return evidence_series.plan(evidence_series.planned(frame, None).iloc[0], KNOWN if known is None else known)


def test_a_line_says_when_by_when_how_many_and_what_waiting_costs():
    found = record(rows())
    assert date(2025, 3, 6) <= date.fromisoformat(found["expected_date"]) <= date(2025, 3, 9)
    assert found["order_by"] == "2025-03-03", "a replenishment takes a week"
    assert 15 <= found["quantity"] <= 40
    assert 0 < found["cost_of_waiting"] < found["value_at_risk"]
    assert found["currency"] == "BRL"


def test_plenty_leaves_time_and_asks_for_nothing():
    found = record(rows(on_hand_units=90.0))
    assert found["quantity"] == 0
    assert AS_OF.date() < date.fromisoformat(found["order_by"]) < date.fromisoformat(found["expected_date"])
    assert found["cost_of_waiting"] < 1


def test_what_is_on_its_way_is_not_ordered_again():
    coming = rows(open_inbound_units=40.0, next_inbound_days=2.0, inbound_age_days=5.0)
    found = record(coming, KNOWN | {"inbound_expected_at": AS_OF + pd.Timedelta(days=2)})
    assert found["quantity"] < 5
    assert found["open_inbound"] == {"quantity": 40.0, "expected_at": "2025-03-05T00:00:00+00:00"}


@pytest.mark.parametrize(("changes", "is_covered"), [
    ({}, True),
    ({"next_inbound_days": 6.0}, False),  # five days of stock are left
    ({"next_inbound_days": np.nan}, False),
    ({"open_inbound_units": 5.0}, False),  # a week of lead time and the review are not covered
    ({"open_inbound_units": 0.0}, False),
    ({"demand_units_28d": 4.0}, False),
    ({"on_hand_units": np.nan}, False),
])  # fmt: skip
def test_an_article_is_covered_where_enough_comes_in_time_at_its_usual_demand(changes, is_covered):
    coming = {"open_inbound_units": 40.0, "next_inbound_days": 4.0, "inbound_age_days": 5.0}
    assert record(rows(**{**coming, **changes}))["is_covered"] is is_covered


@pytest.mark.parametrize("unknown", ["on_hand_units", "lead_time_days"])
def test_where_no_pieces_are_counted_no_quantity_is_made_up(unknown):
    found = record(rows(**{unknown: np.nan}))
    assert found["quantity"] is None
    assert found["order_by"] is None
    assert found["cost_of_waiting"] is None
    assert found["expected_date"] == "2025-03-03"


def test_without_a_price_no_amount_is_said():
    found = record(rows(), {})
    assert found["quantity"] is not None
    assert found["value_at_risk"] is None
    assert found["cost_of_waiting"] is None


def test_terms_decide_how_much():
    few, many = (
        evidence_series.planned(rows(), None, Terms(holding_share_a_year=share))["plan_quantity"].iloc[0]
        for share in (5.0, 0.1)
    )
    assert few < many


def test_rows_without_candidates_stay_empty():
    assert evidence_series.planned(rows().head(0), None).empty
