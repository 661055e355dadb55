"""``/u/<token>``: stop one kind of notice, or undo that. Opening it changes nothing: mail scanners follow links."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from console.recipients import stopping
from console.recipients.links import STOP, follow, proves_undo, signed, undo_proof
from console.recipients.reception import Reception, ReceptionHere
from console.recipients.records import listener
from console.recipients.sentences import sentences
from notices.state import writing
from notices.write.compose import voice
from notices.write.tokens import Token

router = APIRouter()
ONE_CLICK = ("List-Unsubscribe", "One-Click")  # RFC 8058
MOST_FIELDS = 4
BODY_SECONDS = 10.0


@router.api_route("/u/{token}", methods=["GET", "HEAD"])
def stop_page(token: str, reception: ReceptionHere) -> Response:
    """What would be stopped, or is. Changes nothing."""
    return _page(reception, signed(reception.keys, token, STOP), undone=False)


@router.post("/u/{token}")
async def stop_or_undo(token: str, request: Request, reception: ReceptionHere) -> Response:
    """Stop (the page's button, or RFC 8058 one-click) or undo, and say what holds now.

    No cookie is read or set and nothing is redirected. What is asked for again is answered again and changes nothing.
    """
    link = signed(reception.keys, token, STOP)
    return await run_in_threadpool(_changed, reception, link, await _fields(request))


async def _fields(request: Request) -> Mapping[str, str]:
    """A small form, url-encoded or multipart, as RFC 8058 allows both. A slow or broken one is not understood."""
    try:
        async with (
            asyncio.timeout(BODY_SECONDS),
            request.form(max_files=0, max_fields=MOST_FIELDS) as form,
        ):
            return {key: value for key, value in form.items() if isinstance(value, str)}
    except TimeoutError:
        raise HTTPException(408) from None


def _changed(reception: Reception, link: Token, fields: Mapping[str, str]) -> Response:
    name, said = ONE_CLICK
    is_one_click = fields.get(name) == said
    asked = "stop" if is_one_click else fields.get("do")
    at = reception.clock()
    with reception.state.reading() as db:
        followed = follow(db, link, at)
    if asked == "undo" and not proves_undo(reception.keys, link, fields.get("proof", "")):
        asked = None
    if asked not in {"stop", "undo"}:
        raise HTTPException(400)
    with writing(reception.writer.engine()) as db:
        if asked == "stop":
            stopping.stop(db, reception.keys, followed, by="one_click" if is_one_click else "page", at=at)
        else:
            stopping.undo(db, reception.keys, followed, at=at)
    return _page(reception, link, undone=asked == "undo")


def _page(reception: Reception, link: Token, *, undone: bool) -> Response:
    """The page for what holds now; ``undone``: it was just allowed again."""
    with reception.state.reading() as db:
        followed = follow(db, link, reception.clock())
        wish = stopping.wish(db, reception.keys, followed)
        speaker = voice(listener(db, reception.keys, followed.told), reception.platform)
    state = "stopped" if wish.stopped else "undone" if undone else "stop"
    language = followed.told.locale
    say = sentences(language).text
    until = speaker.formats.long_day(link.expires.date().isoformat())
    return reception.page(
        "stop.html",
        language,
        state=state,
        title=say(f"{state}.title"),
        about=say(f"{state}.about.{followed.told.kind}", platform=reception.shown_platform),
        rest=say(f"{state}.rest"),
        undo=say("stopped.undo", until=until) if wish.undoable else "",
        button="" if state == "undone" else say(f"{state}.button"),
        proof=undo_proof(reception.keys, link) if wish.undoable else "",
    )
