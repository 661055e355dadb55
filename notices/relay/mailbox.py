"""The demo's relay: a real SMTP server on this machine that writes each message into a Maildir. Nothing leaves.

A message is answered with 250 only after it is on the disk, and the same message again is the same file.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from settings import Relay

LOOPBACK = "127.0.0.1"
GREETING = "Beforehand local mailbox"
MAX_MESSAGE = 20_000_000


class Mailbox:
    """Writes accepted messages under ``path`` (``new``, ``cur``, ``tmp``): one file per message and recipient."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for folder in ("new", "cur", "tmp"):
            (path / folder).mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep the message, then say so. A full disk is a reason to try later, not to lose mail."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        try:
            for recipient in envelope.rcpt_tos:
                await asyncio.to_thread(self._keep, envelope.mail_from or "", recipient, content)
        except OSError as error:
            return f"452 4.3.1 cannot be written: {error.strerror}"
        return "250 2.0.0 kept"

    def _keep(self, sender: str, recipient: str, content: bytes) -> None:
        head = f"Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\n".encode()
        name = hashlib.sha256(head + content).hexdigest()[:40]
        kept, part = self.path / "new" / name, self.path / "tmp" / f"{name}.{threading.get_ident()}"
        with part.open("wb") as file:
            file.write(head + content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(kept)
        folder = os.open(kept.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def running(path: Path, host: str = LOOPBACK, port: int = 0) -> Iterator[Relay]:
    """A mailbox server in a thread of this process, for as long as the block lasts. Port 0: any free one."""
    listening = socket.create_server((host, port))
    ready = threading.Event()
    ending: list[Callable[[], object]] = []
    mailbox = Mailbox(path)

    async def live() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        ending.append(lambda: loop.call_soon_threadsafe(over.set))
        server = await loop.create_server(lambda: _session(mailbox), sock=listening)
        ready.set()
        await over.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(live(),), name="mailbox", daemon=True)
    thread.start()
    ready.wait()
    try:
        yield Relay("smtp", host, listening.getsockname()[1])
    finally:
        ending[0]()
        thread.join()


def _session(mailbox: Mailbox) -> SMTP:
    return SMTP(mailbox, ident=GREETING, data_size_limit=MAX_MESSAGE, loop=asyncio.get_running_loop())


def serve(path: Path, host: str = LOOPBACK, port: int = 2525) -> None:
    """Run a mailbox server until interrupted."""
    with running(path, host, port):
        threading.Event().wait()
