"""What every step is given: settings, the day, the state DB and, while it is open, the lake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from settings import Settings

if TYPE_CHECKING:
    from lake.store import Lake


@dataclass(frozen=True, slots=True)
class Context:
    """One step's surroundings. ``day`` is the data day; ``now`` the moment that deciding and sending go by (UTC)."""

    settings: Settings
    day: date
    now: datetime


# A past day is worked through as if at a civil hour of the day after it, not at whatever hour someone tries it.
_LIVE = timedelta(hours=36)
_REPLAY_HOUR = time(13, tzinfo=UTC)


def clock(day: date, wall: datetime) -> datetime:
    """The moment a run of ``day`` goes by: the wall clock for a live day, 13:00 UTC of the next day for a past one.

    Quiet hours, expiry and caps of a past day then come out the same whenever it is run again.
    """
    ended = datetime.combine(day + timedelta(days=1), time(0, tzinfo=UTC))
    return wall if wall - ended < _LIVE else datetime.combine(ended.date(), _REPLAY_HOUR)


@dataclass(frozen=True, slots=True)
class StepReport:
    """How a step ended.

    status: done, held (a gate wants a person), or idle (does not apply here). counts: what the console's funnel
    shows. versions: the version of every table that was read or
    written, and of the model. message: one sentence for a person; what to do next if the status is not done.
    """

    status: str
    message: str
    counts: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, int | str] = field(default_factory=dict)


@contextmanager
def open_lake(settings: Settings) -> Iterator[Lake]:
    """The lake with its engine, closed with the block. A block inside another shares its engine.

    Imported here: a step that reads no table starts no engine.
    """
    from lake import engine
    from lake.store import Lake

    with engine.session(settings.spark_remote) as spark:
        yield Lake(settings.lake, spark)
