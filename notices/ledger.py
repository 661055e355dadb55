"""Durable steps of many senders in few transactions: while one commit is on its way to the disk, the next one fills.

Sending waits for every intent and settles every reply, but never pays one disk flush per message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from notices.state import writing

T = TypeVar("T")
Step = Callable[[Connection], Any]


class Ledger:
    """Runs steps in writing transactions on one thread; steps handed in meanwhile share the next transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[tuple[Step, asyncio.Future[Any]]] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._task: asyncio.Task[None] | None = None

    async def commit(self, step: Callable[[Connection], T]) -> T:
        """Run one step; returns what it returned once it is durable. Raises what the step raised, undone."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((step, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return await done

    async def close(self) -> None:
        """Finish what was handed in."""
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                results = await loop.run_in_executor(self._thread, self._together, [step for step, _ in group])
            except Exception:  # noqa: BLE001 - one bad step must not sink its neighbours: each again by itself
                results = [await loop.run_in_executor(self._thread, self._alone, step) for step, _ in group]
            for (_, done), (value, error) in zip(group, results, strict=True):
                if done.cancelled():
                    continue
                if error is None:
                    done.set_result(value)
                else:
                    done.set_exception(error)

    def _together(self, steps: list[Step]) -> list[tuple[Any, Exception | None]]:
        with writing(self._engine) as db:
            return [(step(db), None) for step in steps]

    def _alone(self, step: Step) -> tuple[Any, Exception | None]:
        try:
            with writing(self._engine) as db:
                return step(db), None
        except Exception as error:  # noqa: BLE001 - handed to whoever asked for the step
            return None, error
