"""Bring a day of source tables into the lake, through the gates.

**When** every night at 01:00 UTC, for the day that has just ended. By hand: *Trigger*, and give `day` (and `since`
to load history in one go).

**What it does** reads the source, casts it to the contract, sends bad rows to quarantine with their reason, checks
every table against its bounds, and replaces the day in the lake. Announces the day to `predict_and_notify` and `train`.

**When it is red**
- *held*: a table is worse than its bound. The log's last line names the table, the day and the rows. Look at the
  Data Docs, mend the source, run the task again. The lake still holds what it held before.
- *failed*: a file is missing or unreadable. The log says which. Nothing was written; run it again when it is there.

Running it twice for a day is the same as running it once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, CronTriggerTimetable, Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from jobs import submit

LAKE_READY = Asset(name="lake_ready", uri="beforehand://lake/ready")


@dag(
    # Never what was missed before it was switched on: False would run what was due within a tenth of the interval.
    schedule=CronTriggerTimetable("0 1 * * *", timezone="UTC", run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "data-engineering", "retries": 5, "retry_delay": timedelta(minutes=2)},
    params={
        "day": Param(None, type=["null", "string"], format="date", description="The data day; the day before if empty"),
        "since": Param(None, type=["null", "string"], format="date", description="First day, to load history as well"),
    },
    doc_md=__doc__,
    tags=["daily", "lake"],
)
def ingest() -> None:
    @task(outlets=[LAKE_READY], execution_timeout=timedelta(hours=2))
    def load_day(*, outlet_events: Any = None) -> None:
        context = get_current_context()
        day, since = context["params"]["day"], context["params"]["since"]
        day = day or (context["logical_date"] - timedelta(days=1)).date().isoformat()
        try:
            submit.run("ingest", "--day", day, *(["--since", since] if since else []))
        except submit.StepHeld as reason:
            raise AirflowFailException(str(reason)) from reason  # trying again will not mend a table
        outlet_events[LAKE_READY].extra = {"day": day}

    load_day()


ingest()
