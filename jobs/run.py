"""The one entry point: ``python -m jobs.run STEP --day YYYY-MM-DD``.

Every step can be run again at any time: it replaces its day, or finds that there is nothing left to do. State lives
under BEFOREHAND_HOME (default ./var), one folder per source.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime

from jobs import disk, steps
from jobs.context import Context, StepReport, clock
from jobs.submit import DONE, FAILED, HELD, NOTHING_TO_DO
from settings import SOURCE_NAMES, Settings, SettingsError

EXIT_CODES = {"done": DONE, "held": HELD, "idle": NOTHING_TO_DO}
USAGE = 2
# Libraries that fill a log with their own affairs; aiosmtpd's "mail" would even log addresses.
TALKATIVE = ("alembic", "great_expectations", "httpx", "mail", "matplotlib", "mlflow", "pyspark")
OUR_PACKAGES = ("jobs", "sources", "lake", "features", "models", "notices", "settings")

_log = logging.getLogger("jobs")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step. Returns 0 done, 1 failed, 2 wrong call, 3 held by a gate, 4 nothing to do here."""
    # Threads that wait for each other must sleep, not spin: on a busy machine spinning made a fit ten times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", datefmt="%H:%M:%S")
    for talkative in TALKATIVE:
        logging.getLogger(talkative).setLevel(logging.WARNING)
    try:
        settings = Settings.from_environment({**os.environ, **_overrides(options)})
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    wall = datetime.now(UTC)
    context = Context(settings=settings, day=options.day, now=clock(options.day, wall) if options.day else wall)
    try:
        with disk.full_told(settings.home):
            report: StepReport = options.step(context, options)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped by hand. What was committed stays; run the same command again to finish.\n")
        return FAILED
    except Exception as error:  # noqa: BLE001  the last line of defence: the reader gets a sentence, not a stack alone
        return _explain(error, options.name)
    sys.stdout.write(f"{report.message}\n")
    return EXIT_CODES[report.status]


def _explain(error: Exception, step: str) -> int:
    """Say what happened so that a tired person can act: our own errors already do; anything else gets its trace."""
    if not type(error).__module__.startswith(OUR_PACKAGES):
        traceback.print_exception(error)
    sys.stderr.write(f"{step} failed: {error}\n")
    return FAILED


def _overrides(options: argparse.Namespace) -> dict[str, str]:
    given = {"BEFOREHAND_SOURCE": options.source, "BEFOREHAND_DATA": options.data}
    return {name: value for name, value in given.items() if value}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jobs.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    named = parser.add_subparsers(dest="name", metavar="STEP", required=True)
    for name, step in steps.STEPS.items():
        sub = named.add_parser(name, help=step.help, description=step.help, epilog=step.example)
        sub.set_defaults(step=step.run, day=None)
        sub.add_argument(
            "--source", choices=SOURCE_NAMES, help="whose tables (default: BEFOREHAND_SOURCE, or simulator)"
        )
        sub.add_argument("--data", metavar="DIR", help="the folder that the source reads (default: BEFOREHAND_DATA)")
        if step.needs_day != "no":
            needed = step.needs_day == "yes"
            note = "the data day" if needed else "the data day (default: the source's last)"
            sub.add_argument("--day", type=steps.a_day, required=needed, metavar="YYYY-MM-DD", help=note)
        for flags, keywords in step.options:
            sub.add_argument(*flags, **keywords)
    return parser


if __name__ == "__main__":
    sys.exit(main())
