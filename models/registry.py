"""Which model is in service, and why: the one door to MLflow.

A version is a folder with ``model.ubj`` and ``card.json`` (no pickles), and the digest of its card. The alias
``champion`` moves only when a challenger is better on the same test window; every version says in its tags why
it was taken or not. The backend is a database given by URL; MLflow's file store is not used and its telemetry
is off.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from fasteners import InterProcessLock

from models import model as stored
from models.model import CARD, Model

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # before MLflow is loaded: it reads this when imported
os.environ["DO_NOT_TRACK"] = "true"

log = logging.getLogger(__name__)

ALIAS = "champion"
FOLDER = "model"
DIGEST = "card_sha256"
MARGIN_OVER_RULE = 1.0
MARGIN_OVER_CHAMPION = 1.01
WORST_BRIER = 1.02


class RegistryError(RuntimeError):
    """The registry cannot be reached, or what it names is not there."""


@dataclass(frozen=True, slots=True)
class Served:
    """A model in service."""

    version: str
    model: Model
    digest: str = ""  # of the card, which holds the digests of the trees


@dataclass(frozen=True, slots=True)
class Verdict:
    """How challenger, champion and rule did on one test window. Figures: average_precision, brier; champion None:
    there is none, or it is too young to have rows that it did not learn from (``champion_missing`` says which).
    logistic: the peer's figures on the same rows, told beside and no part of the choice.
    """

    test_from: datetime
    test_before: datetime
    challenger: Mapping[str, float]
    rule: Mapping[str, float]
    champion: Mapping[str, float] | None = None
    champion_missing: str = ""
    logistic: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Promotion:
    """What became of a challenger. ``reason`` is one sentence for a person."""

    version: str
    promoted: bool
    reason: str


def weigh(verdict: Verdict) -> tuple[bool, str]:
    """Whether a challenger should go into service, and why. Better than the rule, and 1 % better than the champion
    in average precision with a Brier score that is at most 2 % worse.
    """
    mine, rule = verdict.challenger["average_precision"], verdict.rule["average_precision"]
    if not mine > MARGIN_OVER_RULE * rule:  # also where one of them is not a number
        return False, f"average precision {mine:.3f} does not beat the rule's {rule:.3f}: the rule stays"
    if verdict.champion is None:
        if verdict.champion_missing:
            return False, verdict.champion_missing
        return True, f"average precision {mine:.3f} beats the rule's {rule:.3f}, and no model was in service"
    theirs = verdict.champion["average_precision"]
    if not mine >= MARGIN_OVER_CHAMPION * theirs:
        return False, f"average precision {mine:.3f} is not 1 % above the champion's {theirs:.3f}: the champion stays"
    if verdict.challenger["brier"] > WORST_BRIER * verdict.champion["brier"]:
        return (
            False,
            "it ranks better, but its Brier score is more than 2 % worse than the champion's: the champion stays",
        )
    return True, f"average precision {mine:.3f} beats the champion's {theirs:.3f} and the rule's {rule:.3f}"


class Registry:
    """Models by target. ``url``: MLflow's database, such as sqlite:////path/mlflow.db. ``artifacts``: folder of
    the files.
    """

    def __init__(self, url: str, artifacts: Path) -> None:
        if url.startswith("file:") or "://" not in url:
            raise RegistryError(f"{url}: the registry needs a database (sqlite:///… or postgresql://…), not a folder.")
        from mlflow.tracking import MlflowClient

        if url.startswith("sqlite:///"):
            Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        self._artifacts = artifacts.resolve()
        self._artifacts.mkdir(parents=True, exist_ok=True)
        # The first contact makes MLflow's tables; two processes doing so at once break each other.
        with InterProcessLock(self._artifacts / "registry.lock"):
            self._client = MlflowClient(tracking_uri=url, registry_uri=url)
            self._client.search_registered_models(max_results=1)

    def has_champion(self, target: str) -> bool:
        """Whether a model is in service. Reads the database alone."""
        return self._version(target) is not None

    def champion(self, target: str) -> Served | None:
        """The model in service, verified before it is parsed; None where there is none.

        Raises RegistryError where its files are gone and ModelRefused where they are not what was registered.
        """
        version = self._version(target)
        if version is None:
            return None
        folder = Path(str(version.tags.get("folder", "")))
        if not folder.is_dir():
            raise RegistryError(
                f"{target}: version {version.version} is in service, but {folder} is gone. Restore it, or train "
                "with --force."
            )
        digest = version.tags.get(DIGEST, "")
        return Served(str(version.version), stored.load(folder, digest), digest)

    def past(self, target: str, version: str, digest: str) -> Served:
        """A version that was in service once, for a replay. digest: what was recorded of its card back then.

        Raises RegistryError where the version or its files are gone, ModelRefused where they are no longer the same.
        """
        from mlflow.exceptions import MlflowException

        try:
            found = self._client.get_model_version(target, version)
        except MlflowException as error:
            raise RegistryError(f"{target}: the registry has no version {version}. Restore its database.") from error
        folder = Path(str(found.tags.get("folder", "")))
        if not folder.is_dir():
            raise RegistryError(f"{target}: the files of version {version} are gone from {folder}. Restore them.")
        return Served(version, stored.load(folder, digest), digest)

    def promote_if_better(
        self, challenger: Model, verdict: Verdict, *, by_rule: Model | None = None, seen_at: datetime
    ) -> Promotion:
        """Register a challenger, and move the alias to it only if ``weigh`` says so. Its reason is kept either way.

        by_rule: the same model with the rule speaking alone. It goes into service where nothing is yet and the
        challenger does not beat the rule: a target without any model would warn nobody.
        """
        promoted, reason = weigh(verdict)
        if not promoted and by_rule is not None and verdict.champion is None and not verdict.champion_missing:
            challenger, promoted, reason = by_rule, True, f"{reason}, calibrated, until a model beats it"
        version = self._register(challenger, verdict, seen_at)
        self._client.set_model_version_tag(challenger.target, version, "promoted", str(promoted).lower())
        self._client.set_model_version_tag(challenger.target, version, "reason", reason)
        if promoted:
            self._client.set_registered_model_alias(challenger.target, ALIAS, version)
        log.info("challenger weighed target=%s version=%s promoted=%s", challenger.target, version, promoted)
        return Promotion(version, promoted, reason)

    def _version(self, target: str) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            return self._client.get_model_version_by_alias(target, ALIAS)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise RegistryError(f"{target}: the registry does not answer: {error}. No model was loaded.") from error

    def _register(self, model: Model, verdict: Verdict, seen_at: datetime) -> str:
        from mlflow.exceptions import MlflowException

        run = self._client.create_run(self._experiment(model.target), run_name=f"{model.target} {seen_at:%Y-%m-%d}")
        run_id = run.info.run_id
        for name, figure in _figures(verdict).items():
            self._client.log_metric(run_id, name, figure)
        for name, value in {**model.about.get("params", {}), **model.about.get("windows", {})}.items():
            self._client.log_param(run_id, name, value)
        with tempfile.TemporaryDirectory() as scratch:
            written = Path(scratch) / FOLDER
            stored.save(model, written)
            digest = hashlib.sha256((written / CARD).read_bytes()).hexdigest()
            self._client.log_artifacts(run_id, str(written), FOLDER)
        self._client.set_terminated(run_id)
        try:
            self._client.create_registered_model(model.target)
        except MlflowException:
            log.debug("registered before target=%s", model.target)
        folder = self._artifacts / model.target / run_id / "artifacts" / FOLDER
        source = folder.as_uri()
        tags = {DIGEST: digest, "folder": str(folder), "verdict": json.dumps(_figures(verdict))}
        return str(self._client.create_model_version(model.target, source, run_id, tags=tags).version)

    def _experiment(self, target: str) -> str:
        found = self._client.get_experiment_by_name(target)
        if found is not None:
            return str(found.experiment_id)
        place = self._artifacts / target
        place.mkdir(parents=True, exist_ok=True)
        return str(self._client.create_experiment(target, artifact_location=place.as_uri()))


def _figures(verdict: Verdict) -> dict[str, Any]:
    sides = {"challenger": verdict.challenger, "rule": verdict.rule, "champion": verdict.champion or {}}
    return {
        f"{side}_{name}": float(value)
        for side, figures in sides.items()
        for name, value in figures.items()
        if value == value  # noqa: PLR0124 - MLflow's SQLite refuses NaN
    }
