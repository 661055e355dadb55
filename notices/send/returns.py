"""What comes back: bounces (RFC 3464) and complaints (ARF, RFC 5965) become states and suppressions.

What comes back can be written by anybody, so it counts only where it proves which mail it is about: a bounce by the
signed return path it was sent to (notices.write.mime), a complaint by that or by the Message-ID it quotes, a keyed
hash. Read twice, it counts once. An automatic answer, a spam filter's guess or a forgery changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import Message
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from notices.keys import Keys
from notices.people.preferences import suppress
from notices.state import deliveries, notices, returns

BOUNCE, DELAY, COMPLAINT = "bounce", "delay", "complaint"
UNKNOWN, SEEN = "unknown", "seen"
MAX_BYTES = 1_000_000
SUPPRESS_AFTER = 3  # bounces of one recipient, whatever they say
# RFC 3463: no such mailbox, domain or user; mailbox disabled; domain that takes no mail
GONE = re.compile(r"5\.(1\.(1|2|3|6|10)|2\.1|4\.4)")
NO_COMPLAINT = {"not-spam", "auth-failure", "dmarc"}
WHERE_IT_CAME = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
_RETURN_PATH = re.compile(r"bounce\+[0-9a-f]{24}\.[0-9a-f]{10,40}@[a-z0-9.-]+", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<[0-9a-f]{24}@[a-z0-9.-]+>", re.IGNORECASE)
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


@dataclass(frozen=True, slots=True)
class Returned:
    """One thing that came back. kind: bounce, delay or complaint; the mail is known by one of the two addresses."""

    kind: str
    status: str | None
    detail: str
    return_paths: frozenset[str]
    message_ids: frozenset[str]


def parse(raw: bytes) -> Returned | None:
    """What a message says came back; None for what is no bounce and no complaint. Never raises for its content."""
    if len(raw) > MAX_BYTES:
        return None
    try:
        return _parsed(message_from_bytes(raw, policy=policy.compat32))
    except (ValueError, LookupError, AttributeError, TypeError):
        return None  # the parser met something that nobody would send in earnest


def take(db: Connection, keys: Keys, raw: bytes, at: datetime) -> str:
    """Record what came back, in the caller's writing transaction. Returns bounce, delay, complaint, seen or unknown.

    A bounce makes its delivery BOUNCED, a complaint COMPLAINED; the address is suppressed for a complaint, for a
    mailbox that does not exist, and at the third bounce. A delay is noted and changes nothing.
    """
    returned = parse(raw)
    found = _delivery(db, returned) if returned is not None else None
    if returned is None or found is None:
        return UNKNOWN
    return_id = hashlib.sha256(raw).hexdigest()
    if db.execute(select(returns.c.return_id).where(returns.c.return_id == return_id)).first() is not None:
        return SEEN
    row = {"delivery_id": found.delivery_id, "kind": returned.kind, "status": returned.status, "at": at}
    db.execute(insert(returns).values(return_id=return_id, detail=returned.detail, **row))
    if returned.kind == DELAY:
        return DELAY
    state = "COMPLAINED" if returned.kind == COMPLAINT else "BOUNCED"
    this = update(deliveries).where(deliveries.c.delivery_id == found.delivery_id)
    free = {"lease_token": None, "lease_until": None, "updated_at": at}
    db.execute(this.where(deliveries.c.state != "COMPLAINED").values(state=state, **free))
    reason = _suppression(db, returned, found.recipient_id)
    if reason is not None:
        suppress(db, keys, keys.unseal(found.sealed_to).decode(), reason, at)
    return returned.kind


def _suppression(db: Connection, returned: Returned, recipient_id: str) -> str | None:
    if returned.kind == COMPLAINT:
        return "complaint"
    if returned.status is not None and GONE.fullmatch(returned.status):
        return f"bounced ({returned.status})"
    joined = deliveries.join(notices, notices.c.notice_id == deliveries.c.notice_id)
    query = select(func.count()).select_from(joined)
    bounced = (notices.c.recipient_id == recipient_id) & (deliveries.c.state == "BOUNCED")
    times = db.execute(query.where(bounced)).scalar_one()
    return f"bounced {times} times" if times >= SUPPRESS_AFTER else None


def _delivery(db: Connection, returned: Returned) -> Any:
    """The delivery that it proves to be about, one that was tried: a row, or None."""
    joined = deliveries.join(notices, notices.c.notice_id == deliveries.c.notice_id)
    query = select(deliveries.c.delivery_id, notices.c.recipient_id, deliveries.c.sealed_to).select_from(joined)
    tried = deliveries.c.tries > 0
    for path in sorted(returned.return_paths):
        local, _, domain = path.partition("@")
        this = deliveries.c.message_id == f"<{local.partition('+')[2].partition('.')[0]}@{domain}>"
        found = db.execute(query.where(this, deliveries.c.envelope_from == path, tried)).first()
        if found is not None:
            return found
    if returned.kind == COMPLAINT:
        for message_id in sorted(returned.message_ids):
            found = db.execute(query.where(deliveries.c.message_id == message_id, tried)).first()
            if found is not None:
                return found
    return None


def _parsed(message: Message) -> Returned | None:
    if message.get_content_type() != "multipart/report":
        return None
    report = str(message.get_param("report-type") or "").lower()
    if report == "delivery-status":
        return _bounce(message)
    return _complaint(message) if report == "feedback-report" else None


def _bounce(message: Message) -> Returned | None:
    """RFC 3464: the worst that is said of any recipient. One of our mails has only one."""
    fields = [block for part in _parts(message, "message/delivery-status") for block in _blocks(part)]
    said = [block for block in fields if block.get("Action")]
    actions = {str(block["Action"]).strip().lower().split()[0] for block in said if str(block["Action"]).strip()}
    if not actions & {"failed", "delayed"}:
        return None  # delivered, relayed or expanded: good news
    failed = "failed" in actions
    wanted = "failed" if failed else "delayed"
    block = next(block for block in said if str(block["Action"]).strip().lower().startswith(wanted))
    status = _STATUS.search(str(block.get("Status") or ""))
    paths = frozenset(path for header in WHERE_IT_CAME for path in _paths(message, header))
    detail = _line(block.get("Diagnostic-Code"))
    return Returned(BOUNCE if failed else DELAY, status[0] if status else None, detail, paths, frozenset())


def _complaint(message: Message) -> Returned | None:
    """ARF: somebody pressed "this is spam". Providers blank addresses in it, so the quoted headers count too."""
    blocks = [block for part in _parts(message, "message/feedback-report") for block in _blocks(part)]
    kinds = {str(block["Feedback-Type"]).strip().lower() for block in blocks if block.get("Feedback-Type")}
    if not kinds or kinds <= NO_COMPLAINT:
        return None
    quoted = list(_quoted(message))
    paths = {path for block in blocks for path in _paths(block, "Original-Mail-From")}
    paths |= {path for headers in quoted for path in _paths(headers, "Return-Path")}
    ids = {found for headers in quoted for found in _MESSAGE_ID.findall(str(headers.get("Message-ID") or ""))}
    detail = ", ".join(sorted(kinds))[:100]
    return Returned(COMPLAINT, None, detail, frozenset(paths), frozenset(one.lower() for one in ids))


def _parts(message: Message, content_type: str) -> Iterator[Message]:
    """Parts of the report itself, not of a mail that it quotes."""
    payload = message.get_payload()
    if isinstance(payload, list):
        yield from (part for part in payload if isinstance(part, Message) and part.get_content_type() == content_type)


def _blocks(part: Message) -> Iterator[Message]:
    """Groups of header-like fields. The stdlib parses message/* into messages; some senders encode the part instead."""
    payload = part.get_payload()
    if isinstance(payload, list):
        for block in (one for one in payload if isinstance(one, Message)):
            yield block
            inner = block.get_payload()
            if isinstance(inner, str) and ":" in inner:
                yield message_from_bytes(inner.strip().encode("utf-8", "replace"), policy=policy.compat32)
        return
    decoded = part.get_payload(decode=True)
    if isinstance(decoded, bytes):
        for text in re.split(rb"\r?\n\r?\n", decoded.strip()):
            yield message_from_bytes(text, policy=policy.compat32)


def _quoted(message: Message) -> Iterator[Message]:
    """The headers of the mail that it is about."""
    for kind in ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers"):
        for part in _parts(message, kind):
            payload = part.get_payload()
            if isinstance(payload, list):
                yield from (one for one in payload if isinstance(one, Message))
            else:
                decoded = part.get_payload(decode=True)
                yield message_from_bytes(decoded if isinstance(decoded, bytes) else b"", policy=policy.compat32)


def _paths(message: Message, header: str) -> list[str]:
    values = [str(value) for value in message.get_all(header) or []]
    return [path.lower() for value in values for path in _RETURN_PATH.findall(value)]


def _line(value: object) -> str:
    """One short line without addresses: a diagnostic may repeat whom the mail was for."""
    text = " ".join(str(value or "").split())
    return re.sub(r"\S+@\S+", "<address>", text)[:500]
