"""A realistic day in a real state DB and a real Maildir, written through SQLAlchemy: for tests and for pictures.

Same seed, same day. Orders and articles are made up; every row obeys the tables of notices.state.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert

from notices import state

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
REGIONS = ("BR-SP", "BR-RJ", "BR-MG", "BR-BA", "BR-RS", "BR-PE")
HUBS = ("Cajamar", "Contagem", "Duque de Caxias", "Simões Filho")
LATE_MIX = (
    ("send", "worth_telling", 26), ("quiet", "quiet_hours", 6), ("hold_out", "permanent", 3), ("review", "dear_and_unsure", 4),
    ("already_told", "no_change_of_fact", 31), ("below_value", "not_worth_telling", 118), ("capped", "recipient_7_days", 2),
    ("snoozed", "until_later", 1), ("suppressed", "no_consent", 5), ("abstained", "no_scan_yet", 44),
)  # fmt: skip
STOCK_MIX = (
    ("digest", "line_of_digest", 37), ("covered", "inbound_in_time", 22), ("below_value", "not_worth_telling", 61),
    ("hold_out", "permanent", 4), ("abstained", "no_sales_in_56_days", 19), ("shadow", "10%", 3),
)  # fmt: skip


@dataclass
class Rows:
    """What is about to be inserted, by table."""

    cases: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    notices: list[dict[str, Any]] = field(default_factory=list)
    tellings: list[dict[str, Any]] = field(default_factory=list)
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    directory: list[dict[str, Any]] = field(default_factory=list)


def fill(home: Path, url: str, *, day: date = DAY, seed: int = 7, trouble: bool = True) -> None:
    """Write one day. ``trouble``: one step held and one failed, some mails refused or uncertain."""
    dice = random.Random(f"{seed} {day}")
    rows = Rows()
    mails = Maildir(home / "mailbox")
    for decision, reason, count in LATE_MIX:
        for _ in range(count):
            _late(rows, mails, dice, day, decision, reason, trouble=trouble)
    _stock(rows, mails, dice, day)
    engine = state.open_state(url)
    with state.writing(engine) as db:
        people = [row["person_id"] for row in rows.directory]
        db.execute(delete(state.directory).where(state.directory.c.person_id.in_(people)))
        for name in ("directory", "cases", "decisions", "notices", "tellings", "deliveries", "attempts"):
            if getattr(rows, name):
                db.execute(insert(state.metadata.tables[name]), getattr(rows, name))
    _runs(engine, rows, day, trouble=trouble)
    engine.dispose()


def many(url: str, count: int, day: date = DAY) -> None:
    """A day of ``count`` decisions, for the pages that must stay quick."""
    engine = state.open_state(url)
    evidence = {"kind": "late_delivery", "reasons": [], "note": "x" * 200}
    with state.writing(engine) as db:
        for first in range(0, count, 10_000):
            db.execute(insert(state.decisions), [
                {
                    "decision_id": f"d{number:07}", "day": day, "kind": "late_delivery", "subject_id": f"order-{number:07}",
                    "sku_id": "", "recipient_id": f"b{number:07}", "case_id": None, "armed": True,
                    "decision": "send" if number % 3000 == 0 else "below_value", "reason": "not_worth_telling",
                    "probability": number % 997 / 997, "expected_value": number % 1009 / 10, "evidence": evidence,
                    "model_version": "3", "decided_at": NOON,
                }
                for number in range(first, min(first + 10_000, count))
            ])  # fmt: skip
    engine.dispose()


class Maildir:
    """Writes mails as a local relay does: one file each, under ``new``."""

    def __init__(self, root: Path) -> None:
        self.new = root / "new"
        for folder in ("new", "cur", "tmp"):
            (root / folder).mkdir(parents=True, exist_ok=True)

    def add(self, name: str, message: EmailMessage) -> None:
        (self.new / name).write_bytes(message.as_bytes())


def letter(to: str, subject: str, message_id: str, text: str, html: str, locale: str) -> EmailMessage:
    """A multipart mail as the outbox would render it."""
    message = EmailMessage()
    message["From"] = "Beforehand Market <notices@beforehand.example>"
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = message_id
    message["Date"] = "Mon, 02 Mar 2026 06:00:00 +0000"
    message["Content-Language"] = locale
    message["Auto-Submitted"] = "auto-generated"
    message["List-Unsubscribe"] = "<http://127.0.0.1:8765/stop/abc>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message


def _id(*parts: object) -> str:
    return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()[:32]


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _late(
    rows: Rows, mails: Maildir, dice: random.Random, day: date, decision: str, reason: str, *, trouble: bool
) -> None:
    as_of = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    order_id = f"{dice.getrandbits(128):032x}"
    buyer, decision_id, case_id = _id("buyer", order_id), _id("decision", order_id, day), _id("case", order_id)
    evidence = _late_evidence(dice, as_of, order_id, buyer)
    chance = None if decision == "abstained" else round(min(0.97, max(0.04, dice.gauss(0.62, 0.2))), 3)
    evidence["probability"] = chance
    value = None if chance is None else round(chance * (8 + 0.05 * evidence["value"]) - 3.3, 2)
    if decision == "below_value" and value is not None:
        value = -abs(value) % 3 - 3
    has_case = decision not in {"abstained", "below_value"}
    rows.directory.append({"person_id": buyer, "role": "buyer", "sealed": b"sealed"})
    rows.decisions.append(_decision(
        decision_id, day, "late_delivery", order_id, "", buyer, case_id if has_case else None, decision, reason, chance,
        value, evidence, as_of,
    ))  # fmt: skip
    if has_case:
        told = decision in {"send", "quiet", "already_told"}
        rows.cases.append(
            _case(case_id, "late_delivery", buyer, order_id, "heads_up" if told else "open", as_of, evidence)
        )
    if decision in {"send", "quiet", "review"}:
        locale = dice.choice(("pt-BR", "pt-BR", "en"))
        _notice(
            rows,
            mails,
            dice,
            day,
            "late_delivery",
            decision,
            decision_id,
            [case_id],
            buyer,
            evidence,
            locale,
            as_of,
            trouble=trouble,
        )


def _late_evidence(dice: random.Random, as_of: datetime, order_id: str, buyer: str) -> dict[str, Any]:
    promised = as_of.replace(hour=23, minute=59, second=59) + timedelta(days=dice.randint(-1, 6))
    scanned = as_of - timedelta(hours=dice.randint(20, 96))
    likely = promised.date() + timedelta(days=dice.randint(1, 4))
    hub, carrier = dice.choice(HUBS), dice.choice(("Rota Sul", "Expresso Norte", "Via Leste"))
    days = round(dice.uniform(1.4, 5.2), 1)
    return {
        "kind": "late_delivery", "order_id": order_id, "recipient_id": buyer, "seller_id": f"S{dice.randint(1000, 9999)}",
        "as_of": _iso(as_of), "promised_at": _iso(promised), "destination_region": dice.choice(REGIONS), "currency": "BRL",
        "value": round(dice.lognormvariate(4.8, 0.8), 2), "carrier": carrier,
        "last_scan": {"event": "hub_in", "hub": hub, "event_at": _iso(scanned), "recorded_at": _iso(scanned + timedelta(minutes=50))},
        "window": {"p10": str(likely - timedelta(days=1)), "p50": str(likely), "p90": str(likely + timedelta(days=3))},
        "snapshot": dice.choice(("hand_over", "day_5", "day_10")),
        "reasons": [
            {"code": "no_scan_for_long", "facts": {"days_without_a_scan": days, "usual_days": 0.9}, "contribution": 0.9,
             "source": {"table": "shipment_events", "key": _id("scan", order_id)[:10], "recorded_at": _iso(scanned)}},
            {"code": "hub_backs_up", "facts": {"hub": hub, "parcels_waiting": dice.randint(300, 4000)}, "contribution": 0.5,
             "source": {"table": "shipment_events", "key": hub, "recorded_at": _iso(as_of - timedelta(hours=3))}},
            {"code": "carrier_slower", "facts": {"late_share_28d": round(dice.uniform(0.1, 0.5), 2)}, "contribution": 0.2,
             "source": {"table": "shipment_events", "key": carrier, "recorded_at": _iso(as_of - timedelta(days=1))}},
        ],
        "items": [{"sku_id": f"SKU-{dice.randint(100, 999)}", "category": "housewares", "quantity": dice.randint(1, 3)}],
    }  # fmt: skip


def _stock(rows: Rows, mails: Maildir, dice: random.Random, day: date) -> None:
    as_of = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    sellers = [f"S{number}" for number in range(2001, 2010)]
    rows.directory += [{"person_id": seller, "role": "seller", "sealed": b"sealed"} for seller in sellers]
    lines: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    number = 0
    for decision, reason, count in STOCK_MIX:
        for _ in range(count):
            number += 1
            seller, sku = sellers[number % len(sellers)], f"SKU-{day:%m%d}-{number:04}"
            decision_id, case_id = _id("decision", sku, day), _id("case", sku)
            evidence = _stock_evidence(dice, as_of, seller, sku)
            chance = None if decision == "abstained" else evidence["probability"]
            value = None if chance is None else round(chance * (5 + 0.2 * evidence["value_at_risk"]) - 1.5, 2)
            has_case = decision in {"digest", "covered", "hold_out"}
            rows.decisions.append(_decision(
                decision_id, day, "stock_out", seller, sku, seller, case_id if has_case else None, decision, reason,
                chance, value, evidence, as_of,
            ))  # fmt: skip
            if has_case:
                stage = "heads_up" if decision == "digest" else "open"
                rows.cases.append(_case(case_id, "stock_out", seller, sku, stage, as_of, evidence))
            if decision == "digest":
                lines.setdefault(seller, []).append((decision_id, case_id, evidence))
    for seller, listed in lines.items():
        evidence = {"kind": "stock_out", "lines": [line for _, _, line in listed]}
        case_ids = [case_id for _, case_id, _ in listed]
        _notice(
            rows,
            mails,
            dice,
            day,
            "stock_out",
            "digest",
            listed[0][0],
            case_ids,
            seller,
            evidence,
            "pt-BR",
            as_of,
            trouble=False,
        )


def _stock_evidence(dice: random.Random, as_of: datetime, seller: str, sku: str) -> dict[str, Any]:
    per_day, on_hand = round(dice.uniform(0.6, 9), 1), dice.randint(1, 22)
    ends = as_of.date() + timedelta(days=max(1, round(on_hand / per_day)))
    return {
        "kind": "stock_out", "seller_id": seller, "recipient_id": seller, "sku_id": sku, "category": "toys",
        "as_of": _iso(as_of), "horizon_days": 9, "probability": round(dice.uniform(0.3, 0.97), 3), "on_hand": on_hand,
        "units_per_day": per_day, "expected_date": str(ends), "order_by": str(as_of.date() + timedelta(days=1)),
        "quantity": round(per_day * 21), "value_at_risk": round(per_day * dice.uniform(30, 400), 2), "currency": "BRL",
        "open_inbound": {"quantity": 40, "expected_at": _iso(as_of + timedelta(days=12))} if dice.random() < 0.3 else None,
        "reasons": [
            {"code": "days_of_cover_low", "facts": {"days_of_cover": round(on_hand / per_day, 1), "lead_time_days": 9},
             "contribution": 1.4, "source": {"table": "stock", "key": f"{seller} · {sku}", "recorded_at": _iso(as_of - timedelta(hours=2))}},
            {"code": "sells_faster", "facts": {"units_per_day_7d": round(per_day * 1.4, 1), "units_per_day_28d": per_day},
             "contribution": 0.6, "source": {"table": "order_items", "key": sku, "recorded_at": _iso(as_of - timedelta(hours=1))}},
        ],
    }  # fmt: skip


def _decision(
    decision_id: str, day: date, kind: str, subject: str, sku: str, recipient: str, case_id: str | None, decision: str,
    reason: str, chance: float | None, value: float | None, evidence: dict[str, Any], as_of: datetime,
) -> dict[str, Any]:  # fmt: skip
    return {
        "decision_id": decision_id, "day": day, "kind": kind, "subject_id": subject, "sku_id": sku,
        "recipient_id": recipient, "case_id": case_id, "decision": decision, "reason": reason, "probability": chance,
        "expected_value": value, "evidence": evidence, "model_version": f"{kind} 3", "armed": True,
        "decided_at": as_of + timedelta(hours=5, minutes=41),
    }  # fmt: skip


def _case(
    case_id: str, kind: str, who: str, about: str, stage: str, as_of: datetime, fact: dict[str, Any]
) -> dict[str, Any]:
    at = as_of + timedelta(hours=5, minutes=41)
    return {
        "case_id": case_id, "kind": kind, "recipient_id": who, "object_id": about, "episode": "1", "stage": stage,
        "opened_at": at, "updated_at": at, "closed_at": None, "fact": {"as_of": fact["as_of"]},
    }  # fmt: skip


def _notice(
    rows: Rows, mails: Maildir, dice: random.Random, day: date, kind: str, decision: str, decision_id: str,
    case_ids: list[str], who: str, evidence: dict[str, Any], locale: str, as_of: datetime, *, trouble: bool,
) -> None:  # fmt: skip
    notice_id = _id("notice", decision_id)
    planned = as_of + timedelta(hours=5, minutes=42)
    digest = kind == "stock_out"
    notice_state = "HELD" if decision == "review" else "APPROVED"
    rows.notices.append({
        "notice_id": notice_id, "dedupe_key": _id("dedupe", notice_id), "decision_id": decision_id,
        "case_id": None if digest else case_ids[0], "kind": kind, "stage": "digest" if digest else "heads_up",
        "recipient_id": who, "day": day, "state": notice_state, "state_reason": "dear_and_unsure" if decision == "review" else "",
        "locale": locale, "template_version": "1", "evidence": evidence, "planned_at": planned,
        "expires_at": planned + timedelta(days=2), "updated_at": planned,
    })  # fmt: skip
    if decision == "review":
        return
    rows.tellings += [
        {"case_id": case_id, "stage": "heads_up", "notice_id": notice_id, "fact": {}} for case_id in case_ids
    ]
    fate = "READY" if decision == "quiet" else _fate(dice) if trouble else "ACCEPTED"
    _delivery(rows, notice_id, fate, planned)
    if fate == "ACCEPTED":
        mails.add(f"{int(planned.timestamp())}.{notice_id}.local", _mail(kind, who, notice_id, evidence, locale))


def _fate(dice: random.Random) -> str:
    return dice.choices(("ACCEPTED", "FAILED", "PARKED"), (20, 1, 1))[0]


def _delivery(rows: Rows, notice_id: str, fate: str, planned: datetime) -> None:
    delivery_id = _id("delivery", notice_id)
    ended = {
        "ACCEPTED": (250, "2.0.0 queued"),
        "FAILED": (550, "5.1.1 no such user"),
        "PARKED": (None, None),
        "READY": (None, None),
    }
    code, reply = ended[fate]
    started = planned + timedelta(minutes=14)
    rows.deliveries.append({
        "delivery_id": delivery_id, "notice_id": notice_id, "message_id": f"<{notice_id}@beforehand.example>",
        "envelope_from": "notices@beforehand.example", "sealed_to": b"sealed", "sealed_mime": b"sealed", "state": fate,
        "epoch": 1, "tries": 0 if fate == "READY" else 1, "next_try_at": started, "last_code": code, "last_reply": reply,
        "relay": "local mailbox", "accepted_at": started if fate == "ACCEPTED" else None, "updated_at": started,
    })  # fmt: skip
    if fate != "READY":
        rows.attempts.append({
            "delivery_id": delivery_id, "epoch": 1, "started_at": started, "ended_at": started + timedelta(seconds=1),
            "phase": {"ACCEPTED": "done", "FAILED": "rcpt", "PARKED": "dot"}[fate], "code": code, "reply": reply,
        })  # fmt: skip


def _mail(kind: str, who: str, notice_id: str, evidence: dict[str, Any], locale: str) -> EmailMessage:
    """A stand-in letter with the real facts; the wording of real mails is notices.compose's own business."""
    portuguese = locale == "pt-BR"
    if kind == "stock_out":
        subject = f"{len(evidence['lines'])} produtos podem acabar esta semana"
        said = [
            f"{line['sku_id']}: {line['on_hand']} em estoque, até {line['expected_date']}" for line in evidence["lines"]
        ]
    else:
        window = evidence["window"]
        subject = "Seu pedido deve atrasar" if portuguese else "Your parcel will probably be late"
        arrival = "Chegada prevista entre {p10} e {p90}." if portuguese else "We now expect it between {p10} and {p90}."
        said = [arrival.format(**window), f"{evidence['last_scan']['hub']}, {evidence['last_scan']['event_at'][:10]}"]
    html = "".join(f"<p style='font:16px/1.5 sans-serif'>{line}</p>" for line in said)
    page = f"<!doctype html><html><body style='margin:24px;max-width:34rem'><h1 style='font:700 22px sans-serif'>{subject}</h1>{html}</body></html>"
    return letter(
        f"{who[:6]}@example.net",
        subject,
        f"<{notice_id}@beforehand.example>",
        "\n\n".join([subject, *said]),
        page,
        locale,
    )


def _runs(engine: Any, rows: Rows, day: date, *, trouble: bool) -> None:
    at = datetime(day.year, day.month, day.day, 5, 30, tzinfo=UTC) + timedelta(days=1)
    tables = {"orders": (6014, 12), "order_items": (7102, 0), "order_events": (11843, 3), "shipments": (5230, 0),
              "shipment_events": (31877, 214), "stock": (4180, 0), "inbound": (611, 0), "calendar": (0, 0)}  # fmt: skip
    ingest = {name: {"rows_in": n, "rows_kept": n - bad, "rows_quarantined": bad} for name, (n, bad) in tables.items()}
    decided: dict[str, int] = {"candidates": len(rows.decisions)}
    for decision in rows.decisions:
        decided[decision["decision"]] = decided.get(decision["decision"], 0) + 1
    steps: list[tuple[str, str | None, str, dict[str, Any], str]] = [
        ("ingest", None, "done", ingest, ""),
        ("score", "late_delivery", "done", {"scored": 2210, "abstained": 44, "candidates": 240}, ""),
        ("score", "stock_out", "done", {"scored": 4180, "abstained": 320, "candidates": 146}, ""),
        ("decide", None, "done", decided, ""),
        ("send", None, "done", {"accepted": 33, "ready": 6, "failed": 1, "parked": 1}, ""),
    ]
    if trouble:
        steps.append(("train", "late_delivery", "held",
                      {"rows": 48200}, "The new model is not better than the one in service: AP 0.412 against 0.431. "
                      "The one in service stays; nothing else waits for this."))  # fmt: skip
        steps.append(
            ("train", "stock_out", "failed", {}, "features_stock_out, 2026-02-27: no rows. The day was never ingested.")
        )
    for number, (step, target, status, counts, message) in enumerate(steps):
        started = at + timedelta(minutes=3 * number)
        state.record_run(
            engine, run_id=_id("run", step, target, day), day=day, step=step, target=target, status=status, counts=counts,
            versions={"orders": 14, "shipment_events": 14} if step != "send" else {}, message=message, started_at=started,
            ended_at=started + timedelta(seconds=17 + 9 * number),
        )  # fmt: skip
