"""The headers every answer carries: nothing is loaded from elsewhere, no script runs, nothing is framed or cached.

A route that needs other rules (a mail, the Data Docs) sets its own ``content-security-policy``, and it is kept.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Checking the Host header keeps a page elsewhere from reading what is served here by DNS tricks.
LOOPBACK_HOSTS = ("127.0.0.1", "localhost")
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# A mail may style itself and carry its own pictures. It may not run, submit, open windows or load from anywhere.
MAIL_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
# Data Docs are Great Expectations' own pages, without their scripts; they style themselves.
DOCS_POLICY = (
    "sandbox; default-src 'none'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class SafeHeaders:
    """ASGI middleware that adds them, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(message, static=scope["path"].startswith("/static/"))
            await send(message)

        await self.app(scope, receive, send_with_headers)


def guarded(response: Response) -> Response:
    """An answer made outside this middleware, which errors of the server are, with the same headers."""
    response.headers.update({**ALWAYS, "content-security-policy": PAGE_POLICY, "cache-control": "no-store"})
    return response


def _add(message: MutableMapping[str, Any], *, static: bool) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in ALWAYS.items():
        headers[name] = value
    headers.setdefault("content-security-policy", PAGE_POLICY)
    headers.setdefault("cache-control", "max-age=3600" if static else "no-store")
