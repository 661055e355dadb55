"""Fit the models on what has matured, judge them, and put a better one in service.

**When** a day has come into the lake and a model is due: there is none yet, or the champion is a week old. By hand:
*Trigger* with `force` to fit whatever its age.

**What it does** for each target: labels that have matured, a split in time, XGBoost, calibration, then a comparison on
the same rows with the naive rule, a logistic model and the champion. The alias `champion` moves only if the new one
is better; otherwise the old one stays, and the log says by how much it won.

**When it is red** the champion still serves, and predictions go on. The log's last line says what was missing: most
often too few mature labels. Nothing needs mending the same night.

A skipped task means that the model is not due, or that the source does not deliver the tables of that target.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Asset, Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from jobs import submit

LAKE_READY = Asset(name="lake_ready", uri="beforehand://lake/ready")
CHAMPION_READY = Asset(name="champion_ready", uri="beforehand://models/champion")


@dag(
    schedule=[LAKE_READY],
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "data-science", "retries": 5, "retry_delay": timedelta(minutes=2)},
    params={
        "day": Param(None, type=["null", "string"], format="date", description="Last day to learn from"),
        "force": Param(default=False, type="boolean", description="Fit even if no model is due"),
    },
    doc_md=__doc__,
    tags=["models"],
)
def train() -> None:
    @task(execution_timeout=timedelta(hours=4))
    def fit(target: str) -> None:
        context = get_current_context()
        events = context["triggering_asset_events"][LAKE_READY] if not context["params"]["day"] else []
        day = context["params"]["day"] or max(event.extra["day"] for event in events)
        force = ["--force"] if context["params"]["force"] else []
        try:
            submit.run("train", "--day", day, "--target", target, *force)
        except submit.NothingToDo as reason:
            raise AirflowSkipException(str(reason)) from reason
        except submit.StepHeld as reason:
            raise AirflowFailException(str(reason)) from reason

    @task(outlets=[CHAMPION_READY], trigger_rule="none_failed_min_one_success")
    def announce(*, outlet_events: Any = None) -> None:
        outlet_events[CHAMPION_READY].extra = {}

    [fit.override(task_id=f"fit_{target}")(target) for target in submit.target_names()] >> announce()


train()
