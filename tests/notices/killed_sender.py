"""A sender that kills itself: ``killed_sender.py DB RELAY_PORT POINT NTH`` dies the NTH time it reaches POINT."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from examples import KEYS, NOW

from notices.send import Clock, Options, send_due
from notices.state import open_state
from settings import Relay


def main(url: str, port: str, point: str, nth: str) -> None:
    passed = 0

    def at_point(name: str, _delivery_id: str) -> None:
        nonlocal passed
        passed += name == point
        if passed == int(nth):
            os.kill(os.getpid(), signal.SIGKILL)

    options = Options(batch=8, lease_seconds=120.0, at_point=at_point)
    sending = send_due(
        open_state(url), KEYS, Relay("smtp", "127.0.0.1", int(port)), Clock(NOW, NOW), lambda _ids: {}, options
    )
    asyncio.run(sending)


if __name__ == "__main__":
    main(*sys.argv[1:])
