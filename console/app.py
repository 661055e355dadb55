"""The console as one FastAPI app: pages, safe headers, and errors that tell the reader what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from console import formats, words
from console.database import StateReader, StateUnreadable
from console.desk import Desk, NotHere, desk_of
from console.headers import LOOPBACK_HOSTS, SafeHeaders, guarded
from console.maildir import Mailbox
from console.pages import alerts, case, data_docs, mailbox, notices, steps, today

HERE = Path(__file__).parent
log = logging.getLogger(__name__)


def create_app(
    settings_home: Path,
    state_url: str,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    places: Sequence[tuple[str, str, str]] = (),
    allowed_hosts: Sequence[str] = LOOPBACK_HOSTS,
) -> FastAPI:
    """The console over one home folder and one state DB. Neither needs to exist yet: the pages then say how to begin.

    places: (name, address or command, what is found there) of other tools, listed on the page of the day.
    allowed_hosts: names under which a browser may ask for it.
    """
    app = FastAPI(title="Beforehand console", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = Desk(
        home=settings_home,
        state=StateReader(state_url),
        mailbox=Mailbox(settings_home / "mailbox"),
        templates=Jinja2Templates(env=_environment()),
        clock=clock,
        places=tuple(places),
    )
    for page in (today, alerts, case, notices, mailbox, steps, data_docs):
        app.include_router(page.router)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts))
    app.add_middleware(SafeHeaders)
    app.add_exception_handler(StateUnreadable, _state_unreadable)
    app.add_exception_handler(NotHere, _not_here)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _bad_address)
    app.add_exception_handler(Exception, _broken)
    return app


def _environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,  # ids, names and subjects come from outside
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(formats.FILTERS)
    env.filters["decision_word"] = lambda code: words.word(words.DECISIONS, code)
    env.filters["kind_word"] = lambda code: words.word(words.KINDS, code)
    env.filters["step_word"] = lambda code: words.word(words.STEPS, code)
    env.filters["status_word"] = lambda code: words.word(words.STATUSES, code)
    env.filters["stage_word"] = lambda code: words.word(words.STAGES, code)
    env.filters["state_word"] = lambda code: words.word(words.DELIVERY_STATES | words.NOTICE_STATES, code)
    env.filters["because"] = words.because
    env.globals["masked"] = formats.masked
    return env


def _sorry(request: Request, status: int, title: str, what: str, next_step: str) -> HTMLResponse:
    return desk_of(request).page(request, "sorry.html", status=status, title=title, what=what, next_step=next_step)


def _state_unreadable(request: Request, error: Exception) -> Response:
    next_step = error.next_step if isinstance(error, StateUnreadable) else ""
    return _sorry(request, 503, "The state DB cannot be read", str(error), next_step)


def _not_here(request: Request, error: Exception) -> Response:
    return _sorry(request, 404, "Not here", str(error), "")


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:  # noqa: PLR2004 - the well-known number
        return _sorry(request, 404, "Not here", f"The console has no page at {request.url.path}.", "")
    detail = str(error.detail) if isinstance(error, HTTPException) else ""
    return _sorry(request, status, "That did not work", detail, "Go back, or start from today.")


def _bad_address(request: Request, error: Exception) -> Response:
    fields = (
        ", ".join(str(part["loc"][-1]) for part in error.errors()) if isinstance(error, RequestValidationError) else ""
    )
    what = f"This page cannot be asked for like that: {fields} is not something it understands."
    return _sorry(
        request, 400, "That address is not right", what, "A day is written 2026-03-01; a page is a number from 1."
    )


def _broken(request: Request, error: Exception) -> Response:
    log.error("console page failed", exc_info=error, extra={"path": request.url.path})
    what = "The console could not build this page. Nothing was changed, and no step is affected."
    next_step = "The log of the console says what. Reload, or start from today."
    return guarded(_sorry(request, 500, "Something broke here", what, next_step))
