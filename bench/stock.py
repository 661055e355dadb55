"""Section stock: sellers warned in time, beside their peers in one run; one table of figures, bars and whether met.

    python -m bench stock

Each part runs where its data set is here: FreshRetailNet, a ledger of contraceptives, a simulated marketplace with
reminders in the loop, and speed. What was chosen was chosen on earlier origins; the test is run once.
"""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from dataclasses import dataclass
from datetime import date
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from bench.sellers import quantities, reorder_loop, retail, retail_demand, speed
from bench.sellers.panel import Panel
from jobs import backtest, train
from lake import engine
from lake.store import Lake
from models import target
from sources.opened import open_source
from sources.simulator.parameters import WorldParameters

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
RETAIL, LEDGER = DATA / "freshretailnet", DATA / "usaid_contraceptive"
TRAIN_BEFORE, TEST_BEFORE = date(2024, 5, 28), date(2024, 6, 11)
LEARNED, ASKED = train.MOST_ROWS, 200_000  # learned from as many as the product's training takes
AHEAD = {"stock_out": "tomorrow", "stock_out_3d": "within three days"}
LOOP = WorldParameters(seed=2, orders=8_000, days=reorder_loop.WARM_UP_DAYS + 182)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table. met None: reported without a bar."""

    on: str
    measure: str
    bar: str
    figure: str
    met: bool | None = None


def main() -> None:
    """Run every part whose data is here and print the table."""
    warnings.simplefilter("ignore")
    parts = {
        "who runs out (FreshRetailNet)": (RETAIL, running_out), "demand (FreshRetailNet)": (RETAIL, retail_wanted),
        "ledger": (LEDGER, ledger), "reminders in the loop": (None, loop), "speed": (None, fast),
    }  # fmt: skip
    lines: list[Line] = []
    for name, (folder, part) in parts.items():
        if folder is not None and not folder.is_dir():
            print(f"{name}: {folder.name} is not here, left out", flush=True)
            continue
        began = time.monotonic()
        lines += part()
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    print("\n| on | measure | bar | figure | met |\n|---|---|---|---|---|")
    for line in lines:
        met = "" if line.met is None else "yes" if line.met else "no"
        print(f"| {line.on} | {line.measure} | {line.bar} | {line.figure} | {met} |")


def running_out() -> list[Line]:
    """Onset, one day ahead and within three: average precision beside logistic, LightGBM and the 28-day rate."""
    period = backtest.period_of(TRAIN_BEFORE, TEST_BEFORE)
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="beforehand-bench-") as scratch, engine.session() as spark:
        lake = Lake(Path(scratch) / "lake", spark)
        source = open_source("freshretailnet", RETAIL, b"a key for the bench, 32 bytes..")
        until = backtest.fill(lake, source, Path(scratch))
        for name, ahead in AHEAD.items():
            spec = target.spec(name)
            learning = backtest.learnable(lake, spec, period, until, most=2 * LEARNED)
            known, outcomes = learning.known_at(period.train_before), learning.outcomes(until)
            asked = outcomes[(outcomes["as_of"] >= period.train_before) & outcomes["label"].notna()]
            rows = retail.some(known, LEARNED), retail.some(asked, ASKED)
            lines += onset_lines(ahead, retail.running_out(spec, *rows, period.train_before))
    return lines


def onset_lines(ahead: str, found: retail.Compared) -> list[Line]:
    """Lines of the table from a comparison."""
    on = f"FreshRetailNet onset, {ahead}, {found.rows:,} rows"
    bars = {"logistic": 1.15, "lightgbm": 1.02, "rule": 1.45}
    lines = [
        Line(on, f"average precision over {name}'s {found.found[name]:.3f}", f"≥ {bar}×",
             "{:.3f}× ({:.3f} to {:.3f})".format(*found.ratios[name]), found.ratios[name][0] >= bar)
        for name, bar in bars.items()
    ]  # fmt: skip
    plain = ", ".join(f"{name} {value:.3f}" for name, value in found.found.items())
    every = ", ".join(f"{name} {value:.3f}" for name, value in found.all_rows.items())
    return [
        *lines,
        Line(on, "average precision", "", plain),
        Line(f"the same, {ahead}, all rows", "average precision", "", every),
    ]


def retail_wanted() -> list[Line]:
    """Demand of the next day: error, bias and coverage."""
    panel = Panel(RETAIL)
    first = panel.days - (TEST_BEFORE - TRAIN_BEFORE).days - 1
    found = retail_demand.demand(panel, first, panel.days - 1)
    on = f"FreshRetailNet demand, {found.rows:,} rows"
    ratio = found.error["model"] / found.error["raw"]
    told = ", ".join(f"{name} {value:.3f}" for name, value in found.error.items())
    bias = ", ".join(f"{name} {value:+.1%}" for name, value in found.bias.items())
    return [
        Line(on, f"WAPE over raw-trained ({told})", "≤ 0.94×", f"{ratio:.3f}×", _within(ratio, 0.94)),
        Line(on, f"bias ({bias})", "≤ 1 %", f"{found.bias['model']:+.2%}", _within(abs(found.bias["model"]), 0.01)),
        _coverage(on, found.off_by, found.crossings),
    ]


def _within(figure: float, bar: float) -> bool:
    return figure <= bar


def _coverage(on: str, off_by: float, crossings: int) -> Line:
    figure = f"{100 * off_by:.1f} points, {crossings} crossings"
    return Line(
        on,
        "coverage, the worst level; crossings",
        "≤ 1.5 points, none",
        figure,
        _within(off_by, 0.015) and not crossings,
    )


def ledger() -> list[Line]:
    """Next month on the ledger: who runs out, and how much is wanted."""
    scores = quantities.running_out(LEDGER)
    found = quantities.demand(LEDGER)
    ratio = scores["model"] / scores["months of cover"]
    aps = (
        f"{scores['model']:.3f} over months of cover {scores['months of cover']:.3f}, LightGBM {scores['lightgbm']:.3f}"
    )
    return [
        Line(f"USAID ledger 2018, {scores['rows']:,.0f} rows", f"average precision ({aps})", "≥ 1.3×", f"{ratio:.3f}×",
             _within(1.3, ratio)),
        _pinball(found, "statsforecast's best", 0.95, quantities.QUICK),
        _pinball(found, "statsforecast's best, AutoETS among them", 0.95,
                 (*quantities.QUICK, quantities.SLOW, quantities.TOGETHER)),
        _pinball(found, "LightGBM", 1.0, ("lightgbm",)),
        _coverage(f"USAID demand 2018, {len(found.wanted):,} rows", found.off_by("model"), found.crossings("model")),
    ]  # fmt: skip


def _pinball(found: quantities.Forecasts, says: str, bar: float, peers: tuple[str, ...]) -> Line:
    """The model beside the best of the peers, on the rows that all of them were asked about."""
    rows = found.rows(peers[-1])
    best = min(peers, key=lambda name: found.loss(name, rows))
    told = ", ".join(f"{name} {found.loss(name, rows):.2f}" for name in ("model", *peers))
    ratio = found.ratio("model", best, rows)
    return Line(f"USAID demand 2018, {int(rows.sum()):,} rows", f"pinball over {best}, {says} ({told})", f"≤ {bar}×",
                "{:.3f}× ({:.3f} to {:.3f})".format(*ratio), _within(ratio[0], bar))  # fmt: skip


def loop() -> list[Line]:
    """26 weeks with sellers who act on half of the reminders, all arms on the same world."""
    found = {rule: reorder_loop.run(rule, LOOP) for rule in reorder_loop.RULES}
    plan, rule = found["plan"], found["min/max"]
    fewer = 1 - plan["stock_out_days"] / rule["stock_out_days"]
    held = plan["held"] / rule["held"] - 1
    on = f"simulated shelves, {plan['articles']:.0f} articles, 26 weeks"
    days = ", ".join(f"{name} {arm['stock_out_days']:.0f}" for name, arm in found.items())
    pieces = ", ".join(f"{name} {arm['held']:.2f}" for name, arm in found.items())
    mails = f"{plan['mails']:.2f} on average, {plan['most_mails']:.0f} at most"
    return [
        Line(on, f"stock-out days ({days})", "≥ 40 % fewer than min/max", f"{fewer:.0%} fewer", _within(0.4, fewer)),
        Line(on, f"pieces held ({pieces})", "≤ +5 %", f"{held:+.1%}", _within(held, 0.05)),
        Line(on, "mails per seller and week", "≤ 2", mails, _within(plan["most_mails"], 2)),
        Line(on, "reminders while a covering inbound was open", "0", f"{plan['covered']:.0f}", plan["covered"] == 0),
        Line(f"{on}, sellers of at most three articles", "stock-out days", "",
             ", ".join(f"{name} {arm['small_days']:.0f}" for name, arm in found.items())),
    ]  # fmt: skip


def fast() -> list[Line]:
    """A million articles forecast and decided about."""
    found = speed.rates()
    rates = ", ".join(f"{name} {found[f'{name} a second']:,.0f}" for name in ("model", "plan", "LightGBM", "AutoETS"))
    figure = f"{found['seconds'] / 60:.1f} min ({found['CPU seconds'] / 60:.1f} on a core), {found['memory GB']:.1f} GB"
    return [
        Line(f"speed, {found['articles']:,.0f} articles, one process, embedded engine",
             f"from four weeks of stock to demand, dates and quantity (a second: {rates})", "minutes", figure,
             _within(found["seconds"], 600)),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
