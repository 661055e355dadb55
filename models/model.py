"""A fitted model: trees, the rule it may lean on, a calibration, and the card that says what all of it is.

A model is a folder of two plain files: ``model.ubj`` (XGBoost's own format) and ``card.json``. No pickles. The card holds the
digest of the trees, which is compared before they are parsed: a truncated UBJ can ask for 68 GB.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost as xgb
from scipy.special import logit

from models.calibrate import FLOOR, Calibration, from_json

Array = npt.NDArray[np.float64]

TREES = "model.ubj"
CARD = "card.json"


class ModelRefused(RuntimeError):
    """A stored model is not what its card says. It was not parsed."""


class FeatureMissing(ValueError):
    """A frame lacks columns that the model reads."""

    def __init__(self, target: str, missing: tuple[str, ...]) -> None:
        self.missing = missing
        super().__init__(
            f"{target}: the frame lacks {len(missing)} column(s) that the model reads: {', '.join(missing)}. "
            "Nothing was scored and nothing is filled in to fit. Build the features with the catalog the model was fitted on."
        )


@dataclass(frozen=True, slots=True)
class RuleCurve:
    """The naive rule's score as a chance: straight lines between points, learned on the fitting window."""

    at: tuple[float, ...]
    log_odds: tuple[float, ...]

    def __call__(self, score: Array) -> Array:
        filled = np.where(np.isfinite(score), score, self.at[len(self.at) // 2])
        return np.interp(filled, self.at, self.log_odds)


@dataclass(frozen=True, slots=True)
class Model:
    """Everything that turns a frame into a chance. ``share``: how much the trees count at a snapshot, the rule has the rest."""

    target: str
    features: tuple[str, ...]
    booster: xgb.Booster
    rule: RuleCurve
    share: Mapping[str, float]
    calibration: Calibration
    about: Mapping[str, Any] = field(default_factory=dict)

    def log_odds(self, matrix: npt.NDArray[np.float32], rule_score: Array, snapshot: npt.NDArray[np.object_]) -> Array:
        """Blend of trees and rule before calibration. matrix: (n, k) in the order of ``features``, NaN where null."""
        trees = tree_log_odds(self.booster, matrix, self.features)
        return blend(trees, self.rule(rule_score), snapshot, self.share)

    def card(self, digest: str) -> dict[str, Any]:
        return {
            "format": 1,
            "target": self.target,
            "features": list(self.features),
            "rule": {"at": list(self.rule.at), "log_odds": list(self.rule.log_odds)},
            "share": dict(self.share),
            "calibration": self.calibration.as_json(),
            "about": dict(self.about),
            "sha256": {TREES: digest},
        }


def tree_log_odds(booster: xgb.Booster, matrix: npt.NDArray[np.float32], features: tuple[str, ...]) -> Array:
    """The trees' own log-odds, (n,)."""
    data = xgb.DMatrix(matrix, feature_names=list(features))
    return np.asarray(booster.predict(data, output_margin=True), dtype=np.float64)


def blend(trees: Array, rule: Array, snapshot: npt.NDArray[np.object_], share: Mapping[str, float]) -> Array:
    """Log-odds of trees and rule, mixed by the share of each row's snapshot. A snapshot without a share gets the trees."""
    weight = np.array([share.get(str(name), 1.0) for name in snapshot]) if len(snapshot) else np.ones(0)
    return weight * trees + (1 - weight) * rule


def save(model: Model, folder: Path) -> dict[str, Any]:
    """Write the two files and return the card. The folder is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    trees = bytes(model.booster.save_raw(raw_format="ubj"))
    (folder / TREES).write_bytes(trees)
    card = model.card(hashlib.sha256(trees).hexdigest())
    (folder / CARD).write_text(json.dumps(card, indent=1, sort_keys=True))
    return card


def load(folder: Path, card_digest: str | None = None) -> Model:
    """A stored model, verified before it is parsed.

    card_digest: what the registry says the card's SHA-256 is; None where there is no registry. Raises ModelRefused.
    """
    for name in (TREES, CARD):
        if not (folder / name).is_file():
            raise ModelRefused(f"{folder} has no {name}: it is not a model. Train again, or restore the artifact.")
    written = (folder / CARD).read_bytes()
    if card_digest is not None and hashlib.sha256(written).hexdigest() != card_digest:
        raise ModelRefused(f"{folder / CARD} is not the card that was registered. Restore the artifact or train again.")
    card = json.loads(written)
    trees = (folder / TREES).read_bytes()
    if hashlib.sha256(trees).hexdigest() != card["sha256"][TREES]:
        raise ModelRefused(
            f"{folder / TREES} ({len(trees)} bytes) does not have the digest on its card: changed or cut off. "
            "It was not parsed. Restore the artifact or train again."
        )
    booster = xgb.Booster()
    booster.load_model(bytearray(trees))
    return Model(
        target=card["target"],
        features=tuple(card["features"]),
        booster=booster,
        rule=RuleCurve(tuple(card["rule"]["at"]), tuple(card["rule"]["log_odds"])),
        share=card["share"],
        calibration=from_json(card["calibration"]),
        about=card["about"],
    )


def rule_curve(score: Array, label: Array, weight: Array, points: int = 24) -> RuleCurve:
    """Learn the rule's chance: isotonic over its score, read at up to ``points`` quantiles, with a slight slope so no two tie."""
    from sklearn.isotonic import IsotonicRegression

    known = np.isfinite(score)
    steps = IsotonicRegression(out_of_bounds="clip").fit(score[known], label[known], sample_weight=weight[known])
    at = np.unique(np.quantile(score[known], np.linspace(0, 1, points)))
    chance = np.clip(steps.predict(at), 10 * FLOOR, 1 - 10 * FLOOR)
    return RuleCurve(tuple(at.tolist()), tuple((logit(chance) + 1e-3 * np.arange(len(at))).tolist()))
