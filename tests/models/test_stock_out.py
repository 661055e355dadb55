import pandas as pd

from models.targets import stock_out

AS_OF = pd.Timestamp("2025-03-03", tz="UTC")


def test_too_little_known_says_when_there_will_be_enough():
    frame = pd.DataFrame({"as_of": [AS_OF] * 3, "reported_days_28d": [2.0, 7.0, float("nan")]})
    reasons = stock_out.abstain(frame).tolist()
    assert "enough from 2025-03-08 on" in reasons[0]
    assert reasons[1] is None
    assert "enough from 2025-03-10 on" in reasons[2]


def test_what_demand_is_forecast_from_is_read_anyway():
    assert set(stock_out.DEMAND_FEATURES) <= set(stock_out.SPEC.features)
