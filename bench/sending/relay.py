"""A real SMTP server of our own: keeps to the protocol unless told otherwise, and logs every acceptance.

It runs in a thread of the process that judges; who sends to it lives and dies elsewhere.
"""

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
ByMail = Callable[[str, str], str | None]
_ADDRESS = re.compile(r"<(.*)>")


@dataclass
class Transaction:
    """One try of one mail, as the server saw it: what it said to each verb, in order."""

    recipient: str = ""
    message_id: str = ""
    said: dict[str, str] = field(default_factory=dict)

    @property
    def is_accepted(self) -> bool:
        """Whether this server has the mail now: it keeps what it answered with 250, and what it fell silent about."""
        return self.said.get("DOT", "").startswith("250") or self.said.get("DOT") == HANG


@dataclass
class Log:
    """What happened: Message-IDs in the order of acceptance (the 250 was written), recipients, and commands seen."""

    accepted: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)  # the whole message arrived, whatever was answered
    recipients: list[str] = field(default_factory=list)
    verbs: Counter[str] = field(default_factory=Counter)
    bursts: list[str] = field(default_factory=list)  # verbs that were there together, before the first was answered
    behind_dots: list[str] = field(default_factory=list)  # verbs that were there before a final dot was answered
    transactions: list[Transaction] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)  # as they came, dots undoubled

    def last_by_recipient(self) -> dict[str, Transaction]:
        """The last try of each mail whose recipient was named."""
        return {one.recipient: one for one in self.transactions if one.recipient}


@dataclass(frozen=True)
class Manner:
    """How the server behaves. ``script``: by verb and how often it came; ``by_mail``: by verb and recipient."""

    script: Script = lambda _verb, _count: None
    by_mail: ByMail = lambda _verb, _recipient: None
    extensions: tuple[str, ...] = ()
    delay: float | Callable[[str], float] = 0.0
    keeps: bool = False  # the mails themselves
    names_mails: bool = False  # each reply after the envelope names the mail it is about


class Session:
    """One connection."""

    def __init__(self, log: Log, manner: Manner, tls: ssl.SSLContext | None) -> None:
        self.log, self.manner, self.tls = log, manner, tls
        self.mail = Transaction()
        self.said = ""

    async def run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk until either side ends it."""
        self.writer = writer
        try:
            if await self.answer("CONNECT"):
                while line := await reader.readline():
                    self.note_burst(line, reader)
                    if not await self.command(line.decode("latin-1").strip(), reader):
                        break
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass  # either side is gone
        finally:
            writer.close()

    def note_burst(self, line: bytes, reader: asyncio.StreamReader) -> None:
        """What else had arrived when a MAIL was read."""
        waiting = _waiting(reader)
        if line.upper().startswith(b"MAIL") and waiting:
            self.log.bursts.append(_verbs(line + waiting))

    async def command(self, line: str, reader: asyncio.StreamReader) -> bool:
        """Answer one command. False: the connection is over."""
        verb = line.split(" ", 1)[0].upper()
        if verb == "EHLO":
            listed = ["test relay", *self.manner.extensions]
            text = "\r\n".join(f"250{'-' if at < len(listed) - 1 else ' '}{name}" for at, name in enumerate(listed))
            return await self.answer("EHLO", text)
        if verb == "MAIL":
            self.mail = Transaction()
            self.log.transactions.append(self.mail)
        if verb == "RCPT":
            self.log.recipients.append(line)
            address = _ADDRESS.search(line)
            self.mail.recipient = address[1] if address else "?"
        if not await self.answer(verb):
            return False
        if verb == "STARTTLS" and self.tls is not None:
            await self.writer.start_tls(self.tls)
        return await self.body(reader) if verb == "DATA" and self.said.startswith("354") else verb != "QUIT"

    async def body(self, reader: asyncio.StreamReader) -> bool:
        """Take the message and answer its final dot. False: the connection is over."""
        script = self.manner.script("BODY", self.log.verbs["BODY"]) or self.manner.by_mail("BODY", self.mail.recipient)
        if script == DROP:
            self.log.verbs["BODY"] += 1
            self.mail.said["BODY"] = DROP
            return False
        content = await reader.readuntil(b"\r\n.\r\n")
        self.log.behind_dots.append(_verbs(_waiting(reader)))
        message_id = re.search(rb"(?im)^message-id: (<.*>)", content)
        self.mail.message_id = message_id[1].decode() if message_id else "?"
        self.log.taken.append(self.mail.message_id)
        if self.manner.keeps:
            self.log.contents.append(content[:-3].replace(b"\r\n..", b"\r\n."))
        accepted = await self.answer("DOT")
        if self.said.startswith("250"):
            self.log.accepted.append(self.mail.message_id)
        return accepted

    async def answer(self, verb: str, usual: str | None = None) -> bool:
        """Say what the manner wants, else what is usual. False: the connection is over."""
        count = self.log.verbs[verb]
        self.log.verbs[verb] += 1
        wanted = self.manner.script(verb, count) or self.manner.by_mail(verb, self.mail.recipient)
        said = wanted or usual or USUAL.get(verb, "502 what?")
        if self.manner.names_mails and verb in {"RCPT", "DATA", "DOT"} and said not in {DROP, HANG}:
            said = f"{said} {self.mail.recipient}"
        self.said = self.mail.said[verb] = said
        if said == DROP:
            return False
        if said == HANG:
            await asyncio.sleep(3600)
        delay = self.manner.delay(verb) if callable(self.manner.delay) else self.manner.delay
        if delay:
            await asyncio.sleep(delay)
        self.writer.write(said.encode() + b"\r\n")
        await self.writer.drain()
        return not said.startswith("421")


def _waiting(reader: asyncio.StreamReader) -> bytes:
    return bytes(reader._buffer)  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way to see it


def _verbs(lines: bytes) -> str:
    return " ".join(one.split(b" ", 1)[0].decode() for one in lines.split(b"\r\n") if one)


@contextmanager
def running(
    script: Script = lambda _verb, _count: None,
    *,
    scheme: str = "smtp",
    tls: ssl.SSLContext | None = None,
    password: str | None = None,
    extensions: tuple[str, ...] = (),
    manner: Manner | None = None,
) -> Iterator[tuple[Relay, Log]]:
    """The server in a thread, for as long as the block lasts. ``manner`` says all that script and extensions say."""
    log, ready, ending, ports = Log(), threading.Event(), [], []
    behaves = manner or Manner(script=script, extensions=extensions)

    async def live() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        ending.append(lambda: loop.call_soon_threadsafe(over.set))
        writers: list[asyncio.StreamWriter] = []

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            await Session(log, behaves, tls).run(reader, writer)

        within = tls if scheme == "smtps" else None
        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=within, limit=2**24, backlog=256)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        await over.wait()
        server.close()
        for writer in writers:
            writer.transport.abort()  # a TLS goodbye that the other side never answers would outlive the loop
        await asyncio.sleep(0)
        await asyncio.sleep(0)

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
