"""The only door to a relay (aiosmtplib): one message at a time on one connection, and always knowing how far it got.

MAIL, RCPT, DATA and the final dot are driven as separate commands, so that a connection that drops before the dot
(surely not accepted) is told from one that drops after it (perhaps accepted). Any timeout, cancel or odd reply closes
the connection: a late reply must never be credited to the next message.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

import aiosmtplib

from settings import Relay

ACCEPTED, LATER, REFUSED, RELAY_DOWN, UNCERTAIN = "accepted", "later", "failed", "relay_down", "uncertain"
CONNECT_SECONDS = 15.0
COMMAND_SECONDS = 60.0
DOT_SECONDS = 600.0  # RFC 5321: a relay may take this long to say yes, and giving up early makes duplicates
HELO_NAME = "beforehand.localhost"
OK = 250
START_INPUT = 354
CLOSING = 421
RELAY_CODES = {CLOSING, 454, 530, 534, 535, 538}
_LINE_END = re.compile(rb"\r\n|\r|\n")
_DOT_AT_START = re.compile(rb"(?m)^\.")


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

    plain_by_name: the one host for which plain SMTP was switched on by name.
    """
    if relay.scheme == "smtp" and not is_loopback(relay.host) and relay.host != plain_by_name:
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
        self._client: aiosmtplib.SMTP | None = None

    async def deliver(self, sender: str, recipient: str, mime: bytes, may_finish: Callable[[], bool]) -> Reply:
        """Offer one message. ``may_finish`` is asked between the body and the final dot: False ends it unsent.

        sender and recipient go into the commands exactly as given. Never raises for what a relay or network does;
        a cancel closes the connection and is raised on.
        """
        phase = "connect"
        was_open = self._client is not None and self._client.is_connected
        try:
            client = await self._opened()
            for phase, command in (
                ("mail", b"MAIL FROM:<" + sender.encode("ascii") + b">"),
                ("rcpt", b"RCPT TO:<" + recipient.encode("ascii") + b">"),
                ("data", b"DATA"),
            ):
                _expect_silence(client)
                reply = await client.execute_command(command, timeout=self._timeouts.command)
                ended = self._judge(phase, reply)
                if ended is not None:
                    return await self._after(client, ended)
            self._write(client, mime)
            if not may_finish():
                self.close()
                return Reply(LATER, "data", None, "the lease ran out before the final dot")
            _expect_silence(client)
            phase = "dot"
            reply = await client.execute_command(b".", timeout=self._timeouts.dot)
            ended = self._judge(phase, reply)
            if ended is not None:
                return await self._after(client, ended)
            return Reply(ACCEPTED, "done", reply.code, reply.message)
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            self.close()
            if was_open and phase == "mail" and isinstance(error, aiosmtplib.SMTPServerDisconnected):
                return await self.deliver(sender, recipient, mime, may_finish)  # it had closed while we were idle
            return _broken(phase, error)
        except asyncio.CancelledError:
            self.close()
            raise

    async def quit(self) -> None:
        """Say goodbye if there is somebody to say it to."""
        client, self._client = self._client, None
        if client is None or not client.is_connected:
            return
        try:
            await client.quit(timeout=self._timeouts.command)
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            client.close()

    def close(self) -> None:
        """Drop the connection at once."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def _opened(self) -> aiosmtplib.SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        relay = self._relay
        client = aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            username=relay.username,
            password=relay.password,
            local_hostname=HELO_NAME,
            timeout=self._timeouts.connect,
            use_tls=relay.scheme == "smtps",
            start_tls=relay.scheme == "smtp+starttls",  # True is an order: without TLS there is no AUTH and no mail
            tls_context=self._tls_context,
        )
        self._client = client
        await client.connect()
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
        return client

    @staticmethod
    def _write(client: aiosmtplib.SMTP, mime: bytes) -> None:
        """The body, dots doubled, all but the final dot."""
        lines = _LINE_END.sub(b"\r\n", mime)
        if not lines.endswith(b"\r\n"):
            lines += b"\r\n"
        if client.protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        client.protocol.write(_DOT_AT_START.sub(b"..", lines))

    @staticmethod
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

    async def _after(self, client: aiosmtplib.SMTP, ended: Reply) -> Reply:
        """Make the connection fit for the next message, or close it."""
        is_odd = ended.code is None or ended.code // 100 not in {4, 5}
        if is_odd or ended.result == RELAY_DOWN:
            self.close()
        elif ended.phase != "dot":  # after the dot the transaction is over by itself
            try:
                await client.rset(timeout=self._timeouts.command)
            except (aiosmtplib.SMTPException, OSError, TimeoutError):
                self.close()
        return ended


def _expect_silence(client: aiosmtplib.SMTP) -> None:
    """Before we speak, nothing may be left of what the relay said: it would be taken for the next reply."""
    if client.protocol is None or not client.is_connected:
        raise aiosmtplib.SMTPServerDisconnected("Connection lost")
    if getattr(client.protocol, "_buffer", b""):
        raise aiosmtplib.SMTPServerDisconnected("the relay spoke out of turn")


def _broken(phase: str, error: Exception) -> Reply:
    """What an exception means here: after the dot nobody knows; before any recipient it is the relay's trouble."""
    code = error.code if isinstance(error, aiosmtplib.SMTPResponseException) else None
    text = f"{type(error).__name__}: {error}"
    if phase == "dot":
        return Reply(UNCERTAIN, phase, code, text)
    return Reply(RELAY_DOWN if phase in {"connect", "mail"} else LATER, phase, code, text)
