"""What planning handles: a notice to be with its decisions, and everything around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from notices.decide.decision import Decision
from notices.decide.policy import Policy
from notices.keys import Keys
from notices.write.mime import Sender
from notices.write.written import House


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What planning needs beside the decisions. ``armed`` False: record what would have been told, tell nobody."""

    day: date
    now: datetime
    policy: Policy
    keys: Keys
    sender: Sender
    platform: str
    base_url: str
    armed: bool = True
    policy_version: str = ""  # digest of the policy
    tables: Mapping[str, int] = field(default_factory=dict)  # version of every table that the candidates came from

    @property
    def house(self) -> House:
        return House(self.keys, self.sender, self.platform, self.base_url)


@dataclass(frozen=True, slots=True)
class Unit:
    """Decisions that stand or fall together: one, or all lines of a digest; the others are rows."""

    decisions: tuple[Decision, ...]
    notice: Mapping[str, Any] | None = None
    delivery: Mapping[str, Any] | None = None
    mail: Mapping[str, Any] | None = None

    @property
    def key(self) -> str | None:
        """The dedupe key of its notice."""
        return self.notice["dedupe_key"] if self.notice is not None else None
