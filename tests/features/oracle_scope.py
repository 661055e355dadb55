"""The SQL of one scope, with its windows written out."""

from __future__ import annotations

from oracle import said

RATES = {
    "orders": "order_day",
    "matured": "matured_day",
    "matured_late": "matured_day",
    "dispatched": "handling_day",
    "dispatched_late": "handling_day",
    "delivered": "total_day",
    "delivered_late": "total_day",
}
CONDITIONS = {
    "matured": "promised_at IS NOT NULL AND (came OR NOT coalesce(ended_day <= matured_day, false)) "
    "AND matured_day - order_day <= 120",
    "dispatched": "ship_by IS NOT NULL",
    "dispatched_late": "handed_at > ship_by",
    "orders": "true",
    "delivered": "true",
    "delivered_late": "delivered_at > promised_at",
}
CONDITIONS["matured_late"] = f"{CONDITIONS['matured']} AND NOT in_time"
DURATIONS = {
    "handling": ("approved_at", "handed_at", "least(handed_day, approved_day, order_day)"),
    "transit": ("handed_at", "delivered_at", "least(delivered_day, handed_day, order_day)"),
    "total": ("approved_at", "delivered_at", "least(delivered_day, approved_day, order_day)"),
}


def scope_query(scope: str, entity: str, entity_day: str, asked: str) -> str:
    """The features of a scope; entity and entity_day over journeys, asked over base."""
    windows = {name: sql for days in (7, 28, 90) for name, sql in {**_rates(days), **_durations(days)}.items()}
    values = [_rate(scope, days) for days in (7, 28, 90)] + [_delivered_late(scope, days) for days in (7, 28)]
    values.append(f"exp(transit_mean_7 - transit_mean_28) AS {scope}_transit_trend_ratio_7d")
    staged, odds = [], []
    for days in (28, 90):
        stage = "CASE WHEN handed_at IS NOT NULL THEN transit_{0}_{1} ELSE total_{0}_{1} END AS {0}_{1}"
        staged += [stage.format("mean", days), stage.format("second", days)]
        deviation = f"spread(second_{days}, mean_{days}, 0.15)"
        odds.append(f"{deviation} AS std_{days}")
        odds.append(f"odds(taken, mean_{days}, {deviation}) AS so_far_{days}")
        odds.append(f"odds(taken + hours_left, mean_{days}, {deviation}) AS then_{days}")
        values += _left(scope, days)
    names = [*windows, "open_n", "overdue_n", "unshipped_n"]
    return said(
        "scope",
        scope=scope, entity=entity, entity_day=entity_day, asked=asked,
        windows="\n    ".join(f"{sql} AS {name}," for name, sql in windows.items()),
        renamed=", ".join(["order_id", "as_of", *[f"{name} AS p_{name}" for name in names]]),
        fits=",\n    ".join(fit for days in (7, 28, 90) for fit in _fits(days)), staged=", ".join(staged),
        odds=", ".join(odds), values=",\n    ".join(values),
    )  # fmt: skip


def _inside(days: int, day: str, condition: str) -> str:
    return f"FILTER ({day} BETWEEN d - {days} AND d - 1 AND {day} >= entity_day AND {condition})"


def _rates(days: int) -> dict[str, str]:
    recent = {
        "handling_day": "handling_day - least(handed_day, approved_day, order_day) <= 120",
        "total_day": "total_day - least(delivered_day, approved_day, order_day) <= 120",
    }
    return {
        f"{name}_{days}": f"count(*) {_inside(days, day, f'{recent.get(day, True)} AND {CONDITIONS[name]}')}"
        for name, day in RATES.items()
    }


def _durations(days: int) -> dict[str, str]:
    sums = {}
    for name, (start, end, oldest) in DURATIONS.items():
        log = f"ln_hours({start}, {end})"
        inside = _inside(days, f"{name}_day", f"{name}_day - {oldest} <= 120")
        sums[f"{name}_n_{days}"] = f"count(*) {inside}"
        sums[f"{name}_log_{days}"] = f"sum(round({log}, 6)) {inside}"
        sums[f"{name}_square_{days}"] = f"sum(round({log} * {log}, 6)) {inside}"
    return sums


def _fits(days: int) -> list[str]:
    """Moments mixed with ten of the platform's."""
    fits = []
    for name in DURATIONS:
        for part, alias in (("log", "mean"), ("square", "second")):
            parent = f"p_{name}_{part}_{days} / nullif(p_{name}_n_{days}, 0)"
            own = f"coalesce({name}_{part}_{days}, 0)"
            fits.append(f"({own} + 10 * {parent}) / (coalesce({name}_n_{days}, 0) + 10) AS {name}_{alias}_{days}")
    return fits


def _rate(scope: str, days: int) -> str:
    own, parent = f"coalesce(matured_late_{days}, 0)", f"p_matured_late_{days} / nullif(p_matured_{days}, 0)"
    return f"({own} + 20 * {parent}) / (coalesce(matured_{days}, 0) + 20) AS {scope}_late_share_{days}d"


def _delivered_late(scope: str, days: int) -> str:
    own = f"coalesce(delivered_late_{days}, 0) + 20 * p_delivered_late_{days} / nullif(p_delivered_{days}, 0)"
    return f"({own}) / (coalesce(delivered_{days}, 0) + 20) AS {scope}_delivered_late_share_{days}d"


def _left(scope: str, days: int) -> list[str]:
    """The chance to be late, and what the usual rest leaves of the slack."""
    values = [
        (
            f"CASE WHEN so_far_{days} IS NULL OR then_{days} IS NULL THEN NULL WHEN hours_left <= 0 THEN 1 "
            f"ELSE (1 + so_far_{days}) / (1 + then_{days}) END AS {scope}_late_chance_{days}d"
        )
    ]
    for name, share in (("median", 0.5), ("p90", 0.9)):
        remaining = f"left_of(mean_{days}, std_{days}, so_far_{days}, taken, {share})"
        values.append(f"(hours_left - {remaining}) / 24 AS {scope}_slack_after_{name}_days_{days}d")
    return values
