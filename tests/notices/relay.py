"""A real SMTP server of the tests' own: keeps to the protocol unless told otherwise, and logs every acceptance."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from settings import Relay

DROP = "drop"
HANG = "hang"
VERBS = ("CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BODY", "DOT")
USUAL = {
    "CONNECT": "220 test relay",
    "STARTTLS": "220 go ahead",
    "AUTH": "235 welcome",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go on",
    "DOT": "250 queued",
    "RSET": "250 ok",
    "QUIT": "221 bye",
}
Script = Callable[[str, int], str | None]


@dataclass
class Log:
    """What happened: Message-IDs in the order of acceptance (the 250 was written), recipients, and commands seen."""

    accepted: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)  # the whole message arrived, whatever was answered
    recipients: list[str] = field(default_factory=list)
    verbs: Counter[str] = field(default_factory=Counter)
    bursts: list[str] = field(default_factory=list)  # verbs that were there together, before the first was answered


class Session:
    def __init__(
        self, log: Log, script: Script, extensions: tuple[str, ...], tls: ssl.SSLContext | None, delay: float
    ) -> None:
        self.log, self.script, self.extensions, self.tls, self.delay = log, script, extensions, tls, delay

    async def run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        try:
            if await self.answer("CONNECT"):
                while line := await reader.readline():
                    self.note_burst(line, reader)
                    if not await self.command(line.decode("latin-1").strip(), reader):
                        break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def note_burst(self, line: bytes, reader: asyncio.StreamReader) -> None:
        """What else had arrived when a MAIL was read."""
        waiting = bytes(reader._buffer)  # type: ignore[attr-defined]
        if line.upper().startswith(b"MAIL") and waiting:
            verbs = [one.split(b" ", 1)[0].decode() for one in (line + waiting).split(b"\r\n") if one]
            self.log.bursts.append(" ".join(verbs))

    async def command(self, line: str, reader: asyncio.StreamReader) -> bool:
        verb = line.split(" ", 1)[0].upper()
        if verb == "EHLO":
            listed = ["test relay", *self.extensions]
            text = "\r\n".join(f"250{'-' if at < len(listed) - 1 else ' '}{name}" for at, name in enumerate(listed))
            return await self.answer("EHLO", text)
        if verb == "RCPT":
            self.log.recipients.append(line)
        if not await self.answer(verb):
            return False
        if verb == "STARTTLS" and self.tls is not None:
            await self.writer.start_tls(self.tls)
        return await self.body(reader) if verb == "DATA" and self.said.startswith("354") else verb != "QUIT"

    async def body(self, reader: asyncio.StreamReader) -> bool:
        if self.script("BODY", self.log.verbs["BODY"]) == DROP:
            self.log.verbs["BODY"] += 1
            return False
        content = await reader.readuntil(b"\r\n.\r\n")
        message_id = re.search(rb"(?im)^message-id: (<.*>)", content)
        self.log.taken.append(message_id[1].decode() if message_id else "?")
        accepted = await self.answer("DOT")
        if self.said.startswith("250"):
            self.log.accepted.append(self.log.taken[-1])
        return accepted

    async def answer(self, verb: str, usual: str | None = None) -> bool:
        """Say what the script wants, else what is usual. False: the connection is over."""
        count = self.log.verbs[verb]
        self.log.verbs[verb] += 1
        said = self.script(verb, count) or usual or USUAL.get(verb, "502 what?")
        self.said = said
        if said == DROP:
            return False
        if said == HANG:
            await asyncio.sleep(3600)
        if self.delay:
            await asyncio.sleep(self.delay)
        self.writer.write(said.encode() + b"\r\n")
        await self.writer.drain()
        return not said.startswith("421")


@contextmanager
def running(
    script: Script = lambda _verb, _count: None,
    *,
    scheme: str = "smtp",
    extensions: tuple[str, ...] = (),
    tls: ssl.SSLContext | None = None,
    delay: float = 0.0,
    password: str | None = None,
) -> Iterator[tuple[Relay, Log]]:
    """The server in a thread, for as long as the block lasts."""
    log, ready, ending, ports = Log(), threading.Event(), [], []

    async def live() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        ending.append(lambda: loop.call_soon_threadsafe(over.set))
        talk = lambda reader, writer: Session(log, script, extensions, tls, delay).run(reader, writer)  # noqa: E731
        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls if scheme == "smtps" else None)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        await over.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(live(),), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield Relay(scheme, "127.0.0.1", ports[0], "user" if password else None, password), log
    finally:
        ending[0]()
        thread.join()


@contextmanager
def nobody() -> Iterator[Relay]:
    """A relay that refuses connections. Its port stays taken for the block, so that no other server can get it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused at once
        yield Relay("smtp", "127.0.0.1", bound.getsockname()[1])


def only(verb: str, said: str, times: int = 1_000_000) -> Script:
    """Say this to that verb, the first so many times."""
    return lambda at, count: said if at == verb and count < times else None
