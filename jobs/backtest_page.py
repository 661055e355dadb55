"""The backtest as one self-contained HTML page: plain words, three charts drawn as SVG, and the tables behind them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

COLOURS = {"model": "#1f5f99", "rule": "#b3541e", "logistic": "#6b6b6b"}
SIDE, PAD = 360, 44
STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}
h1{font-size:1.6rem} h2{font-size:1.15rem;margin-top:2rem} table{border-collapse:collapse;margin:.5rem 0}
td,th{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #ddd;font-variant-numeric:tabular-nums}
td:first-child,th:first-child{text-align:left} figure{display:inline-block;margin:0 1rem 1rem 0;vertical-align:top}
figcaption{font-size:.9rem;max-width:22rem} svg text{font-size:12px;fill:#333} .note{color:#555;font-size:.92rem}
"""
NAMES = {"model": "the model", "rule": "the naive rule", "logistic": "logistic regression"}


def page(judged: Mapping[str, Any]) -> str:
    """The report as HTML. judged: what ``backtest_report.build`` returns."""
    title = f"Backtest of {judged['target']}"
    body = [
        f"<h1>{escape(title)}</h1>",
        _summary(judged),
        "<h2>Ranking</h2>", _comparison(judged),
        _figure(_precision_recall(judged), "Of the cases up to a recall, how many came true: higher is better."),
        "<h2>Can the probability be taken at its word?</h2>", _calibration(judged),
        _figure(_reliability(judged), "Ten groups of equal weight: forecast against what happened."),
        _figure(_months(judged), "Month by month: mean forecast (blue) beside the share that happened (dark)."),
        "<h2>How early?</h2>", _lead_time(judged),
        _window(judged),
        "<h2>Snapshot by snapshot</h2>", _slices(judged["by_snapshot"], "snapshot"),
        "<h2>Month by month</h2>", _slices(judged["by_month"], "month"),
        "<h2>What each model was learned from</h2>", _origins(judged),
    ]  # fmt: skip
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{STYLE}</style>"
    return head + "\n".join(body) + "</html>\n"


def _summary(judged: Mapping[str, Any]) -> str:
    rows = judged["rows"]
    base = judged["pooled"]["base_rate"]
    return (
        f"<p>The event: {escape(judged['event'])}. Learned from what was known before {judged['train_before'][:10]}, "
        f"predicted until {judged['test_before'][:10]}, refitted monthly with what was known by then.</p>"
        f"<p>{rows['predicted']:,} forecasts; {rows['judged']:,} are judged here. Left out: "
        f"{rows['already_happened']:,} where it "
        f"had already happened, {rows['abstained']:,} where the engine would rather say nothing, "
        f"{rows['without_outcome']:,} "
        f"whose outcome does not count or is not known. It happened in {base:.1%} of what is judged (weighed).</p>"
        f"<p class=note>Intervals are 90 %, from a bootstrap over whole {judged['block']}s. "
        "Forecasts made for one subject at several moments are separate rows.</p>"
    )


def _comparison(judged: Mapping[str, Any]) -> str:
    rows = []
    for name, figure in judged["average_precision"].items():
        over = judged["model_over"].get(name)
        rows.append([NAMES[name], _interval(figure), _interval(over) if over else ""])
    rule = f"<p class=note>The naive rule: {escape(judged['rule_says'])}.</p>"
    return _table(["", "average precision", "model is so many times it"], rows) + rule


def _calibration(judged: Mapping[str, Any]) -> str:
    pooled = judged["pooled"]
    return _table(
        ["mean forecast", "mean outcome", "forecast ÷ outcome", "calibration error", "Brier", "Brier skill"],
        [[_number(pooled[name]) for name in (
            "mean_forecast", "base_rate", "forecast_over_outcome", "calibration_error", "brier", "brier_skill")]],
    )  # fmt: skip


def _lead_time(judged: Mapping[str, Any]) -> str:
    head = [
        "announced at",
        "precision",
        "of all events announced",
        "48 h before",
        "median hours before",
        "subjects told",
    ]
    names = ("precision", "share_of_events_announced", "share_announced_48h_before", "median_hours", "subjects_told")
    return _table(
        head,
        [[f"{entry['threshold']:.2f}", *[_number(entry[name]) for name in names]] for entry in judged["lead_time"]],
    )


def _window(judged: Mapping[str, Any]) -> str:
    found = judged["date_window"]
    if not found:
        return ""
    return (
        f"<h2>The date window</h2><p>Of what came, {found['covered']:.1%} came between the 10 % and 90 % date (80 is "
        f"meant), {found['before']:.1%} before and {found['after']:.1%} after. Half of the windows are at most "
        f"{found['median_width_days']:.1f} days wide.</p>"
    )


def _slices(slices: Sequence[Mapping[str, Any]], column: str) -> str:
    names = ("rows", "base_rate", "mean_forecast", "average_precision", "average_precision_rule",
             "average_precision_logistic", "brier_skill", "calibration_error")  # fmt: skip
    head = [
        column,
        "rows",
        "happened",
        "forecast",
        "AP model",
        "AP rule",
        "AP logistic",
        "Brier skill",
        "calibration error",
    ]
    return _table(head, [[str(entry[column]), *[_number(entry[name]) for name in names]] for entry in slices])


def _origins(judged: Mapping[str, Any]) -> str:
    rows = [
        [entry["from"][:10], f"{entry['learned_from']:,}", str(entry["rounds"]),
         ", ".join(f"{name} {share:g}" for name, share in entry["share"].items())]
        for entry in judged["origins"]
    ]  # fmt: skip
    return _table(["from", "rows learned from", "rounds", "how much the trees count (the rule has the rest)"], rows)


def _precision_recall(judged: Mapping[str, Any]) -> str:
    lines = [
        _line(points, COLOURS[name]) + _text(SIDE - 10, PAD + 16 * n, NAMES[name], COLOURS[name], "end")
        for n, (name, points) in enumerate(judged["curves"].items())
    ]
    return _chart("recall", "precision", "".join(lines))


def _reliability(judged: Mapping[str, Any]) -> str:
    groups = judged["reliability"]
    points = [[group["forecast"], group["outcome"]] for group in groups]
    dots = "".join(f'<circle cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="4" fill="{COLOURS["model"]}"/>' for x, y in points)
    return _chart("forecast", "happened", _line([[0, 0], [1, 1]], "#bbb") + _line(points, COLOURS["model"]) + dots)


def _months(judged: Mapping[str, Any]) -> str:
    months = judged["by_month"]
    top = max([entry[name] for entry in months for name in ("mean_forecast", "base_rate")] + [1e-9])
    step = (SIDE - 2 * PAD) / max(len(months), 1)
    bars = []
    for n, entry in enumerate(months):
        for offset, (name, colour) in enumerate((("mean_forecast", COLOURS["model"]), ("base_rate", "#333"))):
            height = (SIDE - 2 * PAD) * entry[name] / top
            left = PAD + step * (n + 0.1 + 0.4 * offset)
            bars.append(
                f'<rect x="{left:.1f}" y="{SIDE - PAD - height:.1f}" width="{step * 0.36:.1f}" '
                f'height="{height:.1f}" fill="{colour}"/>'
            )
        bars.append(_text(PAD + step * (n + 0.5), SIDE - PAD + 16, entry["month"][2:], "#333", "middle"))
    bars.append(_text(PAD, PAD - 8, f"{top:.0%}", "#333", "start"))
    return _svg("".join(bars))


def _chart(across: str, up: str, inside: str) -> str:
    ticks = "".join(
        _text(_x(value), SIDE - PAD + 16, f"{value:g}", "#333", "middle")
        + _text(PAD - 6, _y(value) + 4, f"{value:g}", "#333", "end")
        for value in (0, 0.5, 1)
    )
    axes = _line([[0, 1], [0, 0], [1, 0]], "#333")
    return _svg(
        axes
        + inside
        + ticks
        + _text(SIDE / 2, SIDE - 8, across, "#333", "middle")
        + _text(8, PAD - 12, up, "#333", "start")
    )


def _svg(inside: str) -> str:
    return f'<svg viewBox="0 0 {SIDE} {SIDE}" width="{SIDE}" height="{SIDE}" role="img">{inside}</svg>'


def _x(value: float) -> float:
    return PAD + value * (SIDE - 2 * PAD)


def _y(value: float) -> float:
    return SIDE - PAD - value * (SIDE - 2 * PAD)


def _line(points: Sequence[Sequence[float]], colour: str) -> str:
    path = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>'


def _text(x: float, y: float, words: str, colour: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{escape(words)}</text>'


def _figure(drawing: str, caption: str) -> str:
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _interval(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.3f}"  # noqa: PLR2004 - a count, not a share
