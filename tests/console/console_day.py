"""A realistic day in a real state DB and a real Maildir, written through SQLAlchemy: for tests and for pictures.

Same seed, same day. Orders and articles are made up; every row obeys the tables of notices.state.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from console_evidence import late_delivery, made_id, stock_out
from console_mails import KEYS, Maildir, message_id, written
from sqlalchemy import Engine, insert

from notices import state
from notices.people import directory
from notices.people.directory import Entry

DAY = date(2026, 3, 1)
LATE_MIX = {
    ("send", "worth_telling"): 26, ("quiet", "quiet_hours"): 6, ("hold_out", "permanent"): 3,
    ("review", "dear_and_unsure"): 4, ("already_told", "no_change_of_fact"): 31,
    ("below_value", "not_worth_telling"): 118,
    ("capped", "recipient_7_days"): 2, ("snoozed", "until_later"): 1, ("suppressed", "no_consent"): 5,
    ("abstained", "no_scan_yet"): 44,
}  # fmt: skip
STOCK_MIX = {
    ("digest", "line_of_digest"): 37, ("covered", "inbound_in_time"): 22, ("below_value", "not_worth_telling"): 61,
    ("hold_out", "permanent"): 4, ("abstained", "no_sales_in_56_days"): 19, ("shadow", "10%"): 3,
}  # fmt: skip
NO_CASE = {"abstained", "below_value"}
TABLES = ("cases", "decisions", "notices", "tellings", "deliveries", "attempts")
INGESTED = {
    "orders": (6014, 12), "order_items": (7102, 0), "order_events": (11843, 3), "shipments": (5230, 0),
    "shipment_events": (31877, 214), "stock": (4180, 0), "inbound": (611, 0), "calendar": (0, 0),
}  # fmt: skip
ENDINGS = {
    "ACCEPTED": ("done", 250, "2.0.0 queued"), "FAILED": ("rcpt", 550, "5.1.1 no such user"),
    "PARKED": ("dot", None, None),
}  # fmt: skip


@dataclass
class Made:
    """What is about to be written: rows by table, people, and where mails go."""

    day: date
    dice: random.Random
    mails: Maildir
    trouble: bool
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {name: [] for name in TABLES})
    people: dict[str, Entry] = field(default_factory=dict)

    @property
    def as_of(self) -> datetime:
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC) + timedelta(days=1)

    @property
    def decided_at(self) -> datetime:
        return self.as_of + timedelta(hours=5, minutes=41)

    def person(self, person_id: str, role: str) -> Entry:
        """A person of this world; the same one for the same id."""
        if person_id not in self.people:
            portuguese = self.dice.random() < 0.6
            self.people[person_id] = Entry(
                person_id, role, "Ana" if portuguese else "Robin", f"{person_id[:8]}@example.net",
                "pt-BR" if portuguese else "en", "America/Sao_Paulo", "BR-SP", consent=True,
            )  # fmt: skip
        return self.people[person_id]


def fill(home: Path, url: str, *, day: date = DAY, seed: int = 7, trouble: bool = True) -> None:
    """Write one day. ``trouble``: one step held and one failed, some mails refused or parked."""
    made = Made(day, random.Random(f"{seed} {day}"), Maildir(home / "mailbox"), trouble)
    _late(made)
    _stock(made)
    engine = state.open_state(url)
    directory.put(engine, KEYS, made.people.values())
    with state.writing(engine) as db:
        for name in TABLES:
            if made.rows[name]:
                db.execute(insert(state.metadata.tables[name]), made.rows[name])
    _runs(engine, made)
    engine.dispose()


def many(url: str, count: int, day: date = DAY) -> None:
    """A day of ``count`` decisions, for the pages that must stay quick."""
    engine = state.open_state(url)
    evidence = {"kind": "late_delivery", "reasons": [], "note": "x" * 200}
    at = datetime(2026, 3, 2, 6, tzinfo=UTC)
    with state.writing(engine) as db:
        for chunk in state.chunks(range(count), 10_000):
            rows = [
                {
                    "decision_id": f"d{n:07}", "day": day, "kind": "late_delivery", "subject_id": f"order-{n:07}",
                    "sku_id": "", "recipient_id": f"b{n:07}", "case_id": None, "armed": True, "evidence": evidence,
                    "decision": "send" if n % 3000 == 0 else "below_value", "reason": "not_worth_telling",
                    "probability": n % 997 / 997, "expected_value": n % 1009 / 10, "model_version": "3",
                    "decided_at": at,
                }
                for n in chunk
            ]  # fmt: skip
            db.execute(insert(state.decisions), rows)
    engine.dispose()


def _late(made: Made) -> None:
    for (decision, reason), count in LATE_MIX.items():
        for _ in range(count):
            order_id = f"{made.dice.getrandbits(128):032x}"
            buyer = made.person(made_id("buyer", order_id), "buyer")
            evidence = late_delivery(made.dice, made.as_of, order_id, buyer.person_id)
            gain = evidence["probability"] * (8 + 0.05 * evidence["value"]) - 3.3
            ids = _decide(made, evidence, (order_id, ""), buyer, (decision, reason), gain)
            if decision in {"send", "quiet", "review"}:
                _notify(made, "late_delivery", decision, ids, buyer, evidence)


def _stock(made: Made) -> None:
    lines: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    number = 0
    for (decision, reason), count in STOCK_MIX.items():
        for _ in range(count):
            number += 1
            seller, sku = made.person(f"S{2001 + number % 9}", "seller"), f"SKU-{made.day:%m%d}-{number:04}"
            evidence = stock_out(made.dice, made.as_of, seller.person_id, sku)
            gain = evidence["probability"] * (5 + 0.2 * evidence["value_at_risk"]) - 1.5
            ids = _decide(made, evidence, (seller.person_id, sku), seller, (decision, reason), gain)
            if decision == "digest":
                lines.setdefault(seller.person_id, []).append((*ids, evidence))
    for seller_id, listed in lines.items():
        evidence = {"kind": "stock_out", "as_of": listed[0][2]["as_of"], "lines": [line for _, _, line in listed]}
        ids = (listed[0][0], *(case_id for _, case_id, _ in listed))
        _notify(made, "stock_out", "digest", ids, made.people[seller_id], evidence)


def _decide(
    made: Made, evidence: dict[str, Any], subject: tuple[str, str], who: Entry, why: tuple[str, str], gain: float
) -> tuple[str, str]:
    """Add a decision, and a case where there is one. Returns their ids."""
    kind, (decision, reason) = evidence["kind"], why
    object_id = subject[1] or subject[0]
    decision_id, case_id = made_id("decision", object_id, made.day), made_id("case", object_id)
    unsure = decision == "abstained"
    if decision == "below_value":
        gain = -abs(gain) % 3 - 3
    made.rows["decisions"].append({
        "decision_id": decision_id, "day": made.day, "kind": kind, "subject_id": subject[0], "sku_id": subject[1],
        "recipient_id": who.person_id, "case_id": None if decision in NO_CASE else case_id, "decision": decision,
        "reason": reason, "probability": None if unsure else evidence["probability"], "armed": True,
        "expected_value": None if unsure else round(gain, 2), "evidence": evidence, "model_version": f"{kind} 3",
        "decided_at": made.decided_at,
    })  # fmt: skip
    if decision not in NO_CASE:
        told = decision in {"send", "quiet", "digest", "already_told"}
        made.rows["cases"].append({
            "case_id": case_id, "kind": kind, "recipient_id": who.person_id, "object_id": object_id, "episode": "1",
            "stage": "heads_up" if told else "open", "opened_at": made.decided_at, "updated_at": made.decided_at,
            "closed_at": None, "fact": {"expected_date": evidence.get("expected_date")},
        })  # fmt: skip
    return decision_id, case_id


def _notify(
    made: Made, kind: str, decision: str, ids: tuple[str, ...], who: Entry, evidence: Mapping[str, Any]
) -> None:
    """Add a notice with its delivery, its tries and its mail. ids: the decision, then the cases that are told."""
    notice_id, planned = made_id("notice", ids[0]), made.decided_at + timedelta(minutes=1)
    waits = decision == "review"
    made.rows["notices"].append({
        "notice_id": notice_id, "dedupe_key": made_id("dedupe", notice_id), "decision_id": ids[0], "kind": kind,
        "case_id": None if decision == "digest" else ids[1], "stage": "heads_up", "recipient_id": who.person_id,
        "day": made.day, "state": "PROPOSED" if waits else "APPROVED", "state_reason": "",
        "locale": who.locale, "template_version": "1", "evidence": dict(evidence), "planned_at": planned,
        "expires_at": planned + timedelta(days=2), "updated_at": planned,
    })  # fmt: skip
    made.rows["tellings"] += [
        {"case_id": case_id, "stage": "heads_up", "notice_id": notice_id, "fact": {}} for case_id in ids[1:]
    ]
    fate = "READY" if decision == "quiet" or waits else "ACCEPTED"
    if made.trouble and decision == "send":
        fate = made.dice.choices(("ACCEPTED", "FAILED", "PARKED"), (20, 1, 1))[0]
    _deliver(made, notice_id, fate, planned)
    if fate == "ACCEPTED":
        at = planned + timedelta(minutes=14)
        raw = written(kind, dict(evidence), who, notice_id, at)
        made.mails.add(f"{int(at.timestamp())}.{notice_id}.local", raw, at)


def _deliver(made: Made, notice_id: str, fate: str, planned: datetime) -> None:
    delivery_id, started = made_id("delivery", notice_id), planned + timedelta(minutes=14)
    phase, code, reply = ENDINGS.get(fate, (None, None, None))
    made.rows["deliveries"].append({
        "delivery_id": delivery_id, "notice_id": notice_id, "message_id": message_id(notice_id),
        "envelope_from": "notices@beforehand.example", "sealed_to": b"sealed", "state": fate,
        "epoch": 1, "tries": 0 if fate == "READY" else 1, "next_try_at": started, "last_code": code,
        "last_reply": reply, "relay": "local mailbox", "updated_at": started,
        "accepted_at": started if fate == "ACCEPTED" else None,
    })  # fmt: skip
    if fate in ENDINGS:
        made.rows["attempts"].append({
            "delivery_id": delivery_id, "epoch": 1, "started_at": started, "ended_at": started + timedelta(seconds=1),
            "phase": phase, "code": code, "reply": reply,
        })  # fmt: skip


def _runs(engine: Engine, made: Made) -> None:
    """One row for each step of the day, with the figures that the rows above add up to."""
    ingest = {
        name: {"rows_in": n, "rows_kept": n - bad, "rows_quarantined": bad} for name, (n, bad) in INGESTED.items()
    }
    decided: dict[str, Any] = {"candidates": len(made.rows["decisions"])}
    for row in made.rows["decisions"]:
        decided[row["decision"]] = decided.get(row["decision"], 0) + 1
    late, stock = sum(LATE_MIX.values()), sum(STOCK_MIX.values())
    sent: dict[str, Any] = {}
    for row in made.rows["deliveries"]:
        sent[row["state"].lower()] = sent.get(row["state"].lower(), 0) + 1
    steps: list[tuple[str, str | None, str, dict[str, Any], str]] = [
        ("ingest", None, "done", ingest, ""),
        ("score", "late_delivery", "done", {"scored": 2210, "abstained": 44, "candidates": late}, ""),
        ("score", "stock_out", "done", {"scored": 4180, "abstained": 320, "candidates": stock}, ""),
        ("decide", None, "done", decided, ""),
        ("send", None, "done", sent, ""),
    ]
    if made.trouble:
        held = "The new model is not better than the one in service: AP 0.412 against 0.431. The one in service stays."
        failed = "features_stock_out, 2026-02-27: no rows. The day was never ingested."
        steps.append(("train", "late_delivery", "held", {"rows": 48200}, held))
        steps.append(("train", "stock_out", "failed", {}, failed))
    for number, (step, target, status, counts, message) in enumerate(steps):
        started = made.as_of + timedelta(hours=5, minutes=30 + 3 * number)
        state.record_run(
            engine, run_id=made_id("run", step, target, made.day), day=made.day, step=step, target=target,
            status=status, counts=counts, versions={"orders": 14, "shipment_events": 14}, message=message,
            started_at=started, ended_at=started + timedelta(seconds=17 + 9 * number),
        )  # fmt: skip
