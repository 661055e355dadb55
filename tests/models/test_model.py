import json

import numpy as np
import pytest

from models import model as stored
from models.model import ModelRefused
from models.predict import probability


@pytest.fixture
def folder(model, tmp_path):
    stored.save(model, tmp_path / "model")
    return tmp_path / "model"


def test_what_is_saved_scores_as_before(spec, model, folder, later):
    again = stored.load(folder)
    np.testing.assert_array_equal(probability(spec, again, later), probability(spec, model, later))
    assert again.features == model.features
    assert again.about == json.loads(json.dumps(model.about))


def test_a_flipped_byte_is_refused_before_it_is_parsed(folder):
    trees = folder / stored.TREES
    raw = bytearray(trees.read_bytes())
    raw[len(raw) // 2] ^= 1
    trees.write_bytes(raw)
    with pytest.raises(ModelRefused, match="does not have the digest"):
        stored.load(folder)


def test_a_file_that_is_cut_off_is_refused(folder):
    trees = folder / stored.TREES
    trees.write_bytes(trees.read_bytes()[:-100])
    with pytest.raises(ModelRefused, match="was not parsed"):
        stored.load(folder)


def test_a_changed_card_is_refused(folder):
    with pytest.raises(ModelRefused, match="not the card that was registered"):
        stored.load(folder, card_digest="0" * 64)


@pytest.mark.parametrize("name", [stored.TREES, stored.CARD])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelRefused, match=name):
        stored.load(folder)


def test_nothing_but_plain_files_is_stored(folder):
    assert sorted(file.suffix for file in folder.iterdir()) == [".json", ".ubj"]


def test_a_rule_that_knows_nothing_has_one_chance_for_all():
    score, label = np.full(200, np.nan), np.repeat([1.0, 0.0], [50, 150])
    curve = stored.rule_curve(score, label, np.ones(200))
    np.testing.assert_allclose(curve(np.array([np.nan, 3.0, -3.0])), np.log(1 / 3))
