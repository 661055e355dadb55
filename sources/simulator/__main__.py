"""Write a world: ``python -m sources.simulator OUT --orders 6000 --seed 7``. See docs/simulator.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from rich.console import Console

from sources.simulator.parameters import COUNTRIES, ParametersError, WorldParameters
from sources.simulator.reactions import ReactionsError
from sources.simulator.world import WorldExistsError, write_world

_DEFAULT = WorldParameters()


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0, or 2 where the arguments make no world; the reason stands on standard error."""
    asked = _parser().parse_args(arguments)
    try:
        parameters = WorldParameters(
            seed=asked.seed, orders=asked.orders, first_day=asked.first_day, days=asked.days,
            countries=tuple(asked.countries), festival_start=asked.festival_start, festival_days=asked.festival_days,
            truth_every_day=asked.truth_every_day,
        )  # fmt: skip
        summary = write_world(asked.out, parameters, asked.reactions)
    except (ParametersError, WorldExistsError, ReactionsError) as error:
        Console(stderr=True, soft_wrap=True).print(str(error), markup=False)
        return 2
    console = Console(soft_wrap=True)
    console.print(f"{summary.orders} orders of {summary.sellers} sellers and {summary.skus} articles in {summary.out}")
    for table, rows in summary.rows.items():
        console.print(f"  {table:<16} {rows:>12,} rows")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sources.simulator", description="Write a marketplace with known truth."
    )
    parser.add_argument("out", type=Path, help="a new or empty folder")
    parser.add_argument("--seed", type=int, default=_DEFAULT.seed)
    parser.add_argument("--orders", type=int, default=_DEFAULT.orders, help="expected number, 2,000 to 50 million")
    parser.add_argument("--first-day", type=date.fromisoformat, default=_DEFAULT.first_day, metavar="YYYY-MM-DD")
    parser.add_argument("--days", type=int, default=_DEFAULT.days)
    parser.add_argument("--countries", nargs="+", default=list(COUNTRIES), choices=COUNTRIES)
    parser.add_argument("--festival-start", type=date.fromisoformat, default=None, metavar="YYYY-MM-DD")
    parser.add_argument("--festival-days", type=int, default=_DEFAULT.festival_days, help="0 leaves the festival out")
    parser.add_argument("--reactions", type=Path, default=None, help="notices that were sent, Parquet or JSON lines")
    parser.add_argument("--truth-every-day", action="store_true", help="true probabilities at every midnight")
    return parser


if __name__ == "__main__":
    sys.exit(main())
