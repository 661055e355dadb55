"""What every recipient page works with: how to read, how to write, the keys, the clock, and how an answer is made."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from sqlalchemy import Engine

from console.database import StateReader
from console.recipients.sentences import languages, sentences
from notices.keys import Keys
from notices.state import open_state
from notices.write.formats import name

HERE = Path(__file__).parent
STYLE = (HERE / "style.css").read_text("utf-8")
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# One style, known by its hash, stands in the page: nothing else has to be served, and nothing else may style it.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class StateWriter:
    """The engine that stops and undoes. Opened by the first of them: a page that is only read needs no way to write."""

    def __init__(self, state_url: str) -> None:
        self._state_url = state_url
        self._lock = Lock()
        self._engine: Engine | None = None

    def engine(self) -> Engine:
        """Raises notices.state.StateError where the DB cannot be opened."""
        with self._lock:
            if self._engine is None:
                self._engine = open_state(self._state_url)
            return self._engine

    def close(self) -> None:
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,  # articles and hubs are named by others
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@dataclass(frozen=True)
class Reception:
    """One set of recipient pages. ``clock`` gives the present moment, aware UTC; ``platform`` is who writes."""

    state: StateReader
    writer: StateWriter
    keys: Keys
    platform: str
    clock: Callable[[], datetime]
    _templates: Environment = field(init=False, repr=False, default_factory=_environment)

    @cached_property
    def shown_platform(self) -> str:
        return name(self.platform)

    def page(self, template: str, language: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """A rendered page in one language. Nothing of the request is in it."""
        shown = self._templates.get_template(template).render(
            language=language,
            style=Markup(STYLE),  # noqa: S704 - a file of our own
            platform=self.shown_platform,
            **context,
        )
        return HTMLResponse(shown, status_code=status, headers={"content-language": language})

    def sorry(self, what: str, status: int) -> HTMLResponse:
        """A page for when no language is known: it says the same in each. what: dead, unclear or trouble."""
        said = [
            (language, sentences(language).text(f"sorry.{what}.title"), sentences(language).text(f"sorry.{what}.what"))
            for language in languages()
        ]
        return self.page("sorry.html", languages()[0], status=status, title=self.shown_platform, said=said)


def reception_of(request: Request) -> Reception:
    """The reception that ``create_recipient_app`` put into the app."""
    reception: Reception = request.app.state.reception
    return reception


ReceptionHere = Annotated[Reception, Depends(reception_of)]
