"""How many finished mails a second one core composes, and whether ten thousand notices are the same bytes again.

``python -m bench.messages [NOTICES]``: every stage and language in turn over records that differ, with names, days and
numbers of their own. Then the same number of notices is planned into a state DB as decide does it, and each is
written once more from its row. Rates are by processor time, so that a busy machine does not change them.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from jobs.replay import chosen
from jobs.replay_evidence import Rebuilt
from jobs.replay_message import compare
from notices.decide.decide import Candidate
from notices.decide.decision import STAGES
from notices.decide.policy import Policy
from notices.keys import Keys
from notices.people import directory
from notices.people.directory import Entry
from notices.plan.day import decide_and_plan
from notices.plan.plan import Surroundings
from notices.state import open_state
from notices.write.mime import Sender
from notices.write.topics import TOPICS
from notices.write.wording import installed
from notices.write.written import MADE_WITH, House, write

NOTICES = 10_000
STRUCTURE = {"MIME-Version", "Content-Type", "Content-Transfer-Encoding"}  # which the library writes itself
DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
AS_OF = datetime(2026, 3, 2, tzinfo=UTC)
KEYS = Keys(b"a key for benches that is long enough")
HOUSE = House(KEYS, Sender.parse("Beforehand <notices@beforehand.example>"), "Beforehand Market", "https://n.example")
ZONES = {
    "en": "America/New_York", "pt-BR": "America/Sao_Paulo", "zh-Hans": "Asia/Shanghai", "id": "Asia/Jakarta",
    "th": "Asia/Bangkok", "vi": "Asia/Ho_Chi_Minh",
}  # fmt: skip


def main() -> None:
    """Print mails a second by kind and language, then how many of the planned notices are the same again."""
    notices = int(sys.argv[1]) if len(sys.argv) > 1 else NOTICES
    for kind in ("late_delivery", "stock_out"):
        for locale in installed().locales:
            rate, size = composed(kind, locale, 1_000)
            peer = by_the_library(kind, locale, 200)
            say(
                f"{kind:14} {locale:8} {rate:6,.0f} finished mails a second and core, {size:,.0f} bytes each; "
                f"EmailMessage, given text and HTML, {peer:,.0f}: {rate / peer:.1f} times as many"
            )
    same, planned, rate = planned_and_replayed(notices)
    say(f"{same:,} of {planned:,} planned notices are the same bytes again, {rate:,.0f} replayed a second")
    if same != planned:
        sys.exit(1)


def say(line: str) -> None:
    """One line of the report."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()  # parts take minutes, and somebody waits


def composed(kind: str, locale: str, mails: int) -> tuple[float, float]:
    """Finished mails a second of processor time, and their mean size in bytes. Stages in turn, every record new."""
    rng = random.Random(7)  # noqa: S311 - a seeded draw, no secret
    rows = [row(kind, STAGES[n % len(STAGES)], record(kind, n, rng), n) for n in range(mails)]
    people = [person(kind, n, locale) for n in range(mails)]
    write(rows[0], people[0], HOUSE)  # templates are compiled once a process
    started = time.process_time()
    size = sum(len(write(row, entry, HOUSE).mime) for row, entry in zip(rows, people, strict=True))
    return mails / (time.process_time() - started), size / mails


def by_the_library(kind: str, locale: str, mails: int) -> float:
    """The same two parts and headers as an ``EmailMessage`` of the standard library, built and serialised: mails a
    second of processor time. It is given text and HTML, which ``composed`` has to write first.
    """
    ours = write(row(kind, STAGES[0], record(kind, 1, random.Random(7)), 1), person(kind, 1, locale), HOUSE)  # noqa: S311
    read = message_from_bytes(ours.mime, policy=SMTP)
    text, html = (part.get_content() for part in read.iter_parts())
    headers = [(name, str(value)) for name, value in read.items() if name not in STRUCTURE]
    started = time.process_time()
    for _ in range(mails):
        made = EmailMessage(policy=SMTP)
        for name, value in headers:
            made[name] = value
        made.set_content(text)
        made.add_alternative(html, subtype="html")
        made.as_bytes()
    return mails / (time.process_time() - started)


def planned_and_replayed(notices: int) -> tuple[int, int, float]:
    """How many notices are the same again, how many were planned, and replays a second of processor time."""
    rng = random.Random(11)  # noqa: S311 - a seeded draw, no secret
    locales, kinds = installed().locales, tuple(TOPICS)
    with tempfile.TemporaryDirectory() as folder:
        state = open_state(f"sqlite:///{Path(folder) / 'state.db'}")
        people = [person("late_delivery", n, locales[n % len(locales)]) for n in range(notices)]
        directory.put(state, KEYS, people)
        candidates = [candidate(kinds[n % len(kinds)], n, rng) for n in range(notices)]
        told = {name: replace(kind, ladder="all", holdout_share=0.0) for name, kind in Policy().kinds.items()}
        s = Surroundings(DAY, NOW, Policy(kinds=told), KEYS, HOUSE.sender, HOUSE.platform, HOUSE.base_url)
        decide_and_plan(state, candidates, s)
        records = {(one.subject_id, ""): one.evidence for one in candidates}
        with state.connect() as db:
            found = [notice for notice in chosen(db, None, DAY) if notice["sealed_mime"] is not None]
        started = time.process_time()
        ended = [compare(notice, Rebuilt(records), None, KEYS, Path(folder)) for notice in found]
        seconds = time.process_time() - started
        state.dispose()
    return sum(one.same for one in ended), len(found), len(found) / seconds


def person(kind: str, n: int, locale: str) -> Entry:
    """A recipient with a name of their own, where it is noon or so."""
    role = "buyer" if kind in TOPICS else "seller"
    return Entry(f"p{n}", role, f"Pessoa {n}", f"p{n}@mail.example", locale, ZONES[locale], None, consent=True)


def row(kind: str, stage: str, evidence: dict[str, Any], n: int) -> dict[str, Any]:
    """A notice's row, as far as writing needs it."""
    return {
        "notice_id": f"{n:064x}",
        "kind": kind,
        "stage": stage,
        "planned_at": NOW,
        "evidence": {**evidence, MADE_WITH: {}},
    }


def candidate(kind: str, n: int, rng: random.Random) -> Candidate:
    """A candidate that is surely worth telling."""
    evidence = order(kind, n, rng)
    return Candidate(kind, evidence["order_id"], "", f"p{n}", 0.9, False, None, 400.0, evidence, "m1")


def record(kind: str, n: int, rng: random.Random) -> dict[str, Any]:
    """An evidence record of a kind; a digest has five articles."""
    if kind in TOPICS:
        return order(kind, n, rng)
    lines = [article(5 * n + m, rng) for m in range(5)]
    return {"kind": kind, "seller_id": f"s{n}", "as_of": AS_OF.isoformat(), "lines": lines}


def order(kind: str, n: int, rng: random.Random) -> dict[str, Any]:
    """An open order with its promise, window, last scan, article and two reasons."""
    first = AS_OF + timedelta(days=rng.randint(0, 12))
    gap = rng.uniform(50, 200)
    scanned = AS_OF - timedelta(hours=gap)
    return {
        "kind": kind, "order_id": f"o{n:011}", "recipient_id": f"p{n}", "seller_id": "s1", "as_of": AS_OF.isoformat(),
        "promised_at": (AS_OF + timedelta(days=rng.randint(1, 9))).isoformat(), "value": 400.0, "currency": "BRL",
        "window": {"p10": first.isoformat(), "p50": first.isoformat(), "p90": (first + timedelta(days=4)).isoformat()},
        "last_scan": {"event": "hub_in", "hub": f"Hub {n % 400}", "event_at": scanned.isoformat(),
                      "recorded_at": scanned.isoformat()},
        "probability": 0.9, "items": [{"sku_id": "k1", "category": "casa_mesa", "quantity": rng.randint(1, 9)}],
        "reasons": [
            {"code": "scan_gap", "facts": {"last_scan_age_hours": round(gap, 4)}},
            {"code": "slack", "facts": {"slack_days": round(rng.uniform(-1, 9), 4)}},
        ],
    }  # fmt: skip


def article(n: int, rng: random.Random) -> dict[str, Any]:
    """An article that may run out."""
    ends = AS_OF + timedelta(days=rng.randint(1, 20))
    return {
        "sku_id": f"k{n:07}", "category": "casa", "as_of": AS_OF.isoformat(), "probability": rng.random(),
        "on_hand": rng.randint(0, 90), "units_per_day": rng.uniform(0.1, 20), "quantity": rng.randint(1, 300),
        "expected_date": ends.date().isoformat(), "order_by": AS_OF.date().isoformat(), "currency": "BRL",
        "value_at_risk": rng.uniform(10, 9_000), "open_inbound": None,
        "reasons": [{"code": "on_hand", "facts": {"cover_days": rng.uniform(0.1, 20)}}],
    }  # fmt: skip


if __name__ == "__main__":
    main()
