"""Score a day and tell people, before they ask.

**When** a day has come into the lake, or a model has come into service. Takes the day just announced and every
earlier day that was ingested and never decided.

**What it does** builds the features as they were known when the day ended, scores open orders and stock, explains the
candidates, decides about each one with a reason, plans the notices, sends what is due, and notes what came true.

**When it is red**
- `score_…` held: the features are outside their bounds. Nothing was scored; look at the Data Docs.
- `decide` held: the volume breaker or the kill switch. The notices wait in the console for a person.
- `send` failed: the relay does not answer. Nothing is lost: what was not accepted is ready and goes with the next run.
- `learn` failed: no outcome was noted; nothing that is sent depends on it today.

Nobody is told twice: any task may be run again at any time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import Asset, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from jobs import submit

LAKE_READY = Asset(name="lake_ready", uri="beforehand://lake/ready")
CHAMPION_READY = Asset(name="champion_ready", uri="beforehand://models/champion")


@dag(
    schedule=(LAKE_READY | CHAMPION_READY),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "operations", "retries": 5, "retry_delay": timedelta(minutes=2)},
    doc_md=__doc__,
    tags=["daily", "notices"],
)
def predict_and_notify() -> None:
    @task
    def days() -> list[str]:
        events = get_current_context()["triggering_asset_events"] or {}
        announced = [event.extra["day"] for event in events.get(LAKE_READY, []) if "day" in event.extra]
        todo = submit.days_to_do(announced)
        if not todo:
            raise AirflowSkipException("no day to score, or no model in service yet: train announces the first one")
        return todo

    @task(execution_timeout=timedelta(hours=2))
    def step(name: str, todo: list[str], *arguments: str) -> None:
        try:
            submit.run_days(name, todo, *arguments)
        except submit.NothingToDo as reason:
            raise AirflowSkipException(str(reason)) from reason
        except submit.StepHeld as reason:
            raise AirflowFailException(str(reason)) from reason

    todo = days()
    scored = [
        step.override(task_id=f"score_{target}")("score", todo, "--target", target) for target in submit.target_names()
    ]
    # A target that the source cannot feed is skipped; the others are decided all the same.
    decided = step.override(task_id="decide", trigger_rule="none_failed_min_one_success")("decide", todo)
    sent = step.override(task_id="send")("send", todo)
    scored >> decided >> sent >> step.override(task_id="learn")("learn", todo)


predict_and_notify()
