"""The two addresses as they are served: alone for everybody, or beside the console; and no log holds a link."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from recipient_letters import SECRET, letters, links

from console import serve
from settings import Settings

ROOT = Path(__file__).parents[2]


@contextmanager
def process(home: Path, log: Path, *arguments: str) -> Iterator[httpx.Client]:
    """``python -m console`` over a home, and a client of it; what it says goes to the log."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "console", "--port", str(port), *arguments]
    environment = os.environ | {"BEFOREHAND_HOME": str(home), "BEFOREHAND_SECRET": SECRET.decode()}
    with log.open("wb") as file:
        running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            until = time.monotonic() + 30
            while time.monotonic() < until and running.poll() is None:
                try:
                    client.get("/n/x")
                    break
                except httpx.ConnectError:
                    time.sleep(0.1)
            yield client
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(10)


@pytest.fixture
def home(stopping_home: Path, tmp_path: Path) -> Path:
    settings = Settings.from_environment({"BEFOREHAND_HOME": str(tmp_path), "BEFOREHAND_SECRET": SECRET.decode()})
    shutil.copytree(stopping_home, settings.home)
    return tmp_path


def test_alone_it_serves_two_addresses_to_a_named_host_and_nothing_of_the_console(home, stopping_home, tmp_path):
    told, stop = links(letters(stopping_home)["buyer2"])
    log = tmp_path / "log"
    arguments = ("--recipients-only", "--host", "0.0.0.0", "--name", "notices.example")
    with process(home, log, *arguments) as client:
        outside = {"host": "notices.example"}
        assert client.get(told, headers=outside).status_code == 200
        assert client.post(stop, headers=outside, data={"List-Unsubscribe": "One-Click"}).status_code == 200
        assert client.get(told, headers={"host": "elsewhere.example"}).status_code == 400
        dead = client.get("/n/x", headers=outside).text
        for path in (
            "/",
            "/alerts",
            "/notices",
            "/mailbox",
            "/static/console.css",
            "/docs",
            "/openapi.json",
            "/n",
            "/u/",
        ):
            answer = client.get(path, headers=outside)
            assert (answer.status_code, answer.text) == (404, dead), path
        for path in (told, stop):
            client.put(path, headers=outside)
            client.get(path[:-1], headers=outside)
            client.post(path, headers=outside, content="x" * 9000)
        (home / "simulator" / "state.db").rename(home / "simulator" / "moved.db")
        for extra in ("-wal", "-shm"):
            (home / "simulator" / f"state.db{extra}").unlink(missing_ok=True)
        assert client.get(told, headers=outside).status_code == 503
    said = log.read_text()
    assert "without a state DB" in said
    for link in (told, stop):
        assert link not in said
        assert link.rpartition(".")[2] not in said


def test_beside_the_console_both_answer_on_one_port_and_only_links_take_posts(home, stopping_home, tmp_path):
    told, stop = links(letters(stopping_home)["buyer1"])
    log = tmp_path / "log"
    with process(home, log) as client:
        assert "Pedido" in client.get(told).text
        assert "Alerts" in client.get("/alerts").text
        assert client.post("/alerts").status_code == 405
        assert client.post(stop, data={"do": "stop"}).status_code == 200
        assert "Este link" in client.get("/u/anything").text
    assert log.read_text() == ""


def test_it_is_not_opened_to_the_world_without_a_name(capsys):
    assert serve.main(["--recipients-only", "--host", "0.0.0.0"]) == 2
    assert "--name notices.example" in capsys.readouterr().err


def test_the_recipient_pages_need_nothing_of_the_console_but_its_reader():
    code = (
        "import sys, console.recipients.app; "
        "print(sorted(name for name in sys.modules if name.startswith('console.') and 'recipients' not in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['console.database', 'console.headers']"
