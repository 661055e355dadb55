"""Write the demo's marketplace: contract tables and, beside them, a truth that no other step reads."""

from __future__ import annotations

import argparse
from pathlib import Path

from jobs import world
from jobs.context import Context, StepReport
from settings import Settings

DEMO_ORDERS = 6000
DEMO_SEED = 7


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """Write a world under ``landing/`` (or ``--data``), replacing the one that is there."""
    out = write(context.settings, orders=options.orders, seed=options.seed, reactions=options.reactions)
    return StepReport("done", f"A marketplace with about {options.orders} orders is in {out}.")


def write(settings: Settings, *, orders: int, seed: int, reactions: str | None = None) -> Path:
    """Write a world of about ``orders`` orders. Returns its folder."""
    from sources.simulator import WorldParameters, write_world

    out = settings.data or settings.landing
    write_world(out, WorldParameters(seed=seed, orders=orders), Path(reactions) if reactions else None)
    return out


def write_if_missing(settings: Settings) -> None:
    """The demo's world, where the source is the simulator and nothing is there yet."""
    if settings.source == "simulator" and not world.has_data(settings):
        write(settings, orders=DEMO_ORDERS, seed=DEMO_SEED)
