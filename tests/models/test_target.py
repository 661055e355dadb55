import importlib
import sys

import pytest

from features import catalog
from models import target
from models.target import TargetError, TargetSpec
from tests.models.conftest import toy_spec

NINTH = """
from dataclasses import replace
from models.targets.late_delivery import SPEC as LATE
SPEC = replace(LATE, name="very_late", threshold=0.6)
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An importable folder of targets, empty but for its __init__."""
    folder = tmp_path / "their_targets"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.startswith("their_targets")]:
        del sys.modules[name]


def found_in(package):
    importlib.invalidate_caches()
    return target.discover(importlib.import_module(package.name))


def test_every_target_of_the_product_reads_features_that_the_catalog_has():
    for spec in target.all_targets().values():
        known = {feature.name for feature in catalog.features_of(spec.built_as)}
        assert set(spec.features) <= known
        assert spec.features


def test_late_delivery_may_only_rise_as_slack_runs_out():
    assert target.spec("late_delivery").monotone["slack_days"] == -1


def test_a_file_in_the_folder_is_a_target_and_nothing_else_is_told(package):
    (package / "very_late.py").write_text(NINTH)
    found = found_in(package)
    assert list(found) == ["very_late"]
    assert isinstance(found["very_late"], TargetSpec)


def test_a_file_without_a_spec_is_refused(package):
    (package / "empty.py").write_text("")
    with pytest.raises(TargetError, match="holds no SPEC"):
        found_in(package)


def test_file_and_target_share_one_name(package):
    (package / "other.py").write_text(NINTH)
    with pytest.raises(TargetError, match="one name"):
        found_in(package)


def test_an_unknown_target_is_told_which_there_are():
    with pytest.raises(TargetError, match=", ".join(sorted(target.all_targets()))):
        target.spec("nonsense")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"features": ("load", "load")}, "more than once"),
        ({"monotone": {"gone": 1}}, "does not read"),
        ({"threshold": 1.0}, "between 0 and 1"),
    ],
)
def test_a_spec_that_contradicts_itself_is_refused_when_it_is_made(change, says):
    with pytest.raises(TargetError, match=says):
        toy_spec(**change)
