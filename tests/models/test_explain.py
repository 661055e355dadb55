import numpy as np
import pytest
import xgboost as xgb

from models import explain
from models.explain import Told
from models.fit import matrix
from models.model import tree_log_odds

TOLD = {
    "slack_days": Told("slack", ("orders",)),
    "load": Told("platform_load", ("orders",)),
    "noise": Told("parcel", ("shipments", "orders")),
}
ROW = {"table": "orders", "key": "o1", "recorded_at": "2025-01-01T00:00:00+00:00"}


@pytest.fixture(scope="module")
def risky(later):
    return later.sort_values(["chance"], ascending=False).head(20)


def test_contributions_are_exact(model, risky):
    values = matrix(risky, model.features)
    data = xgb.DMatrix(values, feature_names=list(model.features))
    shares = model.booster.predict(data, pred_contribs=True)
    np.testing.assert_allclose(shares.sum(axis=1), tree_log_odds(model.booster, values, model.features), atol=1e-3)


def test_the_strongest_come_first_with_their_facts_and_their_row(model, risky):
    found = explain.reasons(model, risky, TOLD, [{"orders": ROW}] * len(risky))
    for reasons, (_, row) in zip(found, risky.iterrows(), strict=True):
        assert 1 <= len(reasons) <= 3
        strengths = [reason["contribution"] for reason in reasons]
        assert strengths == sorted(strengths, reverse=True)
        assert all(reason["source"] == ROW for reason in reasons)
        facts = {name: value for reason in reasons for name, value in reason["facts"].items()}
        assert all(value == round(row[name], 4) for name, value in facts.items())


def test_a_reason_without_a_source_row_is_not_shown(model, risky):
    told = {**TOLD, "load": Told("hub", ("shipment_events",))}
    found = explain.reasons(model, risky, told, [{"orders": ROW}] * len(risky))
    assert not any(reason["code"] == "hub" for reasons in found for reason in reasons)


def test_no_candidates_need_no_reasons(model, risky):
    assert explain.reasons(model, risky.head(0), TOLD, []) == []
