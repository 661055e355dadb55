"""The bytes that go over the wire: headers and parts, all fixed at planning and the same on every rebuild."""

from __future__ import annotations

from binascii import b2a_qp
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parseaddr
from functools import lru_cache

from notices.keys import Keys
from notices.people.address import checked
from notices.write.card import Links
from notices.write.compose import Composed
from notices.write.encoded_words import encoded_words
from notices.write.formats import name

ID_LENGTH = 24
BOUNCE_SIGNATURE = 20  # 80 bits: nobody guesses a return path, and a local part has at most 64 letters
SHORT_LINE = 76


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where one message goes and how it is known: ``recipient`` is exactly what RCPT says."""

    sender: str
    recipient: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Sender:
    """Who we write as, from ``Name <address>``. Raises AddressRefused for an address that cannot be used."""

    name: str
    address: str

    @classmethod
    def parse(cls, mail_from: str) -> Sender:
        shown, address = parseaddr(mail_from)
        return cls(name(shown), checked(address))

    @property
    def domain(self) -> str:
        """In lower case: what comes back has often lost its capitals."""
        return self.address.rpartition("@")[2].lower()


def envelope(sender: Sender, recipient: str, notice_id: str, keys: Keys) -> Envelope:
    """The envelope of a notice, the same every time. The return path is signed, so that a bounce cannot be forged."""
    short = notice_id[:ID_LENGTH]
    signature = keys.digest("bounce", notice_id)[:BOUNCE_SIGNATURE]
    return Envelope(
        sender=f"bounce+{short}.{signature}@{sender.domain}",
        recipient=checked(recipient),
        message_id=f"<{short}@{sender.domain}>",
    )


def build(
    composed: Composed,
    path: Envelope,
    sender: Sender,
    links: Links,
    *,
    recipient_name: str | None,
    kind: str,
    stage: str,
    language: str,
    date: datetime,
) -> bytes:
    """One message to one person: text and HTML, CRLF, seven-bit. The same input gives the same bytes.

    Put together from prepared parts: email.message builds a few hundred a second, which is less than a relay takes.
    """
    boundary = f"=_{path.message_id[1 : ID_LENGTH + 1]}"
    headers = (
        ("From", _mailbox(sender.name, sender.address)),
        ("To", _mailbox(name(recipient_name or ""), path.recipient)),
        ("Subject", _words(" ".join(composed.subject.split()), "Subject")),
        ("Date", format_datetime(date)),
        ("Message-ID", path.message_id),
        ("Content-Language", language),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        ("Feedback-ID", f"{stage}:{kind}:beforehand:{sender.domain}"),
        ("List-Unsubscribe", f"<{links.stop}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/alternative; boundary="{boundary}"'),
    )
    head = "".join(f"{header}: {value}\r\n" for header, value in headers).encode("ascii")
    parts = (_part("text/plain", composed.text), _part("text/html", composed.html))
    edge = f"--{boundary}".encode("ascii")
    return head + b"".join(b"\r\n" + edge + b"\r\n" + part for part in parts) + b"\r\n" + edge + b"--\r\n"


def _part(content_type: str, body: str) -> bytes:
    head = f'Content-Type: {content_type}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    before, opening, rest = body.partition("<style>\n")
    style, closing, after = rest.partition("</style>\n")
    # lines are encoded one by one: the style sheet, half of a mail and the same in every one, is done but once
    encoded = _quoted(before + opening) + _quoted_style(style) + _quoted(closing + after)
    return head.encode("ascii") + encoded


def _quoted(lines: str) -> bytes:
    return b2a_qp(lines.replace("\n", "\r\n").encode(), istext=True)


_quoted_style = lru_cache(8)(_quoted)


def _mailbox(shown: str, address: str) -> str:
    """``"Ana" <ana@…>``; a name beyond ASCII as encoded words, a name of nothing not at all."""
    if not shown:
        return f"<{address}>"
    if shown.isascii():
        quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    return f"{_words(shown, 'To')} <{address}>"


def _words(text: str, header: str) -> str:
    """Text as a header value: itself where it is short ASCII, else RFC 2047 words, folded."""
    return text if text.isascii() and len(text) <= SHORT_LINE else encoded_words(text, header)
