"""What comes back: a bounce or complaint finds its mail by what nobody can forge; everything else changes nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from examples import KEYS, NOW, around, buyer, late
from sqlalchemy import Engine, select, update

from jobs.returns import NoFolder, read
from notices.people import directory, preferences
from notices.plan.day import decide_and_plan
from notices.send import returns
from notices.state import deliveries, suppressions, writing
from notices.state import returns as noted

DSN = """\
From: MAILER-DAEMON@mx.example
To: {path}
Subject: Undelivered Mail
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
Arrival-Date: Mon, 2 Mar 2026 15:00:00 +0000

Final-Recipient: rfc822; b0@mail.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 <b0@mail.example> {status} no

--b
Content-Type: message/rfc822

Message-ID: {message_id}
Subject: your order

hello
--b--
"""
ARF = """\
From: fbl@provider.example
To: abuse@beforehand.example
Subject: complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

Someone pressed the button.
--b
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Feed/1.0
Version: 1
{more}
--b
Content-Type: message/rfc822

Message-ID: {message_id}
Subject: your order

hello
--b--
"""


def planned(state: Engine, many: int = 1, tries: int = 1) -> list:
    """That many notices as if they had been sent to one person each."""
    directory.put(state, KEYS, [buyer(f"b{n}") for n in range(many)])
    decide_and_plan(state, [late(f"o{n}", f"b{n}") for n in range(many)], around())
    with writing(state) as db:
        db.execute(update(deliveries).values(state="ACCEPTED", tries=tries))
        return list(db.execute(select(deliveries).order_by(deliveries.c.delivery_id)).all())


def bounce(row, status: str = "5.1.1", action: str = "failed", **changed: str) -> bytes:
    values = {"path": row.envelope_from, "message_id": row.message_id, **changed}
    return DSN.format(status=status, action=action, **values).encode()


def complaint(row, kind: str = "abuse", more: str = "", **changed: str) -> bytes:
    return ARF.format(kind=kind, more=more, **{"message_id": row.message_id, **changed}).encode()


def take(state: Engine, raw: bytes) -> str:
    with writing(state) as db:
        return returns.take(db, KEYS, raw, NOW)


def standing(state: Engine) -> tuple[list[str], list[str]]:
    with state.connect() as db:
        states = db.execute(select(deliveries.c.state).order_by(deliveries.c.delivery_id)).scalars().all()
        return list(states), list(db.execute(select(suppressions.c.reason)).scalars())


@pytest.mark.parametrize(
    ("status", "action", "said", "state_after", "reasons"),
    [
        ("5.1.1", "failed", "bounce", "BOUNCED", ["bounced (5.1.1)"]),
        ("5.2.1", "failed", "bounce", "BOUNCED", ["bounced (5.2.1)"]),
        ("5.2.2", "failed", "bounce", "BOUNCED", []),
        ("4.4.7", "failed", "bounce", "BOUNCED", []),
        ("4.2.2", "delayed", "delay", "ACCEPTED", []),
        ("2.0.0", "delivered", "unknown", "ACCEPTED", []),
    ],
)
def test_a_bounce_is_what_it_says(
    state: Engine, status: str, action: str, said: str, state_after: str, reasons: list[str]
) -> None:
    [row] = planned(state)
    assert take(state, bounce(row, status, action)) == said
    assert standing(state) == ([state_after], reasons)
    assert take(state, bounce(row, status, action)) == ("unknown" if said == "unknown" else "seen")
    with state.connect() as db:
        assert "b0@" not in "".join(db.execute(select(noted.c.detail)).scalars())


def test_a_forged_bounce_changes_nothing(state: Engine) -> None:
    [row] = planned(state)
    head, _, rest = row.envelope_from.partition(".")
    last = "0" if rest[0] != "0" else "1"
    forged = [
        bounce(row, path=f"{head}.{last}{rest[1:]}"),
        bounce(row, path="notices@beforehand.example"),
        bounce(row, path=""),
        bounce(row).replace(b"report-type=delivery-status", b"report-type=disposition-notification"),
        bounce(row).replace(b"Action: failed", b"Action:"),
        b"Subject: out of office\r\nTo: " + row.envelope_from.encode() + b"\r\n\r\nI am away.",
    ]
    assert [take(state, raw) for raw in forged] == ["unknown"] * len(forged)
    assert standing(state) == (["ACCEPTED"], [])


def test_what_was_never_tried_cannot_have_bounced(state: Engine) -> None:
    [row] = planned(state, tries=0)
    assert take(state, bounce(row)) == "unknown"


def test_a_complaint_suppresses_by_message_id_or_return_path(state: Engine) -> None:
    first, second = planned(state, 2)
    assert take(state, complaint(first)) == "complaint"
    path = f"Original-Mail-From: <{second.envelope_from.upper()}>\n"
    assert take(state, complaint(second, more=path, message_id="<removed>")) == "complaint"
    assert standing(state) == (["COMPLAINED"] * 2, ["complaint"] * 2)
    assert take(state, bounce(first)) == "bounce"
    assert standing(state)[0] == ["COMPLAINED"] * 2, "a complaint stays one"
    with state.connect() as db:
        keys = [preferences.address_key(KEYS, f"b{n}@mail.example") for n in range(2)]
        assert set(preferences.suppressed(db, keys)) == set(keys)


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure"])
def test_what_is_no_complaint_changes_nothing(state: Engine, kind: str) -> None:
    [row] = planned(state)
    assert take(state, complaint(row, kind)) == "unknown"
    assert standing(state) == (["ACCEPTED"], [])


def test_the_third_bounce_of_one_person_suppresses(state: Engine) -> None:
    directory.put(state, KEYS, [buyer("b0")])
    for n in range(3):
        late_by = timedelta(days=8 * n)
        decide_and_plan(state, [late(f"o{n}", "b0")], around(day=around().day + late_by, now=NOW + late_by))
    with writing(state) as db:
        db.execute(update(deliveries).values(state="ACCEPTED", tries=1))
        rows = db.execute(select(deliveries)).all()
    assert len(rows) == 3
    for row, reasons in zip(rows, ([], [], ["bounced 3 times"]), strict=True):
        take(state, bounce(row, "5.2.2"))
        assert standing(state)[1] == reasons


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff" * 500,
        b"Content-Type: multipart/report; report-type=delivery-status\r\n\r\nno parts",
        b"Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\nContent-Type: a/b",
        b"Content-Type: multipart/report; report-type*=utf-8''%zz; boundary*0=\r\n\r\n--",
        b"X" * (returns.MAX_BYTES + 1),
    ],
    ids=["empty", "noise", "no parts", "no fields", "broken parameters", "too large"],
)
def test_hostile_mail_is_unknown_and_stops_nothing(state: Engine, raw: bytes) -> None:
    assert take(state, raw) == "unknown"


def test_a_maildir_is_read_once(state: Engine, tmp_path: Path) -> None:
    first, second = planned(state, 2)
    with pytest.raises(NoFolder, match="is not a Maildir"):
        read(state, KEYS, tmp_path, NOW)
    new = tmp_path / "new"
    new.mkdir()
    (new / "1.mx").write_bytes(bounce(first))
    (new / "2.mx").write_bytes(complaint(second))
    (new / "3.mx").write_bytes(b"Subject: hello\r\n\r\nnot a report")
    counts = {"bounce": 1, "complaint": 1, "delay": 0, "seen": 0, "unknown": 1}
    assert read(state, KEYS, tmp_path, NOW) == counts
    assert sorted(path.name for path in (tmp_path / "cur").iterdir()) == ["1.mx:2,S", "2.mx:2,S", "3.mx:2,S"]
    (new / "1.mx").write_bytes(bounce(first))
    assert read(state, KEYS, tmp_path, NOW)["seen"] == 1
    assert sum(read(state, KEYS, tmp_path, NOW).values()) == 0
