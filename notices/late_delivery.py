"""The card of a late delivery: the new window beside the promise, why, and what happens next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from notices.card import Card, Links, Voice, short_id
from notices.formats import name

LIKELY = 0.7
MAX_ITEMS = 3


def card(stage: str, evidence: Mapping[str, Any], voice: Voice, links: Links) -> Card:
    """What the buyer is told. stage: heads_up, or update (which also says the earlier estimate)."""
    say, formats = voice.catalog.text, voice.formats
    tone = _tone(evidence)
    prefix = f"late_delivery.{stage}"
    promised = evidence["promised_at"]
    codes = {reason.get("code") for reason in evidence.get("reasons") or ()}
    is_with_seller = not evidence.get("last_scan") and bool(codes & {"hand_over", "not_handed_over"})
    next_key = "late_delivery.next_not_handed_over" if is_with_seller else "late_delivery.next"
    return Card(
        **voice.frame(evidence, links),
        subject=say(f"{prefix}.subject_{tone}", order=short_id(evidence["order_id"]), promised=formats.day(promised)),
        headline=say(f"{prefix}.headline_{tone}"),
        window_heading=say("late_delivery.window_heading"),
        window=_window("late_delivery.window", evidence.get("window"), voice),
        lines=tuple(_lines(stage, evidence, voice)),
        reasons=voice.reasons(evidence),
        next=say(next_key),
        action=say("late_delivery.action"),
        reach=say("late_delivery.reach"),
        why_told=say("late_delivery.why_told"),
    )


def _tone(evidence: Mapping[str, Any]) -> str:
    """How sure the words are: late already, likely, or may."""
    if datetime.fromisoformat(evidence["promised_at"]) < datetime.fromisoformat(evidence["as_of"]):
        return "late"
    return "likely" if evidence["probability"] >= LIKELY else "may"


def _window(key: str, window: Mapping[str, str | None] | None, voice: Voice) -> str:
    first, last = ((window or {}).get(edge) for edge in ("p10", "p90"))
    if not first or not last:
        return voice.catalog.text("late_delivery.window_unknown")
    said = [voice.formats.long_day(edge) for edge in (first, last)]
    if said[0] == said[1]:
        return voice.catalog.text("late_delivery.window_one_day", first=said[0])
    return voice.catalog.text(key, first=said[0], last=said[1])


def _lines(stage: str, evidence: Mapping[str, Any], voice: Voice) -> list[str]:
    say, formats = voice.catalog.text, voice.formats
    said = [say("late_delivery.promised", promised=formats.long_day(evidence["promised_at"]))]
    before = (evidence.get("before") or {}).get("window")
    if stage == "update" and before:
        said.append(_window("late_delivery.before", before, voice))
    said.append(say("late_delivery.order", order=name(evidence["order_id"])))
    for item in (evidence.get("items") or ())[:MAX_ITEMS]:
        quantity = formats.number(item["quantity"])
        if item.get("category"):
            category = name(item["category"].replace("_", " "))
            said.append(say("late_delivery.item", quantity=quantity, category=category))
        else:
            said.append(say("late_delivery.item_plain", quantity=quantity))
    return [*said, _last_scan(evidence.get("last_scan"), voice)]


def _last_scan(scan: Mapping[str, Any] | None, voice: Voice) -> str:
    say = voice.catalog.text
    if not scan:
        return say("late_delivery.no_scan")
    facts = {"event": say(f"event.{scan['event']}"), "at": voice.formats.moment(scan["event_at"])}
    if scan.get("hub"):
        return say("late_delivery.last_scan_hub", hub=name(scan["hub"]), **facts)
    return say("late_delivery.last_scan", **facts)
