"""Many small worlds to send in, with clocks that jump, change their hour and leap: how many promises were broken.

``python -m bench promises [WORLDS]``: two senders at once in each, ten days, a real SMTP server, SQLite. The same worlds
as tests/notices/test_promises.py, where each promise also has a twin that must be caught.
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
    import notices.send
    from notices.state import open_state
    from world import STARTS, World, broken

    notices.send.POLL_SECONDS = 0.02
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
    print(
        f"{worlds} worlds of {DAYS} days, {mails:,} mails ({dict(stages)}), {took:.0f} s: broken {dict(found) or 'nothing'}"
    )


if __name__ == "__main__":
    main()
