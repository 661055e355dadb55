"""Days run again in any order, a state DB restored from a snapshot, a backfill over sent days: not one mail."""

from __future__ import annotations

import asyncio
import random
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import relay as server
from examples import DAY, KEYS, NOW, around, buyer, late, late_evidence, seller, stock
from sqlalchemy import Engine, select

from notices.decide.decide import Candidate
from notices.people import directory
from notices.plan import history, plan_rows, told
from notices.plan.day import decide_and_plan
from notices.send.journal import Journal
from notices.send.run import Clock, Options, send_due
from notices.state import deliveries, open_state

DAYS = 6
TIMES = 5


class Month:
    """So many days of candidates, decided and sent. mails: how many a relay took in all."""

    def __init__(self, folder: Path, days: int) -> None:
        self.path, self.days, self.mails = folder / "state.db", days, 0
        self.options = Options(journal=Journal(folder / "sent.journal"))
        engine = self.open()
        people = [*(buyer(f"b{n}") for n in range(12)), *(seller(f"s{n}") for n in range(3))]
        directory.put(engine, KEYS, people)
        engine.dispose()

    def open(self) -> Engine:
        return open_state(f"sqlite:///{self.path}")

    def candidates(self, n: int) -> list[Candidate]:
        """Each day brings orders; each order is at risk for three days, its date moves, and then it is over."""
        dice, found = random.Random(n), []
        for age in range(5):
            for place in range(3):
                order, person = f"o{n - age}x{place}", f"b{(n - age) * 3 % 12 + place}"
                day = DAY + timedelta(days=n - age + 8 + 4 * (age == 2))
                window = {
                    f"p{share}": (day + timedelta(days=step)).isoformat() for step, share in enumerate((10, 50, 90))
                }
                facts = late_evidence(order, person, window=window)
                one = late(order, person, 0.9 - dice.random() / 10, 200.0, evidence=facts)
                over = {**facts, "ended": {"closing": "in_time", "event": "delivered", "at": None}}
                found.append(replace(one, closing="in_time", evidence=over) if age == 4 else one)
        return [*found, *(stock(f"s{n % 3}", f"k{n}"), stock(f"s{(n + 1) % 3}", f"k{n - 1}"))]

    def run(self, engine: Engine, n: int, *, armed: bool = True) -> int:
        """Decide and send day ``n``; returns how many mails a relay took."""
        now = NOW + timedelta(days=n)
        decide_and_plan(engine, self.candidates(n), replace(around(DAY + timedelta(days=n), now), armed=armed))
        with server.running() as (relay, log):
            clock = Clock(now, now + timedelta(hours=24))
            asyncio.run(send_due(engine, KEYS, relay, clock, lambda _ids: {}, self.options))
        return len(log.taken)

    def first(self, snapshot_after: int) -> None:
        """Live it once, keeping a copy of the DB as it stood after one of the days."""
        engine = self.open()
        for n in range(self.days):
            self.mails += self.run(engine, n)
            if n == snapshot_after:
                engine.dispose()
                shutil.copy(self.path, self.path.with_suffix(".snapshot"))
                engine = self.open()
        engine.dispose()

    def again(self, times: int) -> int:
        """All days again, armed and as a backfill, in several orders. Returns how many mails went."""
        engine, orders = self.open(), list(range(self.days))
        mails = 0
        for time in range(times):
            random.Random(time).shuffle(orders)
            mails += sum(self.run(engine, n, armed=(n + time) % 3 > 0) for n in orders)
        engine.dispose()
        return mails

    def planned(self) -> set[str]:
        """The Message-IDs of everything planned."""
        engine = self.open()
        with engine.connect() as db:
            found = set(db.execute(select(deliveries.c.message_id)).scalars())
        engine.dispose()
        return found

    def restored(self) -> int:
        """The snapshot in the DB's place, and the days since then once more."""
        for rest in ("-wal", "-shm"):
            Path(f"{self.path}{rest}").unlink(missing_ok=True)
        shutil.copy(self.path.with_suffix(".snapshot"), self.path)
        engine = self.open()
        mails = sum(self.run(engine, n) for n in range(self.days))
        engine.dispose()
        return mails


def test_days_again_in_any_order_a_restored_db_and_a_backfill_send_nothing(tmp_path: Path) -> None:
    month = Month(tmp_path, DAYS)
    month.first(snapshot_after=2)
    assert month.mails > 2 * DAYS
    assert month.again(TIMES) == 0
    assert month.restored() == 0


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product that knows neither what was decided nor what was told, on a day that it takes for the newest."""
    monkeypatch.setattr(history, "decided", lambda *_args: set())
    monkeypatch.setattr(history, "newest_day", lambda _db: None)
    monkeypatch.setattr(plan_rows, "_standing_decisions", lambda *_args: set())
    monkeypatch.setattr(plan_rows, "_standing_keys", lambda *_args, **_more: set())
    monkeypatch.setattr(told, "stages", lambda *_args: {})
    monkeypatch.setattr(told, "in_7_days", lambda *_args, **_more: {})


def test_a_product_that_forgets_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    month = Month(tmp_path, days=2)
    month.first(snapshot_after=0)
    forget(monkeypatch)
    assert month.again(1) > 0


def test_a_restored_db_without_the_journal_is_caught(tmp_path: Path) -> None:
    month = Month(tmp_path, days=3)
    month.first(snapshot_after=0)
    month.options = Options()
    assert month.restored() > 0


def test_what_a_restored_db_plans_again_bears_the_same_message_ids(tmp_path: Path) -> None:
    """That is how the journal knows it."""
    month = Month(tmp_path, days=3)
    month.first(snapshot_after=0)
    before = month.planned()
    month.restored()
    assert month.planned() == before
