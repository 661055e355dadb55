"""The page of all features, made from their declarations: ``python -m features.page`` writes ``docs/features.md``.

A test holds the page equal to the declarations, so that neither changes without the other.
"""

from __future__ import annotations

import math
from pathlib import Path

from features.catalog import GROUPS
from features.reasons import REASONS
from features.spec import Feature, FeatureGroup

PAGE = Path(__file__).resolve().parents[1] / "docs" / "features.md"
HEAD = """# The features

<!-- Made from the declarations in features/. Write it again with: .venv/bin/python -m features.page -->

Every number a prediction is made from. All are doubles; an empty value is never filled in. A feature of a subject at
`as_of` reads only rows with `recorded_at < as_of`; sums of a day reach to the day before the one that `as_of` lies in.

Rates of a route, carrier, seller or article are drawn towards the platform's, `(hits + k * platform rate) / (n + k)`,
so that one late parcel of a new seller is not a rate of 100 %. Durations are kept as mean and spread of the logarithm
of hours, mixed with the platform's in the same way; chances and quantiles come from the log-logistic distribution with
that mean and spread. Sales are scaled by the share of selling hours in stock, left out where it is a quarter or less.

`+` and `-` say that a higher value can only raise or only lower the risk: the model is held to it.
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [HEAD, "## Reasons", "", "| reason | about | checked against |", "|---|---|---|"]
    parts += [f"| {reason.code} | {reason.says} | {', '.join(reason.tables)} |" for reason in REASONS.values()]
    for target, groups in GROUPS.items():
        count = sum(len(group.features) for group in groups)
        parts += ["", f"## {target}: {count} features of {', '.join(f'`{key}`' for key in groups[0].keys)}"]
        for group in groups:
            parts += ["", *_group(group)]
    return "\n".join(parts) + "\n"


def _group(group: FeatureGroup) -> list[str]:
    head = [
        f"### {group.name}",
        "",
        "| feature | unit | for | range | | reason | empty means |",
        "|---|---|---|---|---|---|---|",
    ]
    return head + [_feature(feature) for feature in group.features]


def _feature(feature: Feature) -> str:
    low, high = (_number(bound) for bound in feature.allowed)
    spread = f"{low} to {high}" if low or high else ""
    sign = {1: "+", -1: "-", 0: ""}[feature.monotone]
    cells = (f"`{feature.name}`", feature.unit, feature.purpose, spread, sign, feature.reason, feature.null_means)
    return "| " + " | ".join(cells) + " |"


def _number(bound: float) -> str:
    if math.isinf(bound):
        return ""
    return f"{bound:g}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
