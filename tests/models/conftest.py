"""A small book of orders with known causes, and a target over it: real frames, no engine needed."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from models.target import TargetSpec

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
TRAIN_BEFORE = datetime(2025, 7, 1, tzinfo=UTC)


def nothing(frame: pd.DataFrame) -> pd.Series:
    return pd.Series(None, index=frame.index, dtype=object)


def is_past(frame: pd.DataFrame) -> pd.Series:
    return frame["slack_days"] <= 0


def least_slack(frame: pd.DataFrame) -> pd.Series:
    return -frame["slack_days"]


def toy_spec(**changes: object) -> TargetSpec:
    parts: dict[str, object] = {
        "name": "toy",
        "event": "it comes late",
        "recipient": "buyer",
        "horizon": "until the promise",
        "snapshots": ("early", "aged"),
        "subject_table": "orders",
        "keys": ("order_id",),
        "subjects_at": None,
        "subjects_between": None,
        "label": None,
        "built_as": "late_delivery",
        "features": ("slack_days", "load", "noise"),
        "rule": least_slack,
        "rule_says": "least slack first",
        "abstain": nothing,
        "known": is_past,
        "template": "toy",
        "benefit": 1.0,
        "cost": 0.1,
        "threshold": 0.4,
        "monotone": {"slack_days": -1},
    }
    return TargetSpec(**{**parts, **changes})  # type: ignore[arg-type]


def make_book(rows: int = 6000, seed: int = 1, *, days: int = 181) -> pd.DataFrame:
    """Orders over ``days``: the chance of lateness rises with load and falls with slack; noise says nothing."""
    rng = np.random.default_rng(seed)
    as_of = (pd.Timestamp(BEGIN) + pd.to_timedelta(np.sort(rng.uniform(0, days, rows)), unit="D")).round("s")
    slack, load = rng.uniform(0.5, 15, rows), rng.normal(0, 1, rows)
    chance = 1 / (1 + np.exp(-(1.6 * load - 0.35 * slack + 0.6)))
    label = (rng.uniform(size=rows) < chance).astype(float)
    matured = as_of + pd.to_timedelta(slack, unit="D")
    came = matured + pd.to_timedelta(
        np.where(label == 1, rng.uniform(0.1, 6, rows), -rng.uniform(0, 0.9, rows) * slack), unit="D"
    )
    return pd.DataFrame(
        {
            "subject_id": [f"o{n:05d}" for n in range(rows)],
            "sku_id": "",
            "as_of": as_of,
            "snapshot": np.where(slack < 5, "aged", "early"),
            "horizon_days": pd.array([None] * rows, dtype="Int32"),
            "slack_days": slack,
            "load": load,
            "noise": rng.normal(0, 1, rows),
            "label": label,
            "chance": chance,
            "matured_at": matured,
            "deadline_at": matured,
            "over_known_at": came,
            "ended_at": came,
            "weight": rng.choice([1.0, 6.0], rows),
        }
    )


def mature(book: pd.DataFrame, moment: datetime) -> pd.DataFrame:
    return book[(book["as_of"] < moment) & (book["matured_at"] <= moment)]


@pytest.fixture(scope="session")
def spec() -> TargetSpec:
    return toy_spec()


@pytest.fixture(scope="session")
def book() -> pd.DataFrame:
    return make_book()


@pytest.fixture(scope="session")
def model(spec, book):
    from models import fit

    return fit.fit(spec, mature(book, TRAIN_BEFORE), TRAIN_BEFORE)


@pytest.fixture(scope="session")
def later() -> pd.DataFrame:
    """Orders that no model here has seen."""
    return make_book(3000, seed=99)
