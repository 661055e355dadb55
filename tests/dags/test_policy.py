"""What every DAG must hold to: owners, retries, run books, and files that only wire."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs import submit

ROOT = Path(__file__).resolve().parents[2]
DAG_FILES = sorted(path for path in (ROOT / "dags").glob("*.py") if path.name != "__init__.py")
MAY_IMPORT = {"__future__", "airflow.sdk", "airflow.sdk.exceptions", "datetime", "jobs", "typing"}
MAX_LINES = 80
MIN_RETRIES = 5
MIN_RETRY_DELAY_SECONDS = 120

# Airflow writes files on import; it is given a folder of its own, in a process of its own.
_READ_DAGS = """
import json, sys
import pendulum
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables import trigger
from airflow.timetables.base import TimeRestriction
trigger.utcnow = lambda: pendulum.datetime(2026, 3, 2, 1, 3)
def first_run(dag):
    timetable = DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable
    found = timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=TimeRestriction(None, None, dag.catchup))
    return found and found.run_after.isoformat()
bag = DagBag(sys.argv[1])
print(json.dumps({"errors": {k: str(v) for k, v in bag.import_errors.items()}, "dags": {
    dag.dag_id: {
        "file": dag.fileloc, "doc": dag.doc_md or "", "tags": sorted(dag.tags), "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs, "first_run": first_run(dag),
        "tasks": {task.task_id: {"owner": task.owner, "retries": task.retries,
                                 "retry_delay": task.retry_delay.total_seconds()} for task in dag.tasks},
    } for dag in bag.dags.values()}}))
"""


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("airflow")
    env = {**os.environ, "AIRFLOW_HOME": str(home), "PYTHONPATH": str(ROOT), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _READ_DAGS, str(ROOT / "dags")],
        env=env, capture_output=True, text=True, check=False, cwd=home,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_every_dag_file_loads(bag: dict[str, Any]) -> None:
    assert bag["errors"] == {}
    assert {Path(dag["file"]).stem for dag in bag["dags"].values()} == {path.stem for path in DAG_FILES}


def test_a_dag_is_found_by_its_id(bag: dict[str, Any]) -> None:
    assert all(Path(dag["file"]).stem == dag_id for dag_id, dag in bag["dags"].items())


def test_every_dag_is_its_own_run_book(bag: dict[str, Any]) -> None:
    for dag_id, dag in bag["dags"].items():
        for section in ("**When**", "**What it does**", "**When it is red**"):
            assert section in dag["doc"], f"{dag_id} does not say {section}"


def test_every_dag_is_tagged_runs_once_at_a_time_and_does_not_catch_up(bag: dict[str, Any]) -> None:
    for dag_id, dag in bag["dags"].items():
        assert dag["tags"], dag_id
        assert dag["max_active_runs"] == 1, dag_id
        assert dag["catchup"] is False, dag_id


def test_switched_on_just_after_its_time_it_waits_for_the_next(bag: dict[str, Any]) -> None:
    assert bag["dags"]["ingest"]["first_run"] == "2026-03-03T01:00:00+00:00"
    assert bag["dags"]["deliver"]["first_run"] == "2026-03-02T02:00:00+00:00"


def test_every_task_outlives_a_hundred_seconds_without_an_api_server(bag: dict[str, Any]) -> None:
    for dag_id, dag in bag["dags"].items():
        for task_id, task in dag["tasks"].items():
            assert task["owner"] != "airflow", f"{dag_id}.{task_id} has no owner"
            assert task["retries"] >= MIN_RETRIES, f"{dag_id}.{task_id}"
            assert task["retry_delay"] >= MIN_RETRY_DELAY_SECONDS, f"{dag_id}.{task_id}"


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_a_dag_file_only_wires(path: Path) -> None:
    """So that it parses in well under a second: nothing but Airflow's SDK, the standard library and jobs.submit."""
    tree = ast.parse(path.read_text())
    imported = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert imported <= MAY_IMPORT, f"{path.name} imports {sorted(imported - MAY_IMPORT)}"
    from_jobs = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "jobs"]
    assert all([alias.name for alias in node.names] == ["submit"] for node in from_jobs)
    assert len(path.read_text().splitlines()) < MAX_LINES


@pytest.mark.parametrize("file", ["jobs/submit.py", "settings.py"])
def test_what_a_dag_imports_is_the_standard_library_and_the_settings_alone(file: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module.split(".")[0] for module in modules} <= sys.stdlib_module_names | {"settings"}


def test_every_target_has_a_score_task_and_a_fit_task(bag: dict[str, Any]) -> None:
    specs = {path.stem for path in (ROOT / "models" / "targets").glob("*.py") if path.stem != "__init__"}
    assert set(submit.target_names()) == set(submit.ALL_TARGETS) == specs != set()
    for target in specs:
        assert f"score_{target}" in bag["dags"]["predict_and_notify"]["tasks"]
        assert f"fit_{target}" in bag["dags"]["train"]["tasks"]
