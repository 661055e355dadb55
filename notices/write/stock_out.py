"""The card of a seller's digest: a chart and one block per article, what is at risk first, with when and how much to
order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from notices.write.card import Bar, Card, Links, Row, Voice
from notices.write.formats import Number, name

MAX_LINES = 20
SETTLED = frozenset({"all_clear", "correction"})
CLEARED = frozenset({"on_hand", "units_per_day", "open_inbound"})  # what was feared is no longer said


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
    return Card(
        **voice.frame(evidence, links),
        subject=say(f"{kind}.{stage}.subject", count=count),
        headline=say(f"{kind}.{stage}.headline", count=count),
        window_heading="",
        window="",
        lines=(say(f"{kind}.lead"),) if chart else (),
        chart_heading=heading,
        chart=chart,
        rows=tuple(_rows(stage, shown, voice)),
        more=_more(len(lines) - len(shown), voice),
        reasons=(),
        next=voice.first_of((f"{kind}.{stage}.next", f"{kind}.next")),
        track_record=_track_record(evidence, voice),
        action=say(f"{kind}.action"),
        reach=say(f"{kind}.reach"),
        why_told=say(f"{kind}.why_told"),
    )


def _rows(stage: str, lines: Sequence[tuple[Mapping[str, Any], str]], voice: Voice) -> Iterator[Row]:
    """One block per article. lines: each with its article's name."""
    columns = [(voice.catalog.text(f"stock_out.column.{column}"), *cell) for column, cell in CELLS.items()]
    cleared = [column for column in columns if column[1] in CLEARED]
    for line, article in lines:
        its_stage = line.get("stage", stage)
        cells = []
        for title, key, say in cleared if its_stage == "all_clear" else columns:
            value = line.get(key)
            if value is not None and (said := say(value, line, voice)):
                cells.append((title, said))
        yield Row(article, _reason(line, its_stage, voice), tuple(cells))


def _reason(line: Mapping[str, Any], stage: str, voice: Voice) -> str:
    if stage in SETTLED:
        return voice.catalog.text(f"stock_out.line.{stage}")
    told = line.get("reasons")
    return voice.reason(told[0] if told else {})


def _article(line: Mapping[str, Any]) -> str:
    sku, category = name(line["sku_id"]), line.get("category")
    said = name(category.replace("_", " ")) if category else ""
    return f"{sku} · {said}" if sku and said else sku or said


def _day(value: str, _line: Mapping[str, Any], voice: Voice) -> str:
    return voice.formats.day(value)


def _number(value: float, _line: Mapping[str, Any], voice: Voice) -> str:
    return voice.formats.number(value).text


def _percent(value: float, _line: Mapping[str, Any], voice: Voice) -> str:
    return voice.formats.percent(value)


def _money(value: float, line: Mapping[str, Any], voice: Voice) -> str:
    """An amount; empty where its currency is not known: without one it is no amount."""
    return voice.formats.money(value, line["currency"]) if line.get("currency") else ""


def _inbound(inbound: Mapping[str, Any], _line: Mapping[str, Any], voice: Voice) -> str:
    quantity = voice.formats.number(inbound["quantity"])
    if not inbound.get("expected_at"):
        return voice.catalog.text("stock_out.inbound.undated", quantity=quantity)
    expected = voice.formats.day(inbound["expected_at"])
    return voice.catalog.text("stock_out.inbound.dated", quantity=quantity, expected_at=expected)


# How each column is said: from which value of the line, and how. A value that is not known has no cell.
CELLS: Mapping[str, tuple[str, Callable[[Any, Mapping[str, Any], Voice], str]]] = MappingProxyType({
    "expected_date": ("expected_date", _day),
    "order_by": ("order_by", _day),
    "quantity": ("quantity", _number),
    "on_hand": ("on_hand", _number),
    "units_per_day": ("units_per_day", _number),
    "open_inbound": ("open_inbound", _inbound),
    "value_at_risk": ("value_at_risk", _money),
    "cost_of_waiting": ("cost_of_waiting", _money),
    "chance": ("probability", _percent),
})  # fmt: skip


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
            Bar(article, round(100 * line["value_at_risk"] / most), _money(line["value_at_risk"], line, voice))
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
