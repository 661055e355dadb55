"""The card of a seller's digest: one line per article, what is at risk first, with when and how much to order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from notices.card import Bar, Card, Links, Voice
from notices.formats import Number, name

MAX_LINES = 20
COLUMNS = ("article", "chance", "on_hand", "units_per_day", "expected_date", "order_by", "quantity", "value_at_risk")
ALWAYS = ("article", "chance")


def card(stage: str, evidence: Mapping[str, Any], voice: Voice, links: Links) -> Card:
    """What the seller is told. evidence: ``lines`` holds one record per article, the most at risk first.

    A column that no article has a value for is left out: a table of dashes hides what is known.
    """
    say = voice.catalog.text
    lines: Sequence[Mapping[str, Any]] = evidence["lines"]
    shown = lines if voice.whole else lines[:MAX_LINES]
    columns = [name_ for name_ in COLUMNS if name_ in ALWAYS or any(line.get(name_) is not None for line in shown)]
    count = voice.formats.number(len(lines))
    return Card(
        **voice.frame(evidence, links),
        subject=say(f"stock_out.{stage}.subject", count=count),
        headline=say(f"stock_out.{stage}.headline", count=count),
        window_heading="",
        window="",
        lines=(say("stock_out.lead"),),
        columns=tuple(say(f"stock_out.column.{column}") for column in columns),
        rows=tuple(_row(line, columns, voice) for line in shown),
        more=_more(len(lines) - len(shown), voice),
        reasons=(),
        next=say("stock_out.next"),
        action=say("stock_out.action"),
        reach=say("stock_out.reach"),
        why_told=say("stock_out.why_told"),
    )


def _row(line: Mapping[str, Any], columns: Sequence[str], voice: Voice) -> Bar:
    return Bar(
        cells=tuple(_cell(line, column, voice) for column in columns),
        percent=round(100 * min(max(line["probability"], 0.0), 1.0)),
        reason=voice.reasons(line, 1)[0],
    )


def _cell(line: Mapping[str, Any], column: str, voice: Voice) -> str:
    formats = voice.formats
    if column == "article":
        category = name(line["category"].replace("_", " ")) if line.get("category") else ""
        return " · ".join(part for part in (name(line["sku_id"]), category) if part)
    if column == "chance":
        return formats.percent(line["probability"])
    value = line.get(column)
    if value is None:
        return "–"
    if column == "value_at_risk":
        return formats.money(value, line.get("currency"))
    return formats.day(value) if column in {"expected_date", "order_by"} else str(formats.number(value))


def _more(hidden: int, voice: Voice) -> str:
    return voice.catalog.text("stock_out.more", count=Number(hidden, str(hidden))) if hidden > 0 else ""
