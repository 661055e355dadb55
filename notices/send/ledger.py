"""Durable steps of many senders in few transactions: those that come close together share one flush to the disk.

Sending waits for every intent and settles every reply, but never pays one disk flush per message.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from notices.state.database import WRITES

_log = logging.getLogger(__name__)
T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
Together = Callable[[Connection, list[Any]], Sequence[Any]]


class Ledger:
    """Runs steps in writing transactions, one after the other; steps handed in meanwhile share the next one.

    A DB across the network is spoken to on a thread. With a file only the flush is waited for there: two threads that
    both run Python wait for each other longer than the statements take.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._db: Connection | None = None
        self._waiting: list[tuple[Together, Any, asyncio.Future[Any]]] = []
        self._is_file = engine.dialect.name == "sqlite"
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._task: asyncio.Task[None] | None = None

    async def commit(self, step: Callable[[Connection], T]) -> T:
        """Run one step; returns what it returned once it is durable. Raises what the step raised, undone."""
        result: T = await self._hand_in(lambda db, _alone: [step(db)], None)
        return result

    async def commit_with_others(
        self, together: Callable[[Connection, list[A]], Sequence[B]], items: list[A]
    ) -> list[B]:
        """Have ``together`` called with these items and all others that wait for the same function.

        It returns one result per item, in order. Where it raises, each item is tried again by itself; the first that
        fails then is raised, when all have been tried.
        """
        results: list[Any] = await asyncio.gather(
            *(self._hand_in(together, item) for item in items), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return list(results)

    async def close(self) -> None:
        """Finish what was handed in."""
        if self._task is not None:
            await self._task
        self._hang_up()
        self._thread.shutdown()

    def _hand_in(self, together: Together, item: Any) -> asyncio.Future[Any]:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((together, item, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return done

    async def _drain(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            work = [(together, item) for together, item, _ in group]
            try:
                results = await self._transact(self._all, work)
            except Exception as problem:  # noqa: BLE001 - one bad step must not sink its neighbours: each by itself
                _log.warning("steps failed together, each is tried alone: %d, %s", len(work), type(problem).__name__)
                results = [await self._alone(*one) for one in work]
            for (_, _, done), (value, error) in zip(group, results, strict=True):
                if done.cancelled():
                    continue
                if error is None:
                    done.set_result(value)
                else:
                    done.set_exception(error)

    async def _transact(self, function: Callable[[Connection, Any], T], work: Any) -> T:
        """Run a function in a transaction of its own; returns what it returned once that is durable.

        On a connection that nobody else in this process uses: the DB can then tell whether others have written.
        """
        if self._db is None:
            self._db = self._engine.execution_options(**{WRITES: True}).connect()
        db = self._db
        try:
            if not self._is_file:
                return await self._on_thread(_in_transaction, db, function, work)
            transaction = db.begin()
            result = function(db, work)
            await self._on_thread(transaction.commit)
        except BaseException:
            self._hang_up()
            raise
        return result

    async def _on_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _all(self, db: Connection, work: list[tuple[Together, Any]]) -> list[tuple[Any, Exception | None]]:
        places: dict[Together, list[int]] = {}
        for at, (together, _) in enumerate(work):
            places.setdefault(together, []).append(at)
        results: list[tuple[Any, Exception | None]] = [(None, None)] * len(work)
        for together, here in places.items():
            for place, value in zip(here, together(db, [work[place][1] for place in here]), strict=True):
                results[place] = (value, None)
        return results

    async def _alone(self, together: Together, item: Any) -> tuple[Any, Exception | None]:
        try:
            [value] = await self._transact(together, [item])
        except Exception as error:  # noqa: BLE001 - handed to whoever asked for the step
            return None, error
        return value, None

    def _hang_up(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def _in_transaction(db: Connection, function: Callable[[Connection, Any], T], work: Any) -> T:
    with db.begin():
        return function(db, work)
