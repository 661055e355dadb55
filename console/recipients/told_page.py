"""``/n/<token>``: what a notice said, as a page, and whether it still holds as far as is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from console.recipients.links import VIEW, Followed, follow, signed
from console.recipients.reception import ReceptionHere
from console.recipients.records import Told, listener, newer_evidence
from console.recipients.sentences import sentences
from notices.write.card import Card, Links, Voice
from notices.write.catalog import Catalog
from notices.write.compose import CARDS, voice

router = APIRouter()
NO_LINKS = Links(action="", stop="")  # this page is where they lead
FIRST_STAGE = "heads_up"


@dataclass(frozen=True, slots=True)
class Newer:
    """What is known since the notice: as of when, the window and the last scan; ``before``: what the rest then is."""

    heading: str
    lines: tuple[str, ...]
    before: str


@router.api_route("/n/{token}", methods=["GET", "HEAD"])
def told_page(token: str, reception: ReceptionHere) -> Response:
    """The notice as its recipient got it. Changes nothing."""
    link = signed(reception.keys, token, VIEW)
    with reception.state.reading() as db:
        followed = follow(db, link, reception.clock())
        notice = followed.told
        speaker = voice(listener(db, reception.keys, notice), reception.platform, whole=True)
        evidence = newer_evidence(db, notice)
    card = CARDS[notice.kind](notice.stage, notice.evidence, speaker, NO_LINKS)
    newer = _newer(notice, evidence, speaker)
    code, at = standing(followed, is_newer=newer is not None)
    say = sentences(notice.locale)
    return reception.page(
        "told.html",
        notice.locale,
        title=card.headline,
        card=card,
        code=code,
        standing=say.text(f"told.{code}", at=speaker.formats.moment(at)),
        newer=newer,
        reach=say.text("told.reach"),
    )


def standing(followed: Followed, *, is_newer: bool) -> tuple[str, str]:
    """Whether the notice holds, and since when that is so: withdrawn, closed, newer, older or unchanged."""
    told = followed.told
    if told.state == "WITHDRAWN":
        return "withdrawn", told.updated_at.isoformat()
    if told.closed_at is not None:
        return "closed", told.closed_at.isoformat()
    if is_newer:
        return "newer", told.planned_at.isoformat()
    is_older = told.state != "APPROVED" or told.expires_at <= followed.now
    return "older" if is_older else "unchanged", told.planned_at.isoformat()


def _newer(told: Told, evidence: Mapping[str, Any] | None, speaker: Voice) -> Newer | None:
    """Newer facts in words; none where the newer record lacks what the words need: the notice itself stands."""
    if evidence is None:
        return None
    try:
        card: Card = CARDS[told.kind](FIRST_STAGE, evidence, speaker, NO_LINKS)
    except (LookupError, TypeError, ValueError):
        return None
    say = sentences(told.locale)
    return Newer(
        heading=say.text("told.newer_heading", as_of=speaker.formats.moment(evidence["as_of"])),
        lines=tuple(filter(None, (_window(card, say), card.lines[-1]))),
        before=say.text("told.before"),
    )


def _window(card: Card, say: Catalog) -> str:
    """The window in one line; empty where the notice's kind names no days."""
    return say.text("told.newer_window", heading=card.window_heading, window=card.window) if card.window else ""
