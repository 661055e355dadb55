"""The local mailbox, read without touching it: no mail is moved, flagged or marked as seen.

Addresses are masked before they reach a page; the body is shown as the recipient gets it.
"""

from __future__ import annotations

import contextlib
import email
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import default
from email.utils import getaddresses
from pathlib import Path

FOLDERS = ("new", "cur")
HEADER_BYTES = 16 * 1024
RECIPIENT_HEADERS = ("to", "cc", "bcc", "delivered-to", "envelope-to", "x-original-to", "x-rcptto")
MESSAGE_ID = re.compile(rb"(?im)^Message-ID:\s*(<[^>\r\n]+>)")
MASK = "‹address masked›"


@dataclass(frozen=True, slots=True)
class Heading:
    """What the list shows of a mail. ``delivered_at``: when the file was written, aware UTC."""

    key: str
    subject: str
    message_id: str
    delivered_at: datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail. ``text`` and ``html`` are None where the mail has no such part; headers come masked, in their order."""

    heading: Heading
    headers: tuple[tuple[str, str], ...]
    text: str | None
    html: str | None
    size_bytes: int


class Mailbox:
    """A Maildir under ``root``. Files in it never change, so what was read once of a heading is kept."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._headings: dict[str, Heading] = {}
        self._message_ids: dict[str, str] = {}

    def files(self) -> dict[str, Path]:
        """The files by key, newest first. Empty where there is no mailbox yet."""
        found: list[tuple[int, str, Path]] = []
        for folder in FOLDERS:
            at = self.root / folder
            if at.is_dir():
                found += _dated(at)
        return {name.split(":")[0]: file for _, name, file in sorted(found, reverse=True)}

    def headings(self, keys: Sequence[str], files: dict[str, Path]) -> list[Heading]:
        return [self._heading(key, files[key]) for key in keys]

    def find(self, message_ids: set[str]) -> dict[str, str]:
        """message_id -> key, for those that are in the mailbox. Looks at the top of each file once, ever."""
        found: dict[str, str] = {}
        for key, file in self.files().items() if message_ids else ():
            if key not in self._message_ids:
                self._message_ids[key] = _message_id(file)
            if self._message_ids[key] in message_ids:
                found[self._message_ids[key]] = key
        return found

    def letter(self, key: str) -> Letter | None:
        """One mail, whole; None where there is none of that key."""
        file = self.files().get(key)
        if file is None:
            return None
        raw = file.read_bytes()
        message = email.message_from_bytes(raw, policy=default)
        return Letter(
            heading=self._heading(key, file),
            headers=_masked_headers(message),
            text=_part(message, "plain"),
            html=_part(message, "html"),
            size_bytes=len(raw),
        )

    def _heading(self, key: str, file: Path) -> Heading:
        known = self._headings.get(key)
        if known is None:
            with file.open("rb") as stream:
                top = BytesHeaderParser(policy=default).parsebytes(stream.read(HEADER_BYTES))
            known = self._headings[key] = Heading(
                key=key,
                subject=str(top.get("subject", "")) or "(no subject)",
                message_id=str(top.get("message-id", "")).strip(),
                delivered_at=datetime.fromtimestamp(file.stat().st_mtime, tz=UTC),
            )
        return known


def _message_id(file: Path) -> str:
    """The Message-ID without parsing the rest: a mailbox of ten thousand is looked through for one case."""
    with contextlib.suppress(FileNotFoundError), file.open("rb") as stream:
        head = stream.read(HEADER_BYTES)
        if named := MESSAGE_ID.search(head):
            return named[1].decode("ascii", "replace")
    return ""


def _dated(folder: Path) -> Iterator[tuple[int, str, Path]]:
    """When each mail of a folder was written. One that a mail program moves away meanwhile is not there any more."""
    for entry in os.scandir(folder):
        with contextlib.suppress(FileNotFoundError):
            if entry.is_file():
                yield entry.stat().st_mtime_ns, entry.name, Path(entry.path)


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return None
    try:
        content = part.get_content()
    except LookupError:  # a character set that Python does not know: better with gaps than not at all
        payload = part.get_payload(decode=True)
        content = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else str(payload)
    return str(content)


def _masked_headers(message: EmailMessage) -> tuple[tuple[str, str], ...]:
    """Every header, with the recipient's address taken out wherever it stands."""
    named = [str(value) for name in RECIPIENT_HEADERS for value in message.get_all(name, [])]
    addresses = sorted({address for _, address in getaddresses(named) if address}, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, addresses)), re.IGNORECASE) if addresses else None
    rows = []
    for name, value in message.items():
        shown = MASK if name.lower() in RECIPIENT_HEADERS else str(value)
        rows.append((name, pattern.sub(MASK, shown) if pattern else shown))
    return tuple(rows)
