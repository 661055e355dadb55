"""Every execution of a step leaves a row in the state DB: running, then how it ended. The console's funnel reads it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Engine

from jobs.context import Context, StepReport
from notices import state


class Recorded:
    """Where a step puts its report, so that it is written whatever happens next."""

    def __init__(self, engine: Engine) -> None:
        self.state = engine
        self.report = StepReport("failed", "the step ended without a report")


@contextmanager
def recorded(context: Context, step: str, target: str | None = None) -> Iterator[Recorded]:
    """Record one execution of a step: a row while it runs, its end with counts, versions and message.

    An exception is recorded as failed, with its text, and goes on. A kill leaves the row at running, which the
    console shows as such; the next execution has a row of its own.
    """
    run_id, started_at = uuid.uuid4().hex, datetime.now(UTC)
    engine = state.open_state(context.settings.state_url)

    def write(status: str, report: StepReport, ended_at: datetime | None) -> None:
        state.record_run(
            engine,
            run_id=run_id,
            day=context.day,
            step=step,
            target=target,
            status=status,
            counts=report.counts,
            versions=report.versions,
            message=report.message,
            started_at=started_at,
            ended_at=ended_at,
        )

    box = Recorded(engine)
    write("running", StepReport("running", ""), None)
    try:
        yield box
    except BaseException as error:
        write("failed", StepReport("failed", str(error) or type(error).__name__), datetime.now(UTC))
        raise
    else:
        write(box.report.status, box.report, datetime.now(UTC))
    finally:
        engine.dispose()
