from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.model import TREES, ModelRefused
from models.registry import Registry, RegistryError, Verdict, weigh

NOW = datetime(2025, 7, 1, tzinfo=UTC)
# MLflow 3.17 uses a loader option that SQLAlchemy 2.1 calls deprecated; nothing here can change that.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")


def verdict(mine=0.5, rule=0.4, champion=None, brier=0.1, champion_brier=0.1, missing=""):
    return Verdict(
        datetime(2025, 6, 1, tzinfo=UTC),
        NOW,
        challenger={"average_precision": mine, "brier": brier},
        rule={"average_precision": rule},
        champion={"average_precision": champion, "brier": champion_brier} if champion is not None else None,
        champion_missing=missing,
    )


@pytest.mark.parametrize(
    ("case", "promoted", "says"),
    [
        (verdict(0.5, 0.4), True, "no model was in service"),
        (verdict(0.4, 0.4), False, "the rule stays"),
        (verdict(float("nan"), 0.4), False, "the rule stays"),
        (verdict(0.5, 0.4, champion=0.498), False, "not 1 % above"),
        (verdict(0.5, 0.4, champion=0.45), True, "beats the champion's 0.450"),
        (verdict(0.5, 0.4, champion=0.45, brier=0.11), False, "Brier"),
        (verdict(0.5, 0.6, champion=0.45), False, "the rule stays"),
        (verdict(0.5, 0.4, missing="too young to be compared"), False, "too young"),
    ],
)
def test_a_challenger_must_be_better_than_the_rule_and_the_champion(case, promoted, says):
    found, reason = weigh(case)
    assert found is promoted
    assert says in reason


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def registry(home):
    return Registry(f"sqlite:///{home}/mlflow.db", home / "mlruns")


def test_the_life_of_a_champion(registry, home, model):
    assert registry.champion("toy") is None
    assert not registry.has_champion("toy")

    first = registry.promote_if_better(model, verdict(0.5, 0.4), seen_at=NOW)
    assert first.promoted
    served = registry.champion("toy")
    assert served.version == first.version
    assert served.model.features == model.features

    worse = registry.promote_if_better(model, verdict(0.45, 0.4, champion=0.5), seen_at=NOW)
    assert not worse.promoted
    assert worse.version != first.version
    assert registry.champion("toy").version == first.version

    better = registry.promote_if_better(model, verdict(0.6, 0.4, champion=0.5), seen_at=NOW)
    assert registry.champion("toy").version == better.version

    trees = next(iter((home / "mlruns").rglob(TREES)))
    assert trees.is_file()
    for found in list((home / "mlruns").rglob(TREES)):
        found.write_bytes(found.read_bytes()[:-1])
    with pytest.raises(ModelRefused):
        registry.champion("toy")
    for found in list((home / "mlruns").rglob(TREES)):
        found.unlink()
        found.parent.joinpath("card.json").unlink()
        found.parent.rmdir()
    with pytest.raises(RegistryError, match="is gone"):
        registry.champion("toy")


def test_each_target_has_its_own_champion(registry, model):
    registry.promote_if_better(replace(model, target="other"), verdict(), seen_at=NOW)
    assert registry.has_champion("other")
    assert not registry.has_champion("third")


@pytest.mark.parametrize("url", ["file:///tmp/mlruns", "./mlruns"])
def test_a_folder_is_no_registry(url, tmp_path):
    with pytest.raises(RegistryError, match="needs a database"):
        Registry(url, tmp_path)


def test_no_pickle_is_ever_stored(home):
    kinds = {file.suffix for file in Path(home).rglob("*") if file.is_file()}
    assert kinds <= {".ubj", ".json", ".db", ".lock"}
