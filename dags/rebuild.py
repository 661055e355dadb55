"""Work through past days again, with sending disarmed.

**When** only by hand: a source was corrected, a feature was mended, or a new target wants its past. *Trigger* and give
`first` and `last` (both included).

**What it does** for each day, oldest first: ingest, score, decide. Decisions and scores are replaced; notices are
planned disarmed, so nobody gets mail about a day that is over.

**When it is red** the log names the day that stopped it. The days before it are done; trigger again with `first` set
to that day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from airflow.sdk import Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from jobs import submit


@dag(
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "data-engineering", "retries": 5, "retry_delay": timedelta(minutes=2)},
    params={
        "first": Param(type="string", format="date", description="First day to work through"),
        "last": Param(type="string", format="date", description="Last day, included"),
    },
    doc_md=__doc__,
    tags=["repair"],
)
def rebuild() -> None:
    @task(execution_timeout=timedelta(hours=12))
    def days() -> list[str]:
        params = get_current_context()["params"]
        first, last = date.fromisoformat(params["first"]), date.fromisoformat(params["last"])
        if last < first:
            raise AirflowFailException(f"last ({last}) is before first ({first}): nothing was rebuilt")
        return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]

    @task(execution_timeout=timedelta(hours=12))
    def rebuild_days(todo: list[str]) -> None:
        try:
            submit.run_days("rebuild", todo)
        except submit.StepHeld as reason:
            raise AirflowFailException(str(reason)) from reason

    rebuild_days(days())


rebuild()
