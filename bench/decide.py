"""Deciding about very many candidates: rate and peak memory, pure and with the state DB.

``python -m bench.decide [CANDIDATES=1000000]``: first decide() alone, with every limit tight and crossing (caps with
their lane, a budget for each kind, the day, the reviewers), then the whole step on SQLite: history read, decisions
written, a notice composed for each that is told (one in fifty; the others are held out, capped or not worth it).
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests" / "notices")]

from examples import KEYS, NOW, around, buyer, late_evidence, no_holdout  # noqa: E402

from notices.decide.decide import Candidate, decide  # noqa: E402
from notices.decide.decision import Case, History, Recipient  # noqa: E402
from notices.decide.policy import Policy  # noqa: E402
from notices.people import directory  # noqa: E402
from notices.plan.day import decide_and_plan  # noqa: E402
from notices.state import open_state  # noqa: E402

CANDIDATES = 1_000_000
KINDS = ("late_delivery", "lost_parcel", "dispute", "will_contact")


def main() -> None:
    """Both, one after the other."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else CANDIDATES
    pure(count)
    whole(count)


def drawn(count: int, people: int) -> Iterator[Candidate]:
    """Three candidates a person, of four kinds."""
    dice, evidence = random.Random(7), late_evidence()  # noqa: S311 - the same world each time
    for n in range(count):
        kind, chance, value = dice.choice(KINDS), dice.uniform(0.0, 1.0), dice.uniform(0, 900)
        yield Candidate(kind, f"o{n}", "", f"b{dice.randrange(people)}", chance, False, None, value, evidence, "m1")


def limits(count: int, told: int) -> Policy:
    """Every limit tight: about ``told`` notices in all."""
    policy = no_holdout()
    kinds = {name: replace(kind, ladder="all", budget=told // 3) for name, kind in policy.kinds.items()}
    return replace(policy, kinds=kinds, capacity=told, review_capacity=max(30, count // 10_000))


def pure(count: int) -> None:
    """decide() alone."""
    people = count // 3
    given = list(drawn(count, people))
    crowd = {f"b{n}": Recipient(buyer(f"b{n}"), None, {}) for n in range(people)}
    cases = {(one.kind, one.recipient_id, one.object_id): Case(one.object_id, "1") for one in given}
    started = time.perf_counter()
    decisions = decide(given, crowd, limits(count, count // 6), History(cases=cases), KEYS, NOW)
    took = time.perf_counter() - started
    ended = Counter(one.decision for one in decisions)
    print(f"decide alone: {count:,} in {took:.0f} s, {count / took:,.0f}/s, peak {_peak()} MB: {dict(ended)}")


def whole(count: int) -> None:
    """The step, with a state DB."""
    people = count // 3
    with tempfile.TemporaryDirectory() as folder:
        engine = open_state(f"sqlite:///{folder}/state.db")
        directory.put(engine, KEYS, (buyer(f"b{n}") for n in range(people)))
        started = time.perf_counter()
        counts = decide_and_plan(engine, drawn(count, people), around(policy=limits(count, count // 50)))
        took = time.perf_counter() - started
        engine.dispose()
    print(f"decide and plan: {count:,} in {took:.0f} s, {count / took:,.0f}/s, peak {_peak()} MB: {counts}")


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
