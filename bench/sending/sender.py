"""A sender in a process of its own: killed, frozen or sabotaged from outside. Forks anew for each run, in milliseconds.

``python -m bench.sending.sender`` reads one JSON order a line, answers with the child's pid, then with how it ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Order:
    """One run. ``point`` and ``nth``: where it kills itself; ``sabotage``: which protection is broken (sabotage.py).

    ``hours_later``: by the day's clock, so that what waits for another try is due.
    """

    url: str
    port: int
    point: str = ""
    nth: int = 0
    sabotage: str = ""
    lease_seconds: float = 120.0
    batch: int = 8
    journal: str = ""
    hours_later: float = 0.0


class Sender:
    """The parent's end: one child at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.sending.sender"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait()
        self._process.stdout.close()  # type: ignore[union-attr]

    def start(self, order: Order) -> int:
        """Fork a sender. Returns its pid."""
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]
        return int(self._said())

    def ended(self) -> int:
        """Wait for it. Returns the exit code; minus the signal's number where one ended it."""
        return int(self._said())

    def run(self, order: Order) -> int:
        """Fork a sender and wait for it."""
        self.start(order)
        return self.ended()

    def _said(self) -> str:
        line = self._process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise RuntimeError("the process that forks senders has ended: see its traceback above")
        return line


def _send(order: Order) -> None:
    from bench.sending import sabotage
    from bench.sending.world import KEYS, hours_later
    from notices.send.journal import Journal
    from notices.send.run import Options, send_due
    from notices.state import open_state
    from settings import Relay

    sabotage.apply(order.sabotage)
    passed = 0

    def at_point(name: str, _delivery_id: str) -> None:
        nonlocal passed
        passed += name == order.point
        if name == order.point and passed == order.nth:
            os.kill(os.getpid(), signal.SIGKILL)

    options = Options(
        batch=order.batch,
        lease_seconds=order.lease_seconds,
        at_point=at_point,
        journal=Journal(Path(order.journal)) if order.journal else None,
    )
    engine = open_state(order.url)
    relay = Relay("smtp", "127.0.0.1", order.port)
    asyncio.run(send_due(engine, KEYS, relay, hours_later(order.hours_later), lambda _ids: {}, options))
    engine.dispose()


def main() -> None:
    """Serve orders until the input ends."""
    import notices.relay.signing
    import notices.send.run  # noqa: F401 - loaded once, before forking

    for line in sys.stdin:
        order = Order(**json.loads(line))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                _send(order)
                code = 0
            except BaseException as error:  # noqa: BLE001 - the parent must hear of it
                sys.stderr.write(f"sender: {type(error).__name__}: {error}\n")
            os._exit(code)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
