"""The console and the recipient pages on one port: each address belongs to one of the two, whole.

Neither is mounted in the other, so that an error of a recipient page never reaches a handler that shows or logs
addresses, and a POST never reaches the console.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from console.recipients.app import PREFIXES


class Front:
    """ASGI app: ``/n/...`` and ``/u/...`` are the recipients', the rest is the console's."""

    def __init__(self, console: ASGIApp, recipients: ASGIApp) -> None:
        self.console, self.recipients = console, recipients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_theirs = scope["type"] != "lifespan" and scope["path"].startswith(PREFIXES)
        await (self.recipients if is_theirs else self.console)(scope, receive, send)
