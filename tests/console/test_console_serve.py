"""``python -m console``: on this machine only, unless someone says otherwise and how."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from console import serve
from settings import Settings

ROOT = Path(__file__).parents[2]
LISTENS = "0A"


def test_it_serves_on_loopback_and_ends_on_ctrl_c(filled_home, tmp_path):
    settings = Settings.from_environment({"BEFOREHAND_HOME": str(tmp_path)})
    shutil.copytree(filled_home, settings.home, dirs_exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "console", "--port", str(port)],
        cwd=ROOT,
        env=os.environ | {"BEFOREHAND_HOME": str(tmp_path)},
    )
    try:
        assert "Sunday 1 March 2026" in _get(f"http://127.0.0.1:{port}/", process)
        sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        listening = {parts[1] for parts in sockets if parts[3] == LISTENS}
        assert f"0100007F:{port:04X}" in listening
        assert f"00000000:{port:04X}" not in listening
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)


def _get(url: str, process: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            return httpx.get(url, trust_env=False).text
        except httpx.ConnectError:
            time.sleep(0.1)
    raise AssertionError(f"nothing answered at {url}")


def test_it_is_not_opened_to_other_machines_by_accident(capsys):
    assert serve.main(["--host", "0.0.0.0"]) == 2
    assert "no login of its own" in capsys.readouterr().err


def test_a_wrong_setting_stops_the_start(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("BEFOREHAND_HOME", str(tmp_path))
    monkeypatch.setenv("BEFOREHAND_SOURCE", "telegraph")
    assert serve.main([]) == 2
    assert "BEFOREHAND_SOURCE is 'telegraph'" in capsys.readouterr().err


@pytest.mark.parametrize(("host", "is_loopback"), [
    ("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("localhost", True),
    ("0.0.0.0", False), ("10.0.0.1", False),
    ("example.net", False),
])  # fmt: skip
def test_loopback_is_recognised(host, is_loopback):
    assert serve._is_loopback(host) is is_loopback


def test_the_console_needs_no_engine_and_no_model_library():
    heavy = ("pyspark", "xgboost", "mlflow", "great_expectations", "jobs", "lake")
    code = f"import sys, console.app; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
