"""Around every recipient page: strict headers, a small body, and errors that tell nothing but to try again."""

from __future__ import annotations

import logging
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.headers import ALWAYS

MOST_BYTES = 4_096  # of a request's body; a form here has about 200
ROBOTS = "noindex, nofollow, noarchive"
log = logging.getLogger(__name__)


class BodyTooLarge(ValueError):
    """More was sent than any form here holds."""


class Guard:
    """ASGI middleware, the outermost: what goes wrong inside ends here, so that no log repeats an address."""

    def __init__(self, app: ASGIApp, policy: str, sorry: Callable[[Request, int], Response]) -> None:
        self.app, self.sorry = app, sorry
        self.headers = {
            **ALWAYS,
            "content-security-policy": policy,
            "cache-control": "no-store",
            "x-robots-tag": ROBOTS,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        try:
            await self.app(scope, _limited(scope, receive), guarded)
        except ClientDisconnect:
            return
        except Exception as error:
            too_large = isinstance(error, BodyTooLarge)
            if not too_large:
                log.exception("recipient page failed", extra={"error": type(error).__name__})
            if not started:
                await self.sorry(Request(scope), 413 if too_large else 500)(scope, receive, guarded)


def _limited(scope: Scope, receive: Receive) -> Receive:
    """The request's body, as far as it is allowed. Raises BodyTooLarge where it announces or sends more."""
    announced = Headers(scope=scope).get("content-length", "0")
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        if announced.isdigit() and int(announced) > MOST_BYTES:
            raise BodyTooLarge
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MOST_BYTES:
            raise BodyTooLarge
        return message

    return limited
