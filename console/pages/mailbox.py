"""The mailbox: every mail as its recipient sees it, in HTML, at phone width, as text, and with its headers.

The mail itself is served by a route of its own, sandboxed by its headers as well as by the frame that shows it.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from console import queries, words
from console.desk import DeskHere, NotHere
from console.funnel import link
from console.headers import MAIL_POLICY
from console.queries import PAGE_ROWS

router = APIRouter()
VIEWS = {"html": "HTML", "phone": "Phone", "text": "Text", "headers": "Headers"}
MAX_PAGE = 1_000_000


@router.get("/mailbox")
def mailbox(request: Request, desk: DeskHere, page: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1) -> Response:
    """One page of mails, the last delivered first."""
    files = desk.mailbox.files()
    keys = list(files)[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    headings = desk.mailbox.headings(keys, files)
    with desk.reading() as db:
        planned = queries.notices_by_message(db, [heading.message_id for heading in headings])
    around = {"previous": page - 1, "next": page + 1}
    last = max(1, -(-len(files) // PAGE_ROWS))
    return desk.page(
        request,
        "mailbox.html",
        mails=[(heading, quote(heading.key, safe=""), planned.get(heading.message_id)) for heading in headings],
        roles=words.ROLES,
        total=len(files),
        first=(page - 1) * PAGE_ROWS + 1,
        folder=desk.mailbox.root,
        pages={name: link("/mailbox", page=number) for name, number in around.items() if 1 <= number <= last},
    )


@router.get("/mailbox/{key}")
def mail(request: Request, desk: DeskHere, key: str, view: Annotated[str, Query(max_length=16)] = "html") -> Response:
    """One mail in one of its views; a mail without an HTML part is shown as text."""
    letter = desk.mailbox.letter(key)
    if letter is None:
        raise NotHere("There is no such mail in the mailbox. It may have been cleared since the list was made.")
    if view not in VIEWS or (letter.html is None and view in {"html", "phone"}):
        view = "text"
    with desk.reading() as db:
        planned = queries.notices_by_message(db, [letter.heading.message_id]).get(letter.heading.message_id)
    return desk.page(
        request, "mail.html", letter=letter, key=quote(key, safe=""), view=view, views=VIEWS, planned=planned,
        roles=words.ROLES,
    )  # fmt: skip


@router.get("/mailbox/{key}/body")
def body(desk: DeskHere, key: str) -> Response:
    """The HTML part alone, for the frame. Its own policy: no script, no form, nothing from elsewhere."""
    letter = desk.mailbox.letter(key)
    if letter is None or letter.html is None:
        raise NotHere("This mail has no HTML part, or is no longer in the mailbox.")
    return HTMLResponse(letter.html, headers={"content-security-policy": MAIL_POLICY})
