"""The card of a message about one order: what is so, the window beside the promise, why, and what happens next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from notices.write import reasons
from notices.write.card import Card, Links, Voice, short_id
from notices.write.formats import name
from notices.write.situations import DELIVERED, delivered_at, is_with_seller, situation, window_words, wrong
from notices.write.topics import TOPICS, Topic

MAX_ITEMS = 3
MAX_REASONS = 3
ENDED = DELIVERED | {"lost", "returned"}  # the carrier's word is the reason
AGAIN = frozenset({"all_clear", "correction"})  # stages that answer an earlier message


def card(kind: str, stage: str, evidence: Mapping[str, Any], voice: Voice, links: Links) -> Card:
    """What the buyer is told. kind: one of TOPICS. stage: heads_up, update, all_clear or correction."""
    topic, state = TOPICS[kind], situation(evidence)
    tone = _tone(topic, stage, state, evidence)
    facts: dict[str, object] = {"order": short_id(evidence["order_id"])}
    if evidence.get("promised_at"):
        facts["promised"] = voice.formats.day(evidence["promised_at"])
    heading, window = _window(stage, state, evidence, voice) if topic.shows_window or state in DELIVERED else ("", "")
    return Card(
        **voice.frame(evidence, links),
        subject=voice.first_of(_keys(kind, stage, "subject", tone, state), **facts),
        headline=voice.first_of(_keys(kind, stage, "headline", tone, state)),
        window_heading=heading,
        window=window,
        lines=tuple(_lines(stage, state, evidence, voice)),
        reasons=_reasons(kind, stage, state, evidence, voice),
        next=voice.first_of(_next_keys(kind, stage, state, evidence)),
        action=voice.catalog.text("order.action"),
        reach=voice.first_of((f"{kind}.reach" if stage not in AGAIN else "order.reach", "order.reach")),
        why_told=voice.first_of(
            ("order.why_told.again",) if stage in AGAIN else (f"{kind}.why_told", "order.why_told")
        ),
    )


def _tone(topic: Topic, stage: str, state: str, evidence: Mapping[str, Any]) -> str:
    """Which of a stage's special sentences fit the evidence."""
    if stage == "all_clear" and state in DELIVERED:
        return "delivered"
    tones = {"heads_up": topic.heads_up, "all_clear": topic.all_clear, "correction": wrong}
    return tones[stage](evidence) if stage in tones else state


def _keys(kind: str, stage: str, part: str, tone: str, state: str) -> tuple[str, ...]:
    """Where the sentence of a part may stand, the most special first; at last what is so with the order."""
    return (
        f"{kind}.{stage}.{part}.{tone}",
        f"order.{stage}.{part}.{tone}",
        *(() if stage == "all_clear" and state in DELIVERED else (f"{kind}.{stage}.{part}",)),
        f"order.{stage}.{part}",
        f"situation.{state}.{part}",
    )


def _next_keys(kind: str, stage: str, state: str, evidence: Mapping[str, Any]) -> tuple[str, ...]:
    phase = "delivered" if state in DELIVERED else "not_sent" if is_with_seller(evidence) else "open"
    return (f"order.{stage}.next.{phase}", f"order.{stage}.next", f"{kind}.next.{phase}", f"{kind}.next")


def _window(stage: str, state: str, evidence: Mapping[str, Any], voice: Voice) -> tuple[str, str]:
    """Heading and days: when it came, or when it is expected. Nothing where there is no day to say, and no need to."""
    say = voice.catalog.text
    if state in DELIVERED:
        return say("order.delivered_heading"), voice.formats.long_day(delivered_at(evidence))
    how, _ = window_words(evidence.get("window"), evidence["as_of"])
    if state in {"lost", "returned"} or (stage in AGAIN and how == "unknown"):
        return "", ""
    return say("order.window_heading"), _days(evidence.get("window"), evidence["as_of"], voice)


def _days(window: Mapping[str, str | None] | None, as_of: str, voice: Voice) -> str:
    how, edges = window_words(window, as_of)
    said = {edge: voice.formats.long_day(day) for edge, day in edges.items()}
    if how == "between" and said["first"] == said["last"]:
        return voice.catalog.text("order.window.one_day", first=said["first"])
    return voice.catalog.text(f"order.window.{how}", **said)


def _lines(stage: str, state: str, evidence: Mapping[str, Any], voice: Voice) -> Iterator[str]:
    say, formats = voice.catalog.text, voice.formats
    if evidence.get("promised_at"):
        yield say("order.promised", promised=formats.long_day(evidence["promised_at"]))
    before = (evidence.get("before") or {}).get("window")
    if stage != "heads_up" and before and state not in DELIVERED:
        how, edges = window_words(before, min(filter(None, (before.get("p10"), evidence["as_of"]))))
        if how == "between":
            said = {edge: formats.long_day(day) for edge, day in edges.items()}
            yield say("order.before", window=say("order.window.between", **said))
    yield say("order.order", order=name(evidence["order_id"]))
    for item in (evidence.get("items") or ())[:MAX_ITEMS]:
        quantity = formats.number(item["quantity"])
        if item.get("category"):
            yield say("order.item", quantity=quantity, category=name(item["category"].replace("_", " ")))
        else:
            yield say("order.item_plain", quantity=quantity)
    yield _last_scan(evidence.get("last_scan"), voice)


def _last_scan(scan: Mapping[str, Any] | None, voice: Voice) -> str:
    say = voice.catalog.text
    if not scan:
        return say("order.no_scan")
    facts = {"event": say(f"event.{scan['event']}"), "at": voice.formats.moment(scan["event_at"])}
    if scan.get("hub"):
        return say("order.last_scan_hub", hub=name(scan["hub"]), **facts)
    return say("order.last_scan", **facts)


def _reasons(kind: str, stage: str, state: str, evidence: Mapping[str, Any], voice: Voice) -> tuple[str, ...]:
    """The strongest reasons in whole sentences, each said once; what is so with the order where there are none."""
    topic = TOPICS[kind]
    if stage == "correction" and wrong(evidence) != "back":
        return (_wrong(evidence, voice),)
    if stage == "all_clear":
        tone = state if state in DELIVERED else topic.all_clear(evidence)
        return (voice.first_of((f"{kind}.all_clear.reason.{tone}", f"situation.{state}.reason")),)
    told = [reason for reason in evidence.get("reasons") or () if reason.get("code") in topic.reasons]
    said = [_sentence(reason, topic, voice) for reason in told] if state not in ENDED else []
    first = [voice.catalog.text("order.correction.reason.back")] if stage == "correction" else []
    found = tuple(dict.fromkeys(sentence for sentence in [*first, *said] if sentence))
    return found[:MAX_REASONS] or (voice.catalog.text(f"situation.{state}.reason"),)


def _wrong(evidence: Mapping[str, Any], voice: Voice) -> str:
    say = voice.catalog.text
    if wrong(evidence) != "happened":
        return say("order.correction.reason")
    ended = evidence["ended"]
    event, at = say(f"event.{ended['event']}"), voice.formats.moment(ended["at"])
    return say("order.correction.reason.happened", event=event, at=at)


def _sentence(reason: Mapping[str, Any], topic: Topic, voice: Voice) -> str | None:
    stated = reasons.stated(reason, voice.catalog, voice.formats)
    return stated or (reasons.plain(reason, voice.catalog) if topic.plain_reasons else None)
