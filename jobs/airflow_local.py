"""A real Airflow on this machine, for the demo and the tests: scheduler, LocalExecutor, SQLite, loopback only.

Every port is chosen free at the start, because two Airflows on one machine collide on any that is left at its
default. Ending it ends every process it started, whatever group they are in.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from jobs.submit import ROOT

LOOPBACK = "127.0.0.1"
DAG_IDS = ("ingest", "train", "predict_and_notify", "deliver", "rebuild")
START_SECONDS = 180
_STOP_SECONDS = 15


class AirflowError(RuntimeError):
    """Airflow did not start, or did not do what it was asked."""


@dataclass(frozen=True, slots=True)
class TaskState:
    """One task instance as the scheduler sees it. ``seconds`` is None until it has ended."""

    dag_id: str
    run_id: str
    task_id: str
    state: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class RunState:
    """One run of a DAG as the scheduler sees it."""

    dag_id: str
    run_id: str
    state: str


class LocalAirflow:
    """A running Airflow. ``url`` is its UI and REST API; all admins, because only this machine can reach it."""

    def __init__(self, url: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.url = url
        self.log = log
        self._process = process
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def wait_until_ready(self) -> Iterator[str]:
        """Yield what is being waited for, once a second, until the scheduler is healthy and every DAG is parsed.

        Raises AirflowError after START_SECONDS, or at once if the process ends.
        """
        until = time.monotonic() + START_SECONDS
        while True:
            missing = self._missing()
            if not missing:
                return
            if self._process.poll() is not None:
                raise AirflowError(f"Airflow ended while starting. Its log is {self.log}.")
            if time.monotonic() > until:
                raise AirflowError(f"Airflow was not ready after {START_SECONDS} s ({missing}). Its log is {self.log}.")
            yield missing
            time.sleep(1)

    def _missing(self) -> str:
        try:
            health = self._http.get("/api/v2/monitor/health").json()
            if health["scheduler"]["status"] != "healthy":
                return "the scheduler"
            self._http.headers["Authorization"] = f"Bearer {self._http.get('/auth/token').json()['access_token']}"
            known = {dag["dag_id"] for dag in self._get("/api/v2/dags", limit=100)["dags"]}
        except (httpx.HTTPError, ValueError, KeyError):
            return "the API server"
        absent = [dag_id for dag_id in DAG_IDS if dag_id not in known]
        return f"the DAG {absent[0]}" if absent else ""

    def _get(self, path: str, **parameters: Any) -> Any:
        answer = self._http.get(path, params=parameters)
        answer.raise_for_status()
        return answer.json()

    def unpause(self, dag_id: str) -> None:
        self._set_paused(dag_id, paused=False)

    def pause(self, dag_id: str) -> None:
        """Begin no further run of it."""
        self._set_paused(dag_id, paused=True)

    def _set_paused(self, dag_id: str, *, paused: bool) -> None:
        self._http.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": paused}).raise_for_status()

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run by hand. Returns its run id."""
        answer = self._http.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": dict(conf)})
        if answer.is_error:
            raise AirflowError(f"{dag_id} could not be triggered: {answer.text}")
        return str(answer.json()["dag_run_id"])

    def runs(self) -> list[RunState]:
        """Every run, oldest first."""
        found = self._get("/api/v2/dags/~/dagRuns", limit=100, order_by="id")["dag_runs"]
        return [RunState(run["dag_id"], run["dag_run_id"], run["state"]) for run in found]

    def tasks(self) -> list[TaskState]:
        """Every task instance of every run that has begun or ended, oldest first."""
        found = self._get("/api/v2/dags/~/dagRuns/~/taskInstances", limit=200, order_by="start_date")["task_instances"]
        return [
            TaskState(item["dag_id"], item["dag_run_id"], item["task_id"], item["state"] or "waiting", item["duration"])
            for item in found
        ]

    def last_words(self, task: TaskState, lines: int = 12) -> str:
        """The end of a task's newest log, for a person to read where the failure is shown."""
        folder = (
            self.log.parent / "logs" / f"dag_id={task.dag_id}" / f"run_id={task.run_id}" / f"task_id={task.task_id}"
        )
        logs = sorted(folder.glob("**/attempt=*.log"))
        if not logs:
            return f"no log under {folder}"
        said = [json.loads(line).get("event", "") for line in logs[-1].read_text(errors="replace").splitlines()]
        return "\n".join([line for line in said if line and not line.startswith("::")][-lines:])

    def stop(self) -> None:
        """End Airflow and everything it started: TERM, then KILL for what is still there."""
        self._http.close()
        stop_tree(self._process)


def stop_tree(process: subprocess.Popen[bytes]) -> None:
    """End a process, its group and all its descendants. A worker may have left the group; it is found by parentage."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        family = [parent, *parent.children(recursive=True)]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.terminate()
    _, alive = psutil.wait_procs(family, timeout=_STOP_SECONDS)
    for member in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [int(each.getsockname()[1]) for each in sockets]


def environment(home: Path, port: int, log_ports: tuple[int, int]) -> dict[str, str]:
    """Airflow's own variables. home: AIRFLOW_HOME. Everything stays on loopback; times stay UTC."""
    url = f"http://{LOOPBACK}:{port}"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(log_ports[0]),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(log_ports[1]),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "PYTHONPATH": str(ROOT),
    }


def start(home: Path, inherited: Mapping[str, str]) -> LocalAirflow:
    """Start ``airflow standalone`` with its state under ``home``. Returns at once; see wait_until_ready.

    inherited: the environment to hand on, in which the steps find BEFOREHAND_HOME, BEFOREHAND_SOURCE and the rest.
    """
    home.mkdir(parents=True, exist_ok=True)
    port, worker_logs, trigger_logs = free_ports(3)
    variables = {**inherited, **environment(home, port, (worker_logs, trigger_logs))}
    variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{inherited.get('PATH', '')}"
    log = home / "standalone.log"
    with log.open("wb") as out:
        # Our own interpreter and a fixed command; a session of its own, so that its whole group can be ended.
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "standalone"],
            env=variables,
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    return LocalAirflow(f"http://{LOOPBACK}:{port}", process, log)
