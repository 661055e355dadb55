"""What one run of sending has on its way, in a file of its own: a process that is killed leaves what the DB lacks.

Intents stand in the DB before a mail may go, many in one transaction; acceptances reach the DB a moment later, many in
one transaction. Between the two this file knows of each mail whether its body was begun, and whether a relay took it.

Lines are written before the next body goes, on whichever connection: a killed process loses none that matters. They are
not flushed to the disk: what does not stand here after the machine itself stopped proves nothing, and what the DB did
not know yet, a tenth of a second's mails, may be sent once more.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
BEGUN, TAKEN, BOOTED = ">", "+", "boot"
TEXT_LENGTH = 200


class Try(Protocol):
    """One try of one delivery, by the sender that holds the token."""

    @property
    def delivery_id(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def token(self) -> str: ...
    @property
    def message_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """An acceptance."""

    message_id: str
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Past:
    """What a run left behind, by (delivery_id, epoch). is_whole: what does not stand here did not happen."""

    taken: Mapping[tuple[str, int], Taken]
    begun: frozenset[tuple[str, int]]
    is_whole: bool

    def never_began(self, one: Try) -> bool:
        """Whether surely no byte of this mail's body went out in this try."""
        return self.is_whole and (one.delivery_id, one.epoch) not in self.begun


class RunLog:
    """The file of a run that goes on."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        with suppress(OSError):  # a file system without locks: the file is then left alone for ever
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held as long as this process lives
        self._lines = [f"{BOOTED} {_boot_id()}\n"]
        self._rest = b""  # of a line that the disk did not take whole
        self._write()

    def begin(self, one: Try) -> None:
        """The body of this mail goes now. Writes all that was noted before, too."""
        self._lines.append(f"{BEGUN} {one.delivery_id} {one.epoch}\n")
        self._write()

    def take(self, one: Try, code: int, text: str) -> None:
        """A relay took this mail. Written with the next beginning: until then its connection has nothing else open."""
        said = " ".join(text.split())[:TEXT_LENGTH]
        self._lines.append(f"{TAKEN} {one.delivery_id} {one.epoch} {one.message_id} {code} {said}\n")

    def close(self, *, is_settled: bool) -> None:
        """End the file. is_settled: the DB knows all that stands here, so the file goes."""
        self._write()
        if is_settled:
            self._path.unlink(missing_ok=True)
        os.close(self._file)

    def _write(self) -> None:
        """Raises OSError where the disk is full: what is missing then comes first the next time."""
        self._rest += "".join(self._lines).encode()
        self._lines.clear()
        while self._rest:
            self._rest = self._rest[os.write(self._file, self._rest) :]


def read(path: Path) -> Past | None:
    """What stands in a run's file; None where there is none. A last line without its end does not count."""
    try:
        lines = path.read_text("utf-8", "replace").split("\n")[:-1]
    except FileNotFoundError:
        return None
    taken: dict[tuple[str, int], Taken] = {}
    begun = set()
    boot = ""
    for line in lines:
        kind, _, rest = line.partition(" ")
        if kind == BOOTED:
            boot = rest
        elif kind == BEGUN and len(words := rest.split(" ")) == 2 and words[1].isdigit():  # noqa: PLR2004 - as written
            begun.add((words[0], int(words[1])))
        elif kind == TAKEN and len(words := rest.split(" ", 4)) == 5 and (words[1] + words[3]).isdigit():  # noqa: PLR2004
            taken[words[0], int(words[1])] = Taken(words[2], int(words[3]), words[4])
    return Past(taken, frozenset(begun), boot != "" and boot == _boot_id())


def is_over(path: Path) -> bool:
    """Whether the process that wrote this file has ended."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def _boot_id() -> str:
    """What tells one start of the machine from the next; empty where it cannot be known."""
    try:
        return BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""
