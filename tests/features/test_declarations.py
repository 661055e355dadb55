"""A feature is declared well or refused, and the catalog, the page and the reasons agree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from features import catalog, page
from features.reasons import REASONS
from features.spec import ORDER_KEYS, Feature, FeatureError, FeatureGroup
from lake.tables import CONTRACT

GOOD = Feature(
    "late_share_28d", "share, 0 to 1", "how often it is late", "nothing was delivered", "carrier", 28, (0.0, 1.0)
)


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"name": "Late_share_28d"}, "lower-case"),
        ({"name": "lateness_28d"}, "say the unit in the name"),
        ({"name": "late_share"}, "put _28d into the name"),
        ({"unit": ""}, "must all be said"),
        ({"null_means": ""}, "must all be said"),
        ({"reason": "weather"}, "use one of"),
        ({"allowed": (1.0, 0.0)}, "give \\(smallest, largest\\)"),
        ({"monotone": 2}, "use -1, 0 or 1"),
    ],
)
def test_a_bad_feature_is_refused_with_the_remedy(change: dict[str, Any], remedy: str) -> None:
    with pytest.raises(FeatureError, match=remedy):
        replace(GOOD, **change)


def test_a_bad_group_is_refused_with_the_remedy() -> None:
    def build(_known: object, base: Any) -> Any:
        return base

    with pytest.raises(FeatureError, match="twice"):
        FeatureGroup("g", ORDER_KEYS, (GOOD, GOOD), build)
    with pytest.raises(FeatureError, match="declare one"):
        FeatureGroup("g", ORDER_KEYS, (), build)
    with pytest.raises(FeatureError, match="keys"):
        FeatureGroup("g", ("order_id",), (GOOD,), build)


def test_an_unknown_target_is_named_with_those_there_are() -> None:
    with pytest.raises(FeatureError, match="late_delivery, order_problems, stock_out"):
        catalog.features_of("weather")


@pytest.mark.parametrize("target", catalog.GROUPS)
def test_no_two_features_of_a_target_share_a_name(target: str) -> None:
    names = [feature.name for feature in catalog.features_of(target)]
    assert len(names) == len(set(names)) > 50


def test_every_reason_is_used_and_names_a_table_of_the_contract() -> None:
    used = {feature.reason for target in catalog.GROUPS for feature in catalog.features_of(target)}
    assert used == set(REASONS)
    assert {table for reason in REASONS.values() for table in reason.tables} <= set(CONTRACT)


def test_the_page_says_what_is_declared() -> None:
    written = page.PAGE.read_text(encoding="utf-8")
    assert written == page.page(), "write it again: .venv/bin/python -m features.page"
