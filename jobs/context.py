"""What every step is given: settings, the day, the state DB and, while it is open, the lake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from settings import Settings

if TYPE_CHECKING:
    from lake.store import Lake


@dataclass(frozen=True, slots=True)
class Context:
    """One step's surroundings. ``day`` is the data day; ``now`` the wall clock when the step started (UTC)."""

    settings: Settings
    day: date
    now: datetime


@dataclass(frozen=True, slots=True)
class StepReport:
    """How a step ended.

    status: done, held (a gate wants a person), or idle (does not apply here). counts: what the console's funnel
    shows. versions: the version of every table that was read or written. message: one sentence for a person; what to
    do next if the status is not done.
    """

    status: str
    message: str
    counts: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)


_open: ContextVar[Any] = ContextVar("open lake", default=None)


@contextmanager
def open_lake(settings: Settings) -> Iterator[Lake]:
    """The lake with its engine, closed with the block. A block inside another shares its engine.

    Imported here: a step that reads no table starts no engine.
    """
    from lake import engine
    from lake.store import Lake

    outer: Lake | None = _open.get()
    if outer is not None:
        yield Lake(settings.lake, outer.spark)
        return
    with engine.session(settings.spark_remote) as spark:
        lake = Lake(settings.lake, spark)
        token = _open.set(lake)
        try:
            yield lake
        finally:
            _open.reset(token)
