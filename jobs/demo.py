"""The whole product on this machine: a source, the real Airflow, the console, a local mailbox. One command.

Nothing leaves the machine. With ``--once`` everything is ended after the run; otherwise the console and Airflow stay
until Ctrl-C, which ends every process that was started.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from rich.console import Console
from sqlalchemy import select

from jobs import airflow_local, simulate, summary, world
from jobs.airflow_local import LocalAirflow, TaskState
from jobs.context import Context, StepReport
from jobs.submit import ALL_TARGETS, ROOT
from notices import state
from settings import DEMO_TARGETS, Settings, daily_targets

FOLLOWED_DAGS = ("ingest", "train", "predict_and_notify", "rebuild")
BAD_STATES = ("failed", "up_for_retry", "upstream_failed")
MARKS = {"success": "✓", "skipped": "–", "running": "…"}
OPEN_STATES = ("queued", "running")
IDLE_SECONDS = 60
CONSOLE_PORT = 8765
CONSOLE_SECONDS = 30


class DemoError(RuntimeError):
    """The run did not come to its end."""


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """Show the product. Raises DemoError with the failed task's last words where a task fails."""
    for polite in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a script's background job starts with it ignored
        signal.signal(polite, _as_interrupt)
    out = Console(soft_wrap=True)  # a path that is broken in two cannot be copied
    settings = context.settings
    started = datetime.now(UTC)
    out.print(f"[bold]Beforehand[/] on [bold]{settings.source}[/]. State is kept in {settings.home}", highlight=False)
    day, since = _prepare(settings, options.day, out)
    inherited = {**os.environ, **_handed_on(settings)}
    airflow = airflow_local.start(settings.airflow_home, inherited)
    console: subprocess.Popen[bytes] | None = None
    try:
        _wait(airflow, out)
        before = {run.run_id for run in airflow.runs()}
        conf = {"day": day.isoformat(), **({"since": since.isoformat()} if since else {})}
        airflow.trigger("ingest", conf)
        _follow(airflow, settings, day, started, before, out)
        airflow.pause("ingest")  # left open over 01:00, it would load a day that no demo has, and fail
        out.rule("done")
        out.print(summary.text(summary.read(settings, day)), highlight=False)
        if not options.once:
            console = _start_console(settings, inherited, airflow.url)
        _where(out, settings, airflow, open_now=not options.once)
        if not options.once:
            _stay(out)
    finally:
        with out.status("Ending Airflow and the console ..."):
            if console is not None:
                airflow_local.stop_tree(console)
            airflow.stop()
    return StepReport("done", "The demo has ended; nothing is left running. Run it again: nobody is told twice.")


def _prepare(settings: Settings, wanted: date | None, out: Console) -> tuple[date, date | None]:
    """The data day, and the first day of history if the lake is empty. Writes the simulator's world if need be."""
    with out.status("Looking for a marketplace; where there is none, one is written: buyers, parcels, stock ..."):
        simulate.write_if_missing(settings)
    source = world.source_of(settings)
    day = world.last_day(source, wanted)
    since = world.history_from(settings, source)
    out.print(f"  day {day}{f', with history since {since}' if since else ''}", highlight=False)
    chosen = daily_targets(ALL_TARGETS, unset=DEMO_TARGETS)
    more = "" if len(chosen) == len(ALL_TARGETS) else f" (all {len(ALL_TARGETS)}: BEFOREHAND_TARGETS=all)"
    out.print(f"  predicted: {', '.join(chosen)}{more}", highlight=False)
    return day, since


def _handed_on(settings: Settings) -> dict[str, str]:
    """What the steps, run by Airflow from another folder, must find in their environment."""
    handed = {
        "BEFOREHAND_SOURCE": settings.source,
        "BEFOREHAND_HOME": str(settings.home.parent),
        "BEFOREHAND_TARGETS": ",".join(daily_targets(ALL_TARGETS, unset=DEMO_TARGETS)),
    }
    if settings.data:
        handed["BEFOREHAND_DATA"] = str(settings.data)
    return handed


def _wait(airflow: LocalAirflow, out: Console) -> None:
    begun = time.monotonic()
    with out.status("Starting Airflow ...") as status:
        for missing in airflow.wait_until_ready():
            status.update(f"Starting Airflow: waiting for {missing} ({time.monotonic() - begun:.0f} s)")
    for dag_id in FOLLOWED_DAGS:
        airflow.unpause(dag_id)
    out.print(f"  Airflow is up after {time.monotonic() - begun:.0f} s", highlight=False)


def _follow(
    airflow: LocalAirflow, settings: Settings, day: date, started: datetime, before: set[str], out: Console
) -> None:
    """Print each task as it begins and ends, until the day has been sent. Raises DemoError on the first failure.

    before: ids of runs of an earlier demo in the same home, which are not this one's news.
    """
    seen: dict[tuple[str, str, str], str] = {}
    begun = busy_at = time.monotonic()
    with out.status("The scheduler is at work ...") as status:
        while True:
            for task in (task for task in airflow.tasks() if task.run_id not in before):
                key = (task.dag_id, task.run_id, task.task_id)
                if seen.get(key) != task.state and task.state in (*MARKS, *BAD_STATES):
                    seen[key] = task.state
                    _tell(task, time.monotonic() - begun, out)
                if task.state in BAD_STATES:
                    raise DemoError(f"{task.dag_id}.{task.task_id} failed.\n{airflow.last_words(task)}")
            running = [f"{dag_id}.{task_id}" for (dag_id, _, task_id), state_ in seen.items() if state_ == "running"]
            status.update(f"{', '.join(running) or 'waiting for the scheduler'} ({time.monotonic() - begun:.0f} s)")
            if not running and _was_sent(settings, day, started):
                return
            if running or any(run.state in OPEN_STATES for run in airflow.runs()):
                busy_at = time.monotonic()
            if time.monotonic() - busy_at > IDLE_SECONDS:
                raise DemoError(f"the scheduler has nothing left to do, and {day} was not sent. Its log: {airflow.log}")
            time.sleep(1)


def _tell(task: TaskState, elapsed: float, out: Console) -> None:
    seconds = f"{task.seconds:.0f} s" if task.seconds is not None and task.state != "running" else ""
    mark = MARKS.get(task.state, "✗")
    minutes, rest = divmod(int(elapsed), 60)
    out.print(
        f"  {minutes}:{rest:02d} {mark} {task.dag_id}.{task.task_id} {task.state} {seconds}".rstrip(), highlight=False
    )


def _was_sent(settings: Settings, day: date, started: datetime) -> bool:
    engine = state.open_state(settings.state_url)
    runs = state.runs
    try:
        with engine.connect() as db:
            sent = select(runs.c.run_id).where(
                runs.c.day == day, runs.c.step == "send", runs.c.started_at > started, runs.c.ended_at.is_not(None)
            )
            return db.execute(sent.limit(1)).first() is not None
    finally:
        engine.dispose()


def _start_console(settings: Settings, inherited: dict[str, str], airflow_url: str) -> subprocess.Popen[bytes]:
    port = str(urlsplit(settings.console_url).port or CONSOLE_PORT)
    log: Path = settings.home / "console.log"
    with log.open("wb") as file:
        # Our own interpreter and module.
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "console", "--port", port, "--airflow-url", airflow_url],
            env=inherited, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
    for _ in range(CONSOLE_SECONDS):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(port))) == 0 and process.poll() is None:
                return process
        if process.poll() is not None:
            break
        time.sleep(1)
    airflow_local.stop_tree(process)
    raise DemoError(f"the day was sent, but the console did not start on port {port}; is it taken? Its log: {log}")


def _where(out: Console, settings: Settings, airflow: LocalAirflow, *, open_now: bool) -> None:
    """Where everything can be seen: a URL for what is up, the command that opens it for what is not."""
    mlflow = f"{Path(sys.executable).parent}/mlflow ui --backend-store-uri {settings.mlflow_url}"
    again = "make demo (without ONCE=1)"
    for name, now, later in (
        ("console", settings.console_url, again),
        ("Airflow", airflow.url, again),
        ("MLflow", mlflow, mlflow),
        ("mailbox", f"{settings.mailbox}, or {settings.console_url}/mailbox", str(settings.mailbox)),
        ("data docs", str(settings.data_docs), str(settings.data_docs)),
    ):
        out.print(f"  {name:<14} {now if open_now else later}", highlight=False, soft_wrap=True)


def _stay(out: Console) -> None:
    out.print(
        "\nThe console and Airflow stay up; ingest is paused, as there is no next day. Ctrl-C ends them.",
        highlight=False,
    )
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        out.print()


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    """A polite kill ends the demo as Ctrl-C does, so that it leaves nothing running either."""
    raise KeyboardInterrupt
