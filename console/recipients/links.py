"""From a link to the notice it is about: genuine, in time and for this purpose, or it leads nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from console.recipients.records import Told, told
from notices.keys import Keys
from notices.write.tokens import Token, TokenRefused, opened, sign

LONGEST = 200  # characters of a link's token; a genuine one has about 120
VIEW, STOP, UNDO = "view", "stop", "undo"
ANY_TIME = datetime.min.replace(tzinfo=UTC)


class LinkDead(LookupError):
    """The link leads nowhere: altered, too old, for something else, or its notice is gone. Nobody is told which."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A good link: what it allows, about which notice, and ``now`` by the clock that the notice lives by."""

    token: Token
    told: Told
    now: datetime


def signed(keys: Keys, text: str, purpose: str) -> Token:
    """The token of a link for this purpose, at any age. Raises LinkDead."""
    if len(text) > LONGEST:
        raise LinkDead
    try:
        token = opened(keys, text, ANY_TIME)
    except TokenRefused:
        raise LinkDead from None
    if token.purpose != purpose:
        raise LinkDead
    return token


def follow(db: Connection, token: Token, wall: datetime) -> Followed:
    """Where a signed link leads. Raises LinkDead."""
    notice = told(db, token.notice_id)
    if notice is None:
        raise LinkDead
    now = lived(notice, wall)
    if token.expires < now:
        raise LinkDead
    return Followed(token, notice, now)


def lived(notice: Told, wall: datetime) -> datetime:
    """The moment it is for a notice. A past day is lived now: its notices are sent long after they would have expired.

    That happens only where mail stays on this machine (a demo on old data). The clock of such a notice went on from
    its planning when it was sent, so that its link is as good as one of today.
    """
    if notice.accepted_at is None or notice.accepted_at <= notice.expires_at:
        return wall
    return notice.planned_at + (wall - notice.accepted_at)


def undo_proof(keys: Keys, token: Token) -> str:
    """What a page must send back to undo: bound to the notice and the life of the link that stopped it."""
    return sign(keys, Token(UNDO, token.notice_id, token.expires))


def proves_undo(keys: Keys, token: Token, proof: str) -> bool:
    """Whether the proof came from a page of this very link."""
    try:
        found = signed(keys, proof, UNDO)
    except LinkDead:
        return False
    return (found.notice_id, found.expires) == (token.notice_id, token.expires)
