"""Many small worlds to send in, with clocks that jump, change their hour and leap: how many promises were broken.

``python -m bench.promises [WORLDS]``: two senders at once in each, ten days, a real SMTP server, SQLite. Then thirty
days lived once, run again five times in any order, and with a state DB restored from a snapshot. The same code as in
tests/notices/test_promises.py and test_again.py, where each promise also has a twin that must be caught.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[0] / "tests" / "notices")]

WORLDS = 60
DAYS = 10


def main() -> None:
    """Live the worlds and print what was broken: nothing, or the world to look at."""
    from promise_world import STARTS, World, broken

    import notices.send.run
    from notices.state import open_state

    notices.send.run.POLL_SECONDS = 0.02
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else WORLDS
    started, mails, found = time.monotonic(), 0, Counter[str]()
    stages: Counter[str] = Counter()
    for seed in range(worlds):
        with tempfile.TemporaryDirectory() as folder:
            engine = open_state(f"sqlite:///{Path(folder) / 'state.db'}")
            world = World(engine, seed, STARTS[seed % len(STARTS)])
            world.live(DAYS)
            engine.dispose()
        mails += len(world.went)
        stages.update(went.stage for went in world.went)
        wrong = broken(world)
        found.update(wrong)
        if wrong:
            print(f"world {seed}: {dict(wrong)}")
    took = time.monotonic() - started
    print(f"{worlds} worlds of {DAYS} days, {mails:,} mails ({dict(stages)}), {took:.0f} s")
    print(f"broken: {dict(found) or 'nothing'}")
    again()


def again() -> None:
    """Thirty days once, then five times in any order, then from a snapshot: how many mails went."""
    from test_again import Month

    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        month = Month(Path(folder), days=30)
        month.first(snapshot_after=10)
        said = f"30 days, {month.mails:,} mails; run again five times in any order: {month.again(5)} mails"
        print(f"{said}; from the snapshot of day 10: {month.restored()} mails; {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
