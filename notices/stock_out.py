"""The card of a seller's digest: a chart and one block per article, what is at risk first, with when and how much to
order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from notices.card import Bar, Card, Links, Row, Voice
from notices.formats import Number, name

MAX_LINES = 20
COLUMNS = (
    "expected_date", "order_by", "quantity", "on_hand", "units_per_day", "open_inbound", "value_at_risk",
    "cost_of_waiting", "chance",
)  # fmt: skip
DATES = frozenset({"expected_date", "order_by"})
AMOUNTS = frozenset({"value_at_risk", "cost_of_waiting"})
SETTLED = frozenset({"all_clear", "correction"})
CLEARED_COLUMNS = ("on_hand", "units_per_day", "open_inbound")  # what was feared is no longer said


def card(kind: str, stage: str, evidence: Mapping[str, Any], voice: Voice, links: Links) -> Card:
    """What the seller is told. evidence: ``lines`` holds one record per article, the most at risk first.

    A line may carry a ``stage`` of its own: an article that is no longer at risk, in a digest of others that are.
    track_record, if any: {"reminders", "came_true"} of the last reminders to this seller.
    """
    say = voice.catalog.text
    lines: Sequence[Mapping[str, Any]] = evidence["lines"]
    shown = [(line, _article(line)) for line in (lines if voice.whole else lines[:MAX_LINES])]
    at_stage = [line for line in lines if line.get("stage", stage) == stage]
    count = voice.formats.number(len(at_stage) or len(lines))
    heading, chart = _chart(stage, shown, voice)
    titles = {column: say(f"stock_out.column.{column}") for column in COLUMNS}
    return Card(
        **voice.frame(evidence, links),
        subject=say(f"{kind}.{stage}.subject", count=count),
        headline=say(f"{kind}.{stage}.headline", count=count),
        window_heading="",
        window="",
        lines=(say(f"{kind}.lead"),) if chart else (),
        chart_heading=heading,
        chart=chart,
        rows=tuple(_row(line, article, line.get("stage", stage), titles, voice) for line, article in shown),
        more=_more(len(lines) - len(shown), voice),
        reasons=(),
        next=voice.first_of((f"{kind}.{stage}.next", f"{kind}.next")),
        track_record=_track_record(evidence, voice),
        action=say(f"{kind}.action"),
        reach=say(f"{kind}.reach"),
        why_told=say(f"{kind}.why_told"),
    )


def _row(line: Mapping[str, Any], article: str, stage: str, titles: Mapping[str, str], voice: Voice) -> Row:
    columns = CLEARED_COLUMNS if stage == "all_clear" else COLUMNS
    cells = ((titles[column], _cell(line, column, voice)) for column in columns)
    return Row(article, _reason(line, stage, voice), tuple(cell for cell in cells if cell[1]))


def _reason(line: Mapping[str, Any], stage: str, voice: Voice) -> str:
    if stage in SETTLED:
        return voice.catalog.text(f"stock_out.line.{stage}")
    told = line.get("reasons")
    return voice.reason(told[0] if told else {})


def _article(line: Mapping[str, Any]) -> str:
    category = name(line["category"].replace("_", " ")) if line.get("category") else ""
    return " · ".join(part for part in (name(line["sku_id"]), category) if part)


def _cell(line: Mapping[str, Any], column: str, voice: Voice) -> str:
    """The value of a column; empty where it is not known. Money without a currency is no amount, and is left out."""
    formats = voice.formats
    if column == "chance":
        return formats.percent(line["probability"]) if line.get("probability") is not None else ""
    if column in AMOUNTS:
        return _money(line, column, voice)
    value = line.get(column)
    if value is None:
        return ""
    if column == "open_inbound":
        return _inbound(value, voice)
    return formats.day(value) if column in DATES else str(formats.number(value))


def _money(line: Mapping[str, Any], column: str, voice: Voice) -> str:
    value, currency = line.get(column), line.get("currency")
    return voice.formats.money(value, currency) if value is not None and currency else ""


def _inbound(inbound: Mapping[str, Any], voice: Voice) -> str:
    quantity = voice.formats.number(inbound["quantity"])
    if not inbound.get("expected_at"):
        return voice.catalog.text("stock_out.inbound.undated", quantity=quantity)
    expected = voice.formats.day(inbound["expected_at"])
    return voice.catalog.text("stock_out.inbound.dated", quantity=quantity, expected_at=expected)


def _chart(stage: str, lines: Sequence[tuple[Mapping[str, Any], str]], voice: Voice) -> tuple[str, tuple[Bar, ...]]:
    """Bars of the money at risk where it is all in one currency, else of the chance; none where nothing is at risk.

    lines: each with its article's name.
    """
    open_lines = [(line, article) for line, article in lines if line.get("stage", stage) not in SETTLED]
    currencies = {line.get("currency") for line, _ in open_lines}
    amounts = [line.get("value_at_risk") for line, _ in open_lines]
    if open_lines and len(currencies) == 1 and None not in currencies and all(amounts):
        most = max(float(amount) for amount in amounts if amount)
        bars = [
            Bar(article, round(100 * line["value_at_risk"] / most), _money(line, "value_at_risk", voice))
            for line, article in open_lines
        ]
        return voice.catalog.text("stock_out.chart.money"), tuple(bars)
    known = [(line, article) for line, article in open_lines if line.get("probability") is not None]
    bars = [
        Bar(
            article,
            round(100 * min(max(line["probability"], 0.0), 1.0)),
            voice.formats.percent(line["probability"]),
        )
        for line, article in known
    ]
    return (voice.catalog.text("stock_out.chart.chance"), tuple(bars)) if bars else ("", ())


def track_record(evidence: Mapping[str, Any]) -> Mapping[str, int] | None:
    """How good the last reminders to this seller were, from the digest or any of its lines; None if unknown."""
    records = (evidence.get("track_record"), *(line.get("track_record") for line in evidence["lines"]))
    return next(filter(None, records), None)


def _track_record(evidence: Mapping[str, Any], voice: Voice) -> str:
    record = track_record(evidence)
    if not record or not record["reminders"]:
        return ""
    shown = {"reminders": record["reminders"], "came_true": record["came_true"]}
    shown["did_not"] = record["reminders"] - record["came_true"]
    said = {fact: voice.formats.number(value) for fact, value in shown.items()}
    return voice.catalog.text("stock_out.track_record", **said)


def _more(hidden: int, voice: Voice) -> str:
    return voice.catalog.text("stock_out.more", count=Number(hidden, str(hidden))) if hidden > 0 else ""
