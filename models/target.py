"""What a target is: everything that the rest of the engine needs to know about one kind of problem, in one place.

A file in ``models/targets/`` that holds a ``SPEC`` is a target. Nothing else has to be told about it: fitting, scoring,
judging, backtests and the registry read ``TARGETS``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import ModuleType

import pandas as pd
from pyspark.sql import DataFrame

from lake.store import Lake

SUBJECT_KEY = ("subject_id", "sku_id", "as_of")
LabelRule = Callable[[Lake, DataFrame, "datetime | None"], DataFrame]
SubjectsAt = Callable[[Lake, datetime], DataFrame]
SubjectsBetween = Callable[[Lake, datetime, datetime], DataFrame]
RowRule = Callable[[pd.DataFrame], pd.Series]


class TargetError(ValueError):
    """A target's spec contradicts itself, or there is no such target."""


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """One kind of problem.

    subject_table: the contract's table that subjects come from. warm_up: history that features need before one
    can learn.
    keys: what a subject is called in the features: ``("order_id",)`` or ``("seller_id", "sku_id")``.
    subjects_at: (lake, as_of) -> the subjects of a daily run. subjects_between: (lake, first, last) -> the
    subjects at every moment that fitting and backtests ask about, first <= as_of < last. Both: keys, as_of,
    snapshot, perhaps horizon_days.
    label: (lake, subjects, known_before) -> one row per subject row: its key, ``label`` (0, 1, or null where it
    does not count) and ``matured_at``. known_before None: everything that the lake holds.
    rule: the naive rule that a model has to beat; frame of features -> score, higher is riskier.
    abstain: frame of features -> a plain reason per row, or null where the model may speak.
    known: frame of features -> true where the event has already happened: a fact, not a forecast.
    built_as: the catalog's name for the set of feature groups; features: names from it, in the order the model
    reads them.
    monotone: +1 or -1 where the chance may only rise or fall with a feature.
    benefit, cost: of telling when it comes true and when it does not, in contacts saved; threshold: the least
    probability at which a row becomes a candidate.
    history: how far back training looks.
    needs: further tables of the contract without which the label or the features mean nothing; a source that lacks
    one, or has no row in it, skips the target.
    has_date_window: whether ended_at is a date worth announcing, and learned as 10/50/90 % quantiles.
    deadline: the feature that says how many days are left until the event is decided, where the event is "has not ended
    by then"; a hazard of ending joins the trees, and ``label`` also returns ended_at and over_known_at: when a row
    ended, and when it became known that it had, or no longer could. None: there is no such moment.
    graded: whether the event is a step on a scale (stars, hours without stock): ``label`` then also returns ``grade``,
    how far it went from 0 to 1, and trees learn from both. A null grade says nothing beyond the label.
    has_surrogate: whether something sooner or more common tells how near the event was (a claim: how late it came).
    ``label`` then also returns ``surrogate``, a level without an order, and trees learn from the share of events at
    that level too. A null level says nothing beyond the label.
    demand: features that the demand of the coming week is forecast from, where the event hangs on it.
    growth: how its trees are grown where not as usual: names and values of ``fit.Params``.
    block: what the interval's bootstrap draws, ``week`` of the as_of or ``seller``.
    """

    name: str
    event: str
    recipient: str
    horizon: str
    snapshots: tuple[str, ...]
    subject_table: str
    keys: tuple[str, ...]
    subjects_at: SubjectsAt
    subjects_between: SubjectsBetween
    label: LabelRule
    built_as: str
    features: tuple[str, ...]
    rule: RowRule
    rule_says: str
    abstain: RowRule
    known: RowRule
    template: str
    benefit: float
    cost: float
    threshold: float
    monotone: Mapping[str, int] = field(default_factory=dict)
    history: timedelta = timedelta(days=730)
    warm_up: timedelta = timedelta(days=30)
    block: str = "week"
    needs: tuple[str, ...] = ()
    growth: Mapping[str, float] = field(default_factory=dict)
    has_date_window: bool = False
    deadline: str | None = None
    graded: bool = False
    has_surrogate: bool = False
    demand: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        doubled = sorted({name for name in self.features if self.features.count(name) > 1})
        if doubled:
            raise TargetError(f"{self.name} names {', '.join(doubled)} more than once. Name each feature once.")
        if self.deadline is not None and self.deadline not in self.features:
            raise TargetError(
                f"{self.name} has its deadline in {self.deadline}, which it does not read. Add it to features."
            )
        unknown = sorted(set(self.monotone) - set(self.features))
        if unknown:
            raise TargetError(
                f"{self.name} gives a direction to {', '.join(unknown)}, which it does not read. "
                "Add it to features or drop the direction."
            )
        if not 0 < self.threshold < 1:
            raise TargetError(f"{self.name} has threshold {self.threshold}; it is a probability between 0 and 1.")


def nothing_known(frame: pd.DataFrame) -> pd.Series:
    """For a target that never abstains: no reason on any row."""
    return pd.Series(None, index=frame.index, dtype=object)


def never(frame: pd.DataFrame) -> pd.Series:
    """For a target whose event can happen again: on no row has it happened already."""
    return pd.Series(data=False, index=frame.index)


def lacking(lake: Lake, target: TargetSpec) -> str:
    """Why a source cannot feed a target, in words for a person; empty where it can."""
    absent = [name for name in (target.subject_table, *target.needs) if not lake.exists(name)]
    if not absent:
        return ""
    return f"{target.name}: the source has no {' and no '.join(absent)}"


def discover(package: ModuleType) -> dict[str, TargetSpec]:
    """Every ``SPEC`` of a package's modules, by name, sorted. Raises TargetError where a module has none or two
    share a name.
    """
    found: dict[str, TargetSpec] = {}
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda entry: entry.name):
        spec = getattr(importlib.import_module(f"{package.__name__}.{module.name}"), "SPEC", None)
        if not isinstance(spec, TargetSpec):
            raise TargetError(
                f"{package.__name__}/{module.name}.py holds no SPEC. A file there is a target: give it one."
            )
        if spec.name != module.name:
            raise TargetError(f"{module.name}.py calls its target {spec.name}. Give file and target one name.")
        found[spec.name] = spec
    return found


def spec(name: str) -> TargetSpec:
    """The target called ``name``. Raises TargetError naming those that exist."""
    targets = all_targets()
    if name not in targets:
        raise TargetError(f"there is no target {name!r}. There are: {', '.join(targets)}.")
    return targets[name]


def all_targets() -> dict[str, TargetSpec]:
    """Every target in ``models/targets/``, by name."""
    return discover(importlib.import_module("models.targets"))
