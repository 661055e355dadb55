"""Signed links: they say what for, about which notice and until when, and name no person."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime

from notices.keys import Keys

SIGNATURE_LENGTH = 32


class TokenRefused(ValueError):
    """A link that was altered, was made under another secret, or is too old."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a link allows. ``purpose``: view or stop."""

    purpose: str
    notice_id: str
    expires: datetime


def sign(keys: Keys, token: Token) -> str:
    """The token as it stands in a link: readable, and worthless when altered."""
    body = f"{token.purpose}.{token.notice_id}.{int(token.expires.timestamp())}"
    return f"{body}.{_signature(keys, body)}"


def opened(keys: Keys, text: str, now: datetime) -> Token:
    """The token of a link. Raises TokenRefused without saying which part was wrong: a guesser learns nothing."""
    body, _, signature = text.rpartition(".")
    parts = body.split(".")
    genuine = hmac.compare_digest(signature.encode(), _signature(keys, body).encode())
    if not genuine or len(parts) != 3 or not parts[2].isdigit():  # noqa: PLR2004 - purpose, notice, expiry
        raise TokenRefused("this link is not valid")
    token = Token(parts[0], parts[1], datetime.fromtimestamp(int(parts[2]), UTC))
    if token.expires < now:
        raise TokenRefused("this link has expired")
    return token


def _signature(keys: Keys, body: str) -> str:
    return keys.digest("token", body)[:SIGNATURE_LENGTH]
