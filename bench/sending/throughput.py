"""How many mails a second, states durable, beside the standard library on one reused connection: in one run."""

from __future__ import annotations

import asyncio
import shutil
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.sending.sender import ROOT
from bench.sending.world import BODY, CLOCK, KEYS, SENDER, address, plan, states
from notices.send.journal import Journal
from notices.send.run import Options, send_due
from notices.state import open_state
from settings import Relay


@dataclass(frozen=True)
class Figures:
    """Mails a second. smtp_source: Postfix's own load generator, where it is installed."""

    delay_seconds: float
    pool: int
    ours: float
    smtplib: float
    smtp_source: float | None


@contextmanager
def sink(delay: float) -> Iterator[int]:
    """A sink's port, for as long as the block lasts."""
    call = [sys.executable, "-m", "bench.sending.sink", str(delay)]
    process = subprocess.Popen(call, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline())  # type: ignore[union-attr]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]


def trial(folder: Path, many: int, peers: int, delay: float, pool: int) -> Figures:
    """Send ``many`` of ours and ``peers`` by smtplib to one sink that answers each write after ``delay`` seconds."""
    with sink(delay) as port:
        theirs = _smtplib(port, peers)
        ours = _ours(folder, port, many, pool)
        return Figures(delay, pool, ours, theirs, _smtp_source(port, peers))


def _ours(folder: Path, port: int, many: int, pool: int) -> float:
    engine = open_state(f"sqlite:///{folder / f'{many}-{pool}.db'}")
    plan(engine, many)
    options = Options(pool=pool, journal=Journal(folder / f"{many}-{pool}.journal"))
    begun = time.perf_counter()
    asyncio.run(send_due(engine, KEYS, Relay("smtp", "127.0.0.1", port), CLOCK, lambda _ids: {}, options))
    took = time.perf_counter() - begun
    done = states(engine)["ACCEPTED"]
    engine.dispose()
    if done != many:
        raise RuntimeError(f"{many - done} of {many} mails were not accepted")
    return many / took


def _smtplib(port: int, many: int) -> float:
    head = f"From: <{SENDER.address}>\r\nSubject: s\r\n".encode()
    with smtplib.SMTP("127.0.0.1", port) as client:
        begun = time.perf_counter()
        for n in range(many):
            mime = head + f"To: <{address(n)}>\r\nMessage-ID: <{n:024}@beforehand.example>\r\n\r\n".encode() + BODY
            client.sendmail(SENDER.address, [address(n)], mime)
        return many / (time.perf_counter() - begun)


def _smtp_source(port: int, many: int) -> float | None:
    program = shutil.which("smtp-source")
    if program is None:
        return None
    begun = time.perf_counter()
    subprocess.run([program, "-s", "4", "-d", "-l", str(len(BODY)), "-m", str(many), f"127.0.0.1:{port}"], check=True)
    return many / (time.perf_counter() - begun)
