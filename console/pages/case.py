"""One recipient and one object: what is known, what was decided and why, and every message about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import Connection, RowMapping

from console import queries, words
from console.desk import Desk, DeskHere, NotHere, days
from console.formats import fact, moment, plain, record
from console.picture import Mark, rail
from console.reasons import at_stake, facts, plain_reasons
from console.timeline import Moment, timeline

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Story:
    """What the state DB knows about one object: its newest decision and its case, at least one of which is there."""

    case: RowMapping | None
    decisions: Sequence[RowMapping]
    notices: Sequence[RowMapping]
    attempts: Sequence[RowMapping]
    role: str | None

    @property
    def decision(self) -> RowMapping | None:
        """The one that the page is about: the first."""
        return self.decisions[0] if self.decisions else None

    @property
    def subject(self) -> str:
        """The order, or the seller's article."""
        if self.decision is not None:
            return str(self.decision["sku_id"] or self.decision["subject_id"])
        return str(self.case["object_id"]) if self.case is not None else ""


@router.get("/cases/{case_id}")
def case(request: Request, desk: DeskHere, case_id: str) -> Response:
    """A case, by its id."""
    with desk.reading() as db:
        found = queries.case_row(db, case_id)
        decisions = queries.decisions_of_case(db, case_id)
        story = _story(db, found, decisions)
        return _page(request, desk, db, story)


@router.get("/decisions/{decision_id}")
def decision(request: Request, desk: DeskHere, decision_id: str) -> Response:
    """One decision, and what was decided about the same object on other days; for objects that have no case."""
    with desk.reading() as db:
        found = queries.decision(db, decision_id)
        if found is None:
            raise NotHere(f"There is no decision {decision_id}.")
        others = queries.decisions_about(db, found["kind"], found["subject_id"], found["sku_id"])
        case_row = queries.case_row(db, found["case_id"]) if found["case_id"] else None
        first = [row for row in others if row["decision_id"] == decision_id]
        rest = [row for row in others if row["decision_id"] != decision_id]
        return _page(request, desk, db, _story(db, case_row, [*first, *rest]))


def _story(db: Connection, case_row: RowMapping | None, decisions: Sequence[RowMapping]) -> Story:
    known = _known(case_row, decisions)
    notices = queries.notices_of_case(db, known["case_id"]) if known["case_id"] else []
    ids = [row["delivery_id"] for row in notices if row["delivery_id"]]
    attempts = queries.attempts_of(db, ids) if ids else []
    return Story(case_row, decisions, notices, attempts, queries.role(db, known["recipient_id"]))


def _known(case_row: RowMapping | None, decisions: Sequence[RowMapping]) -> RowMapping:
    """The row that says who and what it is about. Raises NotHere where there is none."""
    if decisions:
        return decisions[0]
    if case_row is None:
        raise NotHere("There is no such case.")
    return case_row


def _lines(notice: RowMapping, decision: RowMapping | None) -> list[str]:
    """The lines of a digest on this article in one sentence each; none for a notice of one case."""
    found = record(notice["evidence"]).get("lines")
    sku_id = decision["sku_id"] if decision else None
    lines = [record(line) for line in found] if isinstance(found, list) else []
    return [_line(line) for line in lines if sku_id and line.get("sku_id") == sku_id]


def _line(line: dict[str, Any]) -> str:
    names = ("probability", "on_hand", "units_per_day", "expected_date", "order_by", "quantity")
    said = [f"{plain(name)} {fact(line[name])}" for name in names if line.get(name) is not None]
    return ", ".join([*said, *([f"at risk {at_stake(line)}"] if at_stake(line) else [])])


def _page(request: Request, desk: Desk, db: Connection, story: Story) -> Response:
    newest = story.decision
    evidence = record(newest["evidence"]) if newest else record(story.case["fact"] if story.case else None)
    known = _known(story.case, story.decisions)
    kind = str(known["kind"])
    mails = desk.mailbox.find({row["message_id"] for row in story.notices if row["message_id"]})
    return desk.page(
        request,
        "case.html",
        dates=days(db, newest["day"] if newest else None),
        story=story,
        kind=kind,
        role=story.role or words.ROLES.get(kind),
        subject=story.subject,
        recipient_id=known["recipient_id"],
        evidence=evidence,
        reasons=plain_reasons(evidence),
        facts=facts(evidence),
        at_stake=at_stake(evidence),
        rail=_rail(evidence, kind),
        timeline=_timeline(story, evidence, desk.clock()),
        mails=mails,
        shown_mail=next((mails[row["message_id"]] for row in story.notices if row["message_id"] in mails), None),
        lines={row["notice_id"]: _lines(row, newest) for row in story.notices},
        past=story.decisions,
    )


def _rail(evidence: dict[str, Any], kind: str) -> list[Mark]:
    window = record(evidence.get("window"))
    now = evidence.get("as_of")
    if kind == "late_delivery":
        points = {"now": now, "promise": evidence.get("promised_at"), "likely": _within(window.get("p50"), 12)}
        return rail(points, {"span": (window.get("p10"), _within(window.get("p90"), 24))})
    return rail({"now": now, "promise": evidence.get("expected_date"), "likely": evidence.get("order_by")}, {})


def _within(day: object, hours: int) -> datetime | None:
    """A moment of a day that is known by its date only: its middle, or its end."""
    at = moment(day)
    return at + timedelta(hours=hours) if at is not None else None


def _timeline(story: Story, evidence: dict[str, Any], now: datetime) -> list[Moment]:
    return sorted(
        timeline(evidence, story.case, story.decisions, story.notices, story.attempts, now),
        key=lambda entry: moment(entry.at) or now,
    )
