"""Section notices: senders that die, freeze and meet bad relays, at full size; and mails a second beside the peers.

    python -m bench.notices [kills] [freezes] [behaviours] [cancels] [outages] [throughput]

Small runs of the same code, each with a twin whose protection is broken on purpose: tests/notices/test_send_trials.py.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.sending import behaviours, cancels, certificates, freezes, kills, outage, throughput
from bench.sending.sender import Sender
from notices.state import open_state

KILLS_PER_POINT, KILLS_AT_RANDOM, NOTICES = 50, 300, 20_000
BLOCKS = 4  # state DBs, one after the other, so that a run can be watched
FREEZES, FROZEN_NOTICES = 100, 16_000
MAILS_PER_BEHAVIOUR = 200
CANCELS = 1_000
HOURS_DOWN, QUEUED, WITH_WRONG_PASSWORD = 6, 50_000, 2_000
SENT, SENT_BY_PEERS, SENT_SLOWLY, SENT_SLOWLY_BY_PEERS = 8_000, 4_000, 3_000, 100
SLOW_SECONDS = 0.02


def run_kills(folder: Path) -> None:
    """900 kills over 20,000 notices."""
    total: Counter[str] = Counter()
    most = {"copies of one notice": 0, "repeated by one kill": 0}
    with Sender() as sender:
        for block in range(BLOCKS):
            place = folder / f"kills{block}"
            place.mkdir()
            planned = kills.schedule(KILLS_PER_POINT // BLOCKS + (block < KILLS_PER_POINT % BLOCKS),
                                     KILLS_AT_RANDOM // BLOCKS, seed=block)  # fmt: skip
            found = kills.trial(sender, place, f"sqlite:///{place / 'state.db'}", NOTICES // BLOCKS, planned)
            total.update({
                "kills": found.died, "notices": found.notices, "copies": found.copies, "repeated": found.repeated,
                "parked without a copy": found.parked_without_a_copy, **found.states, **found.faults,
            })  # fmt: skip
            most["copies of one notice"] = max(most["copies of one notice"], found.most_copies)
            most["repeated by one kill"] = max(most["repeated by one kill"], found.most_repeated_by_one_kill)
    _show("kill -9", {**total, **{f"most {name}": count for name, count in most.items()}})


def run_freezes(folder: Path) -> None:
    """100 freezes of three senders at once."""
    with Sender() as first, Sender() as second, Sender() as third:
        url = f"sqlite:///{folder / 'freezes.db'}"
        found = freezes.trial((first, second, third), folder, url, FROZEN_NOTICES, FREEZES, seed=7)
    _show("freezes", _plain(found))


def run_behaviours(folder: Path) -> None:
    """Every behaviour, with and without pipelining."""
    both = certificates.contexts(certificates.write(folder / "both.pem"))
    total: Counter[str] = Counter()
    for pipelines in (False, True):
        for number, behaviour in enumerate(behaviours.BEHAVIOURS):
            engine = open_state(f"sqlite:///{folder / f'behaviour{number}{pipelines}.db'}")
            found = behaviours.trial(engine, behaviour, MAILS_PER_BEHAVIOUR, both, pipelines=pipelines)
            engine.dispose()
            total.update(runs=1, mails=found.mails, misfiled=found.misfiled, not_as_expected=found.not_as_expected)
            if found.misfiled or found.not_as_expected:
                print(f"    {found}")
    _show(f"{len(behaviours.BEHAVIOURS)} server behaviours, one by one and pipelined", total)


def run_cancels(_folder: Path) -> None:
    """1,000 cancels, with and without pipelining."""
    for pipelines in (False, True):
        found = asyncio.run(cancels.trial(CANCELS, 7, pipelines=pipelines))
        _show(f"cancels, {'pipelined' if pipelines else 'one by one'}", _plain(found))


def run_outages(folder: Path) -> None:
    """Six hours without a relay, and a password that goes wrong."""
    for name, trial in (
        ("relay down", lambda engine: outage.down(engine, QUEUED, HOURS_DOWN)),
        ("wrong password mid-batch", lambda engine: outage.wrong_password(engine, WITH_WRONG_PASSWORD)),
    ):
        engine = open_state(f"sqlite:///{folder / f'{name}.db'}")
        _show(name, _plain(trial(engine)))
        engine.dispose()


def run_throughput(folder: Path) -> None:
    """Mails a second: a sink without delay, and one that answers each write after 20 ms."""
    fast = throughput.trial(folder, SENT, SENT_BY_PEERS, 0.0, pool=4)
    slow = throughput.trial(folder, SENT_SLOWLY, SENT_SLOWLY_BY_PEERS, SLOW_SECONDS, pool=4)
    wide = throughput.trial(folder, SENT_SLOWLY, SENT_SLOWLY_BY_PEERS, SLOW_SECONDS, pool=16)
    for found in (fast, slow, wide):
        _show(f"mails a second, {found.ours / found.smtplib:.2f} of smtplib", _plain(found))


def _plain(figures: Any) -> dict[str, Any]:
    names = figures.__dataclass_fields__
    return {name: getattr(figures, name) for name in names}


TRIALS: dict[str, Callable[[Path], None]] = {
    "kills": run_kills,
    "freezes": run_freezes,
    "behaviours": run_behaviours,
    "cancels": run_cancels,
    "outages": run_outages,
    "throughput": run_throughput,
}


def main() -> None:
    """Run the named trials, all by default."""
    for name in sys.argv[1:] or TRIALS:
        with tempfile.TemporaryDirectory(prefix="bh-bench-") as folder:
            begun = time.perf_counter()
            TRIALS[name](Path(folder))
            print(f"    took {time.perf_counter() - begun:.0f} s\n", flush=True)


def _show(title: str, figures: Any) -> None:
    print(title)
    for name, value in dict(figures).items():
        print(f"    {name.replace('_', ' '):<48} {value}")


if __name__ == "__main__":
    main()
