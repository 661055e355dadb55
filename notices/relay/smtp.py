"""The only door to a relay (aiosmtplib): one message at a time on one connection, and always knowing how far it got.

MAIL, RCPT, DATA and the final dot are driven as separate commands, so that a connection that drops before the dot
(surely not accepted) is told from one that drops after it (perhaps accepted). Any timeout, cancel or odd reply closes
the connection: a late reply must never be credited to the next message.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address

import aiosmtplib

from notices.relay.wire import Lost, Wire
from settings import Relay

ACCEPTED, LATER, REFUSED, RELAY_DOWN, UNCERTAIN = "accepted", "later", "failed", "relay_down", "uncertain"
CONNECT_SECONDS = 15.0
COMMAND_SECONDS = 60.0
DOT_SECONDS = 600.0  # RFC 5321: a relay may take this long to say yes, and giving up early makes duplicates
QUIT_SECONDS = 5.0
HELO_NAME = "beforehand.localhost"
OK = 250
START_INPUT = 354
MOST_AT_ONCE = 65_536  # bytes that a connection takes without waiting
CLOSING = 421
RELAY_CODES = {CLOSING, 454, 530, 534, 535, 538}
Envelope = tuple[str, str]  # sender and recipient
_LINE_END = re.compile(rb"\r\n|\r|\n")


class RelayRefused(ValueError):
    """A relay that may not be used as it is set, whatever it answers."""


@dataclass(frozen=True, slots=True)
class Reply:
    """How a message ended. result: accepted, later, failed, relay_down or uncertain; phase: where it ended."""

    result: str
    phase: str
    code: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for a relay."""

    connect: float = CONNECT_SECONDS
    command: float = COMMAND_SECONDS
    dot: float = DOT_SECONDS


def name_of(relay: Relay) -> str:
    """How a relay is called in states and messages: never with its password."""
    return f"{relay.scheme}://{relay.host}:{relay.port}"


def allowed(relay: Relay, *, plain_by_name: str | None = None) -> Relay:
    """The relay, if what it is sent stays secret on the way. Raises RelayRefused for plain SMTP to another machine.

    plain_by_name: the one host for which plain SMTP was switched on by name (default: what the relay's setting says).
    """
    if relay.scheme == "smtp" and not is_loopback(relay.host) and relay.host != (plain_by_name or relay.plain_host):
        raise RelayRefused(
            f"{name_of(relay)} would carry mail in clear to another machine. Nothing was sent. "
            "Use smtp+starttls:// or smtps:// in BEFOREHAND_SMTP_URL."
        )
    return relay


def is_loopback(host: str) -> bool:
    """Whether what is sent there stays on this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Connection:
    """One connection to one relay, opened when first needed and again after any trouble. For one message at a time."""

    def __init__(
        self, relay: Relay, *, timeouts: Timeouts | None = None, tls_context: ssl.SSLContext | None = None
    ) -> None:
        self._relay = relay
        self._timeouts = timeouts or Timeouts()
        self._tls_context = tls_context
        self._wire: Wire | None = None
        self._pipelines = False
        self._phase = "connect"
        self._ahead: Envelope | None = None  # already on its way, behind the dot of the last message

    @property
    def is_open(self) -> bool:
        """Whether the next message needs no new connection, as far as is known."""
        return self._wire is not None and self._wire.is_open

    async def deliver(
        self,
        sender: str,
        recipient: str,
        mime: bytes,
        may_finish: Callable[[], bool],
        at_point: Callable[[str], None] = lambda _point: None,
        *,
        may_begin: Callable[[], bool] = lambda: True,
        following: Callable[[], Envelope | None] = lambda: None,
    ) -> Reply:
        """Offer one message. ``may_begin`` is asked before the body, ``may_finish`` before the final dot: False ends it
        unsent.

        following: asked with the dot, where the relay takes several commands at once, for the envelope of the message
        that this connection is given next. It goes out behind the dot, so that a message costs one wait. Only the
        message that it belongs to may come next; else close.

        sender and recipient go into the commands exactly as given. ``at_point`` hears how far it got: opened, envelope,
        go_ahead, body, dot. Never raises for what a relay or network does; a cancel closes the connection and is
        raised on.
        """
        if self._ahead is not None and self._ahead != (sender, recipient):
            self.close()
        was_open, self._phase = self.is_open, "connect"
        try:
            wire = await self._opened()
            at_point("opened")
            ended = await self._envelope(wire, (sender, recipient), at_point)
            if ended is not None:
                return await self._after(wire, ended)
            at_point("go_ahead")
            if not may_begin():
                return self._left("it was stopped before the body")
            return await self._body(wire, _stuffed(mime), may_finish, at_point, following)
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            self.close()
            if was_open and self._phase == "mail" and isinstance(error, Lost):  # it closed while we were idle
                return await self.deliver(
                    sender, recipient, mime, may_finish, at_point, may_begin=may_begin, following=following
                )
            return _broken(self._phase, error)
        except BaseException:  # a cancel: its reply may still come, and must not meet the next message
            self.close()
            raise

    async def _body(
        self,
        wire: Wire,
        body: bytes,
        may_finish: Callable[[], bool],
        at_point: Callable[[str], None],
        following: Callable[[], Envelope | None],
    ) -> Reply:
        """The body and its final dot, and what the relay says to that."""
        await wire.look()
        at_point("body")
        if len(body) > MOST_AT_ONCE:  # may take so long that the lease must be looked at before the dot
            await wire.send(body, self._timeouts.command)
            await wire.look()
            body = b""
        if not may_finish():
            return self._left("the lease ran out before the final dot")
        self._ahead = following() if self._pipelines else None
        wire.say(b".", *(_commands(self._ahead) if self._ahead is not None else ()), after=body)
        self._phase = "dot"
        at_point("dot")
        reply = await wire.hear(self._timeouts.dot)
        refused = _judge("dot", reply)
        if refused is not None:
            return await self._after(wire, refused)
        return Reply(ACCEPTED, "done", reply.code, reply.message)

    def _left(self, why: str) -> Reply:
        """What is left before its end: the relay has a mail without its end, so the connection is over."""
        self.close()
        return Reply(LATER, "data", None, why)

    async def quit(self) -> None:
        """Say goodbye if there is somebody to say it to."""
        if self._wire is not None and self._wire.is_open and self._ahead is None:
            with suppress(OSError, TimeoutError, ValueError):
                self._wire.say(b"QUIT")
                await self._wire.hear(min(QUIT_SECONDS, self._timeouts.command))
        self.close()

    def close_if_ahead(self) -> None:
        """Drop the connection if the envelope of a message is on its way that will not come."""
        if self._ahead is not None:
            self.close()

    def close(self) -> None:
        """Drop the connection at once."""
        wire, self._wire, self._ahead = self._wire, None, None
        if wire is not None:
            wire.close()

    async def _opened(self) -> Wire:
        if self._wire is not None and self._wire.is_open:
            return self._wire
        self.close()  # what went ahead on the last connection did not go on the next
        relay = self._relay
        context = self._tls_context
        if context is None and relay.ca_file is not None:
            context = ssl.create_default_context(cafile=relay.ca_file)
        client = aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            username=relay.username,
            password=relay.password,
            local_hostname=HELO_NAME,
            timeout=self._timeouts.connect,
            use_tls=relay.scheme == "smtps",
            start_tls=relay.scheme == "smtp+starttls",  # True is an order: without TLS there is no AUTH and no mail
            tls_context=context,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
            self._wire = Wire.over(client)
        except BaseException:
            client.close()
            raise
        self._pipelines = client.supports_extension("pipelining")
        return self._wire

    async def _envelope(self, wire: Wire, envelope: Envelope, at_point: Callable[[str], None]) -> Reply | None:
        """MAIL, RCPT and DATA: in one write where the relay takes that, else one by one. None: the body may come.

        Each reply belongs to the command of its place in the order. The first one that is not as hoped decides.
        """
        commands = tuple(zip(("mail", "rcpt", "data"), _commands(envelope), strict=True))
        ended: Reply | None = None
        self._phase = "mail"
        if self._pipelines:
            if self._ahead is None:
                wire.say(*(command for _, command in commands))
            self._ahead = None
            at_point("envelope")
        for phase, command in commands:
            self._phase = phase if ended is None else self._phase
            if not self._pipelines:
                wire.say(command)
                if phase == "rcpt":
                    at_point("envelope")
            try:
                reply = await wire.hear(self._timeouts.command)
            except (OSError, TimeoutError, ValueError):
                if ended is None:
                    raise
                self.close()  # what was said first still holds
                return ended
            ended = ended or _judge(phase, reply)
            if ended is not None and (not self._pipelines or ended.result == RELAY_DOWN or is_odd(ended)):
                return ended
        if ended is not None and reply.code == START_INPUT:
            self.close()  # it waits for a body that nobody may have
        return ended

    async def _after(self, wire: Wire, ended: Reply) -> Reply:
        """Make the connection fit for the next message, or close it."""
        if is_odd(ended) or ended.result == RELAY_DOWN:
            self.close()
        elif ended.phase != "dot" and wire.is_open:  # after the dot the transaction is over by itself
            try:
                wire.say(b"RSET")
                if (await wire.hear(self._timeouts.command)).code != OK:
                    self.close()
            except (OSError, TimeoutError, ValueError):
                self.close()
        return ended


def _commands(envelope: Envelope) -> tuple[bytes, bytes, bytes]:
    sender, recipient = envelope
    return b"MAIL FROM:<" + sender.encode("ascii") + b">", b"RCPT TO:<" + recipient.encode("ascii") + b">", b"DATA"


def is_odd(ended: Reply) -> bool:
    """Whether the relay said what has no place there: nothing that follows can be trusted."""
    return ended.code is None or ended.code // 100 not in {4, 5}


def _judge(phase: str, reply: aiosmtplib.SMTPResponse) -> Reply | None:
    """What a reply means at this point; None: as hoped, go on."""
    code, text = reply.code, reply.message
    if code == (START_INPUT if phase == "data" else OK) or (phase == "rcpt" and code == OK + 1):
        return None
    kind = code // 100
    if code in RELAY_CODES or (phase == "mail" and kind == 5):  # noqa: PLR2004 - 5xx
        return Reply(RELAY_DOWN, phase, code, text)
    if kind == 5:  # noqa: PLR2004 - 5xx
        return Reply(REFUSED, phase, code, text)
    if kind == 4:  # noqa: PLR2004 - 4xx
        return Reply(LATER, phase, code, text)
    return Reply(UNCERTAIN if phase == "dot" else LATER, phase, code, f"odd reply: {text}")


def _stuffed(mime: bytes) -> bytes:
    """The body as it goes over the wire, dots doubled, all but the final dot."""
    # as it is composed; anything else is put right, which takes longer
    is_whole = mime.count(b"\r\n") == mime.count(b"\n") == mime.count(b"\r")
    lines = mime if is_whole else _LINE_END.sub(b"\r\n", mime)
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    return (b"\r\n" + lines).replace(b"\r\n.", b"\r\n..")[2:]


def _broken(phase: str, error: Exception) -> Reply:
    """What an exception means here: after the dot nobody knows; before any recipient it is the relay's trouble."""
    code = error.code if isinstance(error, aiosmtplib.SMTPResponseException) else None
    text = f"{type(error).__name__}: {error}"
    if phase == "dot":
        return Reply(UNCERTAIN, phase, code, text)
    return Reply(RELAY_DOWN if phase in {"connect", "mail"} else LATER, phase, code, text)
