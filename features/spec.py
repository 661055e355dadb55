"""What a feature is: declared once, beside the computation, for fitting, scoring, gates and the docs page alike.

A bad declaration is refused when it is made, with the remedy in the message, because a wrong unit or a missing null
meaning found in a trained model costs a retraining.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame

from features.known import Known
from features.reasons import REASONS

ORDER_KEYS = ("order_id", "as_of")
SERIES_KEYS = ("seller_id", "sku_id", "as_of")
UNIT_SUFFIXES = ("days", "hours", "share", "count", "ratio", "chance", "km", "kg", "currency", "units", "code", "std")


class FeatureError(ValueError):
    """A feature or a group of features is declared wrongly, or asked for under a name that nothing has."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One number about a subject as of a moment; always a double, null where ``null_means`` says.

    unit: what one of it is. window_days: days of records it looks back on, None for no fixed window. allowed: smallest
    and largest possible value. monotone: 1 where a higher value can only raise the risk, -1 where it can only lower it.
    reason: the plain reason that its contribution counts towards.
    """

    name: str
    unit: str
    purpose: str
    null_means: str
    reason: str
    window_days: int | None = None
    allowed: tuple[float, float] = (float("-inf"), float("inf"))
    monotone: int = 0

    def __post_init__(self) -> None:
        words = self.name.split("_")
        if not self.name.replace("_", "").isalnum() or self.name != self.name.lower():
            raise FeatureError(f"feature {self.name!r}: use lower-case words joined by _.")
        if not set(words) & set(UNIT_SUFFIXES) and words[0] not in {"is", "has"}:
            raise FeatureError(f"feature {self.name}: say the unit in the name, one of {', '.join(UNIT_SUFFIXES)}.")
        if self.window_days is not None and f"{self.window_days}d" not in words:
            raise FeatureError(
                f"feature {self.name}: window_days is {self.window_days}; put _{self.window_days}d into the name."
            )
        if not self.unit or not self.purpose or not self.null_means or not self.reason:
            raise FeatureError(f"feature {self.name}: unit, purpose, null_means and reason must all be said.")
        if self.reason not in REASONS:
            raise FeatureError(
                f"feature {self.name}: no reason {self.reason!r}; use one of {', '.join(sorted(REASONS))}."
            )
        if self.allowed[0] > self.allowed[1]:
            raise FeatureError(f"feature {self.name}: allowed {self.allowed} is empty; give (smallest, largest).")
        if self.monotone not in {-1, 0, 1}:
            raise FeatureError(f"feature {self.name}: monotone is {self.monotone}; use -1, 0 or 1.")


Build = Callable[[Known, DataFrame], DataFrame]


@dataclass(frozen=True, slots=True)
class FeatureGroup:
    """Features that are computed together.

    build: takes what is known and a frame of subjects (the target's base, one row per ``keys``) and returns one row
    per subject with ``keys`` and exactly the declared features, as doubles. kernel: where features come from the
    matrices of a series (features.history), what makes them; the catalog runs all kernels in one pass over the data.
    """

    name: str
    keys: tuple[str, ...]
    features: tuple[Feature, ...]
    build: Build
    kernel: Callable[..., dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        names = [feature.name for feature in self.features]
        twice = sorted({name for name in names if names.count(name) > 1})
        if not names:
            raise FeatureError(f"group {self.name} declares no feature; remove it or declare one.")
        if twice:
            raise FeatureError(f"group {self.name} declares {', '.join(twice)} twice; rename or remove one.")
        if self.keys not in {ORDER_KEYS, SERIES_KEYS}:
            raise FeatureError(f"group {self.name}: keys {self.keys} are not {ORDER_KEYS} or {SERIES_KEYS}.")
        if set(names) & set(self.keys):
            raise FeatureError(f"group {self.name}: a feature is called like a key of {self.keys}; rename it.")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)
