"""Send through the day what the night has planned for later.

**When** every hour, on the hour. A notice that fell into its reader's quiet hours, a digest that waits for its
seller's hour, and mail that the relay did not take at first all leave here.

**What it does** the `send` step: each fact is read once more, and what is no longer true is withdrawn.

**When it is red** the relay does not answer. Nothing is lost: what was not accepted is ready, and goes with the next
hour. If the log says that the relay refuses the password, mend `BEFOREHAND_SMTP_URL` first.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, get_current_context, task

from jobs import submit


@dag(
    # Never what was missed before it was switched on: False would run what was due within a tenth of the interval.
    schedule=CronTriggerTimetable("0 * * * *", timezone="UTC", run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "operations", "retries": 5, "retry_delay": timedelta(minutes=2)},
    doc_md=__doc__,
    tags=["hourly", "notices"],
)
def deliver() -> None:
    @task(execution_timeout=timedelta(minutes=50))
    def send() -> None:
        started = get_current_context()["dag_run"].run_after
        submit.run("send", "--day", (started - timedelta(days=1)).date().isoformat())

    send()


deliver()
