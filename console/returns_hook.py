"""``POST /returns``: a mail provider hands in a bounce or complaint as it is, message/rfc822, with the shared secret.

Stands before everything else that is served: it belongs to no page, has its own size limit and answers in one word.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from console.recipients.reception import StateWriter
from notices.keys import Keys
from notices.send import returns
from notices.state import StateError, writing

PATH = "/returns"
BODY_SECONDS = 10.0
log = logging.getLogger(__name__)


class ReturnsHook:
    """ASGI app around another. Answers PATH itself; ``secret`` is what ``Authorization: Bearer`` must hold."""

    def __init__(self, app: ASGIApp, state_url: str, keys: Keys, secret: str, clock: Callable[[], datetime]) -> None:
        self.app, self.keys, self.clock = app, keys, clock
        self.writer = StateWriter(state_url)
        self._expected = f"Bearer {secret}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self.app(scope, receive, send)
            return
        try:
            answer = await self._answer(Request(scope, receive))
        except ClientDisconnect:
            return
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            return PlainTextResponse("POST only", 405, {"allow": "POST"})
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), self._expected):
            return PlainTextResponse("no", 401)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                raw = await _body(request)
        except TimeoutError:
            return PlainTextResponse("too slow", 408)
        if raw is None:
            return PlainTextResponse("too large", 413)
        try:
            return PlainTextResponse(await run_in_threadpool(self._take, raw))
        except (StateError, DBAPIError) as error:
            log.error("a return was not recorded: %s", type(error).__name__)  # noqa: TRY400 - a trace would hold the mail
            return PlainTextResponse("later", 503, {"retry-after": "60"})

    def _take(self, raw: bytes) -> str:
        with writing(self.writer.engine()) as db:
            return returns.take(db, self.keys, raw, self.clock())


async def _body(request: Request) -> bytes | None:
    """The body, or None where it is larger than any report."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > returns.MAX_BYTES:
            return None
    return bytes(body)
