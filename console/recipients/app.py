"""The recipient pages as an app of their own: two addresses, nothing of the console, and the only way to write."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI, Request
from fastapi.responses import Response
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from console.database import StateReader, StateUnreadable
from console.headers import LOOPBACK_HOSTS
from console.recipients import stop_page, told_page
from console.recipients.guard import Guard
from console.recipients.links import LinkDead
from console.recipients.reception import POLICY, Reception, StateWriter, reception_of
from notices.keys import Keys
from notices.state import StateError

PREFIXES = ("/n/", "/u/")
NOT_FOUND, SERVER_ERROR = 404, 500
RETRY_SECONDS = "60"
log = logging.getLogger(__name__)


def create_recipient_app(
    state_url: str,
    secret: bytes,
    *,
    platform: str,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    allowed_hosts: Sequence[str] = LOOPBACK_HOSTS,
) -> FastAPI:
    """The pages over one state DB, which need not exist yet: links then lead nowhere for the moment.

    secret: the one that mails were planned under. platform: who the mails say they are from.
    allowed_hosts: names under which browsers and mail providers may ask.
    """
    app = FastAPI(title="", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, lifespan=_lifespan)
    app.state.reception = Reception(StateReader(state_url), StateWriter(state_url), Keys(secret), platform, clock)
    for page in (told_page, stop_page):
        app.include_router(page.router)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts), www_redirect=False)
    app.add_middleware(Guard, policy=POLICY, sorry=lambda _, status: _sorry(app.state.reception, status))
    app.add_exception_handler(LinkDead, lambda request, _: _sorry(reception_of(request), NOT_FOUND))
    app.add_exception_handler(HTTPException, _http_error)
    for trouble in (StateUnreadable, StateError, DBAPIError):
        app.add_exception_handler(trouble, _state_trouble)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.reception.writer.close()
    app.state.reception.state.engine.dispose()


def _sorry(reception: Reception, status: int) -> Response:
    """One page for every dead link: whoever guesses learns nothing from it."""
    if status == NOT_FOUND:
        return reception.sorry("dead", status)
    return reception.sorry("trouble" if status >= SERVER_ERROR else "unclear", status)


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else SERVER_ERROR
    answer = _sorry(reception_of(request), status)
    if isinstance(error, HTTPException) and error.headers:
        answer.headers.update(error.headers)
    return answer


def _state_trouble(request: Request, error: Exception) -> Response:
    """The DB is missing, locked or away. The log says why without the values that a statement held."""
    why = error.orig if isinstance(error, DBAPIError) else error
    log.error("recipient page without a state DB: %s", why)
    answer = _sorry(reception_of(request), 503)
    answer.headers["retry-after"] = RETRY_SECONDS
    return answer
