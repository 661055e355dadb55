"""A Maildir and the mails in it: the real composer's for notices, and any other for what the console must withstand."""

from __future__ import annotations

import os
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from notices.keys import Keys
from notices.people.directory import Entry
from notices.write.card import Links
from notices.write.compose import compose
from notices.write.mime import Sender, build, envelope

KEYS = Keys(b"a key for tests that is long enough")
SENDER = Sender("Beforehand Market", "notices@beforehand.example")
LINKS = Links(action="http://127.0.0.1:8765/n/view.abc", stop="http://127.0.0.1:8765/n/stop.abc")


class Maildir:
    """Writes mails as a local relay does: one file each, under ``new``."""

    def __init__(self, root: Path) -> None:
        self.new = root / "new"
        for folder in ("new", "cur", "tmp"):
            (root / folder).mkdir(parents=True, exist_ok=True)

    def add(self, key: str, raw: bytes, at: datetime) -> None:
        (self.new / key).write_bytes(raw)
        os.utime(self.new / key, (at.timestamp(), at.timestamp()))


def message_id(notice_id: str) -> str:
    return envelope(SENDER, "nobody@example.net", notice_id, KEYS).message_id


def written(kind: str, evidence: dict[str, Any], entry: Entry, notice_id: str, at: datetime) -> bytes:
    """The bytes of one notice, composed and built by the product."""
    said, language = compose(kind, "heads_up", evidence, entry, LINKS, "Beforehand Market"), entry.locale
    path = envelope(SENDER, str(entry.email), notice_id, KEYS)
    return build(
        said,
        path,
        SENDER,
        LINKS,
        recipient_name=entry.name,
        kind=kind,
        stage="heads_up",
        language=language,
        date=at,
    )


def letter(to: str, subject: str, text: str, html: str | None = None, message_id: str = "<other@example.net>") -> bytes:
    """A mail of any content."""
    message = EmailMessage()
    message["From"] = "Someone <someone@elsewhere.example>"
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = message_id
    message["X-RcptTo"] = to
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()
