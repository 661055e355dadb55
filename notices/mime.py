"""The bytes that go over the wire: headers and parts, all fixed at planning and the same on every rebuild."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from notices.address import checked
from notices.card import Links
from notices.compose import Composed
from notices.formats import name
from notices.keys import Keys

ID_LENGTH = 24
BOUNCE_SIGNATURE = 10
POLICY = SMTP.clone(cte_type="7bit")


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
        return self.address.rpartition("@")[2]


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
    """One message to one person: text and HTML, CRLF, seven-bit. The same input gives the same bytes."""
    message = EmailMessage(policy=POLICY)
    message["From"] = _mailbox(sender.name, sender.address)
    message["To"] = _mailbox(name(recipient_name or ""), path.recipient)
    message["Subject"] = one_line(composed.subject)
    message["Date"] = format_datetime(date)
    message["Message-ID"] = path.message_id
    message["Content-Language"] = language
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["Feedback-ID"] = f"{stage}:{kind}:beforehand:{sender.domain}"
    message["List-Unsubscribe"] = f"<{links.stop}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(composed.text, cte="quoted-printable")
    message.add_alternative(composed.html, subtype="html", cte="quoted-printable")
    message.set_boundary(f"=_{path.message_id[1 : ID_LENGTH + 1]}")
    return message.as_bytes()


def one_line(subject: str) -> str:
    """A subject in one line. Its facts are already plain; this keeps a translation's line break out of the headers."""
    return " ".join(subject.split())


def _mailbox(shown: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(shown, local, domain)
