"""What goes over an open connection to a relay: commands out, whole replies in, each to the command that asked.

aiosmtplib opens the connection (TLS, EHLO, AUTH); then this takes it over, because several commands may be on their way
at once (RFC 2920) and because a reply that nobody asked for must end the connection: it would be taken for the next.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from typing import cast

import aiosmtplib

MAX_LINE = 8_192
MAX_REPLY = 32_768
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?", re.DOTALL)


class Lost(ConnectionError):
    """The connection is over, or no longer to be trusted: what is asked now cannot be answered."""


class OddReply(ValueError):
    """Something that is no SMTP reply."""


class Wire(asyncio.Protocol):
    """The protocol of one connection, from after its opening to its end. One user at a time."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._buffer = bytearray()
        self._texts: list[str] = []
        self._replies: deque[aiosmtplib.SMTPResponse] = deque()
        self._expected = 0
        self._over: Exception | None = None
        self._heard: asyncio.Future[None] | None = None
        self._room = asyncio.Event()
        self._room.set()

    @classmethod
    def over(cls, client: aiosmtplib.SMTP) -> Wire:
        """Take over what aiosmtplib opened. Raises Lost where it ended meanwhile or the relay already said more."""
        opened = client.protocol
        if opened is None or not opened.is_connected:
            raise Lost("the relay closed the connection")
        if getattr(opened, "_buffer", b""):
            client.close()
            raise Lost("the relay spoke out of turn")
        transport = cast("asyncio.Transport", opened.transport)
        wire = cls(transport)
        transport.set_protocol(wire)
        return wire

    @property
    def is_open(self) -> bool:
        """Whether a command may be sent: nothing was said unasked, and nobody hung up."""
        return self._over is None and not self._transport.is_closing()

    def say(self, *commands: bytes, after: bytes = b"") -> None:
        """Send commands in one write; each gets one reply. Raises Lost, or ValueError for control characters.

        after: what goes before them in the same write and is no command.
        """
        if any(_CONTROL.search(command) for command in commands):
            raise ValueError("a command holds a control character")
        self._check()
        self._expected += len(commands)
        self._transport.write(after + b"".join(command + b"\r\n" for command in commands))

    async def send(self, data: bytes, seconds: float) -> None:
        """Send what is no command; returns when it is on its way. Raises Lost, or TimeoutError."""
        self._check()
        self._transport.write(data)
        if not self._room.is_set():
            async with asyncio.timeout(seconds):
                await self._room.wait()
        self._check()

    async def look(self) -> None:
        """One turn of the loop: what the relay said unasked meanwhile is seen. Raises Lost."""
        await asyncio.sleep(0)
        self._check()

    async def hear(self, seconds: float) -> aiosmtplib.SMTPResponse:
        """The reply to the oldest command without one. Raises Lost, OddReply or TimeoutError."""
        if not self._replies:
            if self._over is not None:
                raise self._over
            loop = asyncio.get_running_loop()
            self._heard = loop.create_future()
            late = loop.call_later(seconds, self._wake, TimeoutError())  # asyncio.timeout costs as much as the mail
            try:
                await self._heard
            finally:
                late.cancel()
                self._heard = None
        return self._replies.popleft()

    def close(self) -> None:
        """Hang up at once, whatever is on its way."""
        self._end(Lost("closed from here"))
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Cut into replies; anything that is none, or that nobody asked for, ends the connection."""
        self._buffer += data
        try:
            while (end := self._buffer.find(b"\n")) >= 0:
                line = bytes(self._buffer[:end]).rstrip(b"\r")
                del self._buffer[: end + 1]
                self._take(line)
        except (OddReply, Lost) as error:
            self._end(error)
            self._transport.abort()
        if len(self._buffer) > MAX_LINE:
            self._end(OddReply("a line without an end"))
            self._transport.abort()

    def eof_received(self) -> bool:
        """The relay says nothing more: so do we."""
        self._end(Lost("the relay closed the connection"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the transport."""
        self._end(Lost(f"the connection broke: {exc}" if exc else "the relay closed the connection"))
        self._room.set()

    def pause_writing(self) -> None:
        """Called by the transport: the relay takes no more at the moment."""
        self._room.clear()

    def resume_writing(self) -> None:
        """Called by the transport."""
        self._room.set()

    def _take(self, line: bytes) -> None:
        found = _LINE.fullmatch(line)
        if found is None or len(line) > MAX_LINE:
            raise OddReply(f"not a reply: {line[:80].decode('utf-8', 'replace')!r}")
        if self._expected == 0:
            raise Lost(f"the relay spoke out of turn: {line[:80].decode('utf-8', 'replace')}")
        self._texts.append((found[3] or b"").decode("utf-8", "replace").strip())
        if sum(map(len, self._texts)) > MAX_REPLY:
            raise OddReply("a reply without an end")
        if found[2] == b"-":
            return
        self._expected -= 1
        self._replies.append(aiosmtplib.SMTPResponse(int(found[1]), "\n".join(self._texts)))
        self._texts.clear()
        self._wake()

    def _check(self) -> None:
        if self._over is not None:
            raise self._over
        if self._transport.is_closing():
            raise Lost("the connection is closing")

    def _end(self, error: Exception) -> None:
        if self._over is None:
            self._over = error
        self._wake()

    def _wake(self, late: TimeoutError | None = None) -> None:
        """Tell who listens: a reply is there, or none will come. ``late``: the time for it is over."""
        if self._heard is None or self._heard.done():
            return
        if self._replies:
            self._heard.set_result(None)
        elif (error := self._over or late) is not None:
            self._heard.set_exception(error)
