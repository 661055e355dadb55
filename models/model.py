"""A fitted model: trees, the rule it may lean on, a calibration, and the card that says what all of it is.

A model is a folder of plain files: ``model.ubj`` (XGBoost's own format), where there is a date window ``window.ubj``,
where there is a deadline ``hazard.ubj``, where demand is forecast ``demand.ubj`` and ``demand_pieces.ubj``, and
``card.json``. No pickles. The card holds the digests of the trees, which are compared before they are parsed: a
truncated UBJ can ask for 68 GB.
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

from models import demand as demands
from models import hazard as hazards
from models import window as date_window
from models.calibrate import FLOOR, Calibration, from_json
from models.demand import Demand
from models.hazard import Hazard
from models.window import DateWindow

Array = npt.NDArray[np.float64]

TREES = "model.ubj"
WINDOW_TREES = "window.ubj"
HAZARD_TREES = "hazard.ubj"
DEMAND_TREES = "demand.ubj"
DEMAND_PIECES_TREES = "demand_pieces.ubj"
CARD = "card.json"


class ModelRefused(RuntimeError):
    """A stored model is not what its card says. It was not parsed."""


class FeatureMissing(ValueError):
    """A frame lacks columns that the model reads."""

    def __init__(self, target: str, missing: tuple[str, ...]) -> None:
        self.missing = missing
        super().__init__(
            f"{target}: the frame lacks {len(missing)} column(s) that the model reads: {', '.join(missing)}. "
            "Nothing was scored and nothing is filled in to fit. Build the features with the catalog the model "
            "was fitted on."
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
    """Everything that turns a frame into a chance. ``share``: how much the trees count at a snapshot, the rule has
    the rest.
    """

    target: str
    features: tuple[str, ...]
    booster: xgb.Booster
    rule: RuleCurve
    share: Mapping[str, float]
    calibration: Calibration
    about: Mapping[str, Any] = field(default_factory=dict)
    window: DateWindow | None = None
    hazard: Hazard | None = None
    demand: Demand | None = None

    def log_odds(
        self,
        matrix: npt.NDArray[np.float32],
        rule_score: Array,
        snapshot: npt.NDArray[np.object_],
        pace: Array | float = 1.0,
    ) -> Array:
        """Blend of learned and rule before calibration. matrix: (n, k) in the order of ``features``, NaN where null;
        pace: of models.pace.
        """
        learned = learned_log_odds(self.booster, self.hazard, matrix, self.features, pace)
        return blend(learned, self.rule(rule_score), snapshot, self.share)

    def card(self, digests: Mapping[str, str]) -> dict[str, Any]:
        return {
            "format": 1,
            "target": self.target,
            "features": list(self.features),
            "rule": {"at": list(self.rule.at), "log_odds": list(self.rule.log_odds)},
            "share": dict(self.share),
            "calibration": self.calibration.as_json(),
            "about": dict(self.about),
            "window": self.window.as_json() if self.window else None,
            "hazard": self.hazard.as_json() if self.hazard else None,
            "demand": self.demand.as_json() if self.demand else None,
            "sha256": dict(digests),
        }


def tree_log_odds(booster: xgb.Booster, matrix: npt.NDArray[np.float32], features: tuple[str, ...]) -> Array:
    """The trees' own log-odds, (n,)."""
    data = xgb.DMatrix(matrix, feature_names=list(features))
    return np.asarray(booster.predict(data, output_margin=True), dtype=np.float64)


def learned_log_odds(
    booster: xgb.Booster,
    hazard: Hazard | None,
    matrix: npt.NDArray[np.float32],
    features: tuple[str, ...],
    pace: Array | float = 1.0,
) -> Array:
    """What was learned, (n,): ``together`` of trees and hazard."""
    log_open = hazard.log_open(matrix) if hazard is not None else None
    return together(tree_log_odds(booster, matrix, features), log_open, pace)


def together(trees: Array, log_open: Array | None, pace: Array | float = 1.0) -> Array:
    """The trees' log-odds, halfway to the hazard's where there is one and the row has a deadline, and moved as far as
    the pace moves the hazard's. log_open: of Hazard.log_open.
    """
    if log_open is None:
        return trees
    usual, now = hazards.at_pace(log_open), hazards.at_pace(log_open, pace)
    found: Array = np.where(np.isnan(usual), trees, (trees + usual) / 2 + (now - usual))
    return found


def blend(trees: Array, rule: Array, snapshot: npt.NDArray[np.object_], share: Mapping[str, float]) -> Array:
    """Log-odds of trees and rule, mixed by the share of each row's snapshot. A snapshot without a share gets the
    trees.
    """
    weight = np.array([share.get(str(name), 1.0) for name in snapshot]) if len(snapshot) else np.ones(0)
    return weight * trees + (1 - weight) * rule


def save(model: Model, folder: Path) -> dict[str, Any]:
    """Write the files and return the card. The folder is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    trees = {TREES: model.booster}
    trees |= {WINDOW_TREES: model.window.booster} if model.window else {}
    trees |= {HAZARD_TREES: model.hazard.booster} if model.hazard else {}
    if model.demand:
        trees |= {DEMAND_TREES: model.demand.trees.relative, DEMAND_PIECES_TREES: model.demand.trees.pieces}
    digests = {}
    for name, booster in trees.items():
        raw = bytes(booster.save_raw(raw_format="ubj"))
        (folder / name).write_bytes(raw)
        digests[name] = hashlib.sha256(raw).hexdigest()
    card = model.card(digests)
    (folder / CARD).write_text(json.dumps(card, indent=1, sort_keys=True))
    return card


def load(folder: Path, card_digest: str | None = None) -> Model:
    """A stored model, verified before it is parsed.

    card_digest: what the registry says the card's SHA-256 is; None where there is no registry. Raises ModelRefused.
    """
    card = _card(folder, card_digest)
    window, hazard = card["window"], card.get("hazard")  # cards of older models know no hazard
    return Model(
        target=card["target"],
        features=tuple(card["features"]),
        booster=_trees(folder, TREES, card),
        rule=RuleCurve(tuple(card["rule"]["at"]), tuple(card["rule"]["log_odds"])),
        share=card["share"],
        calibration=from_json(card["calibration"]),
        about=card["about"],
        window=date_window.from_json(window, _trees(folder, WINDOW_TREES, card)) if window else None,
        hazard=hazards.from_json(hazard, _trees(folder, HAZARD_TREES, card)) if hazard else None,
        demand=_demand(folder, card),
    )


def _demand(folder: Path, card: dict[str, Any]) -> Demand | None:
    """The card's forecast of demand; None where there is none, or one of an older kind: until the next training plans
    are then made from the usual demand.
    """
    stored = card.get("demand")
    if stored is None or DEMAND_PIECES_TREES not in card["sha256"]:
        return None
    trees = (_trees(folder, name, card) for name in (DEMAND_TREES, DEMAND_PIECES_TREES))
    return demands.from_json(stored, *trees)


def _card(folder: Path, digest: str | None) -> dict[str, Any]:
    if not (folder / CARD).is_file():
        raise ModelRefused(f"{folder} has no {CARD}: it is not a model. Train again, or restore the artifact.")
    written = (folder / CARD).read_bytes()
    if digest is not None and hashlib.sha256(written).hexdigest() != digest:
        raise ModelRefused(f"{folder / CARD} is not the card that was registered. Restore the artifact or train again.")
    card: dict[str, Any] = json.loads(written)
    return card


def _trees(folder: Path, name: str, card: Mapping[str, Any]) -> xgb.Booster:
    if not (folder / name).is_file():
        raise ModelRefused(f"{folder} has no {name}: the model is not whole. Restore the artifact or train again.")
    raw = (folder / name).read_bytes()
    if hashlib.sha256(raw).hexdigest() != card["sha256"].get(name):
        raise ModelRefused(
            f"{folder / name} ({len(raw)} bytes) does not have the digest on its card: changed or cut off. "
            "It was not parsed. Restore the artifact or train again."
        )
    booster = xgb.Booster()
    booster.load_model(bytearray(raw))
    return booster


def rule_curve(score: Array, label: Array, weight: Array, points: int = 24) -> RuleCurve:
    """Learn the rule's chance: isotonic over its score, read at up to ``points`` quantiles, with a slight slope so
    no two tie. A rule that says nothing of any row (a source without dispatch limits) has one chance for all.
    """
    from sklearn.isotonic import IsotonicRegression

    known = np.isfinite(score)
    if not known.any():
        usual = np.clip(np.average(label, weights=weight), 10 * FLOOR, 1 - 10 * FLOOR)
        return RuleCurve((0.0,), (float(logit(usual)),))
    steps = IsotonicRegression(out_of_bounds="clip").fit(score[known], label[known], sample_weight=weight[known])
    at = np.unique(np.quantile(score[known], np.linspace(0, 1, points)))
    chance = np.clip(steps.predict(at), 10 * FLOOR, 1 - 10 * FLOOR)
    return RuleCurve(tuple(at.tolist()), tuple((logit(chance) + 1e-3 * np.arange(len(at))).tolist()))
