"""Evidence records of every kind, hand-made and generated, and who reads them: what the message tests share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from examples import AS_OF, buyer, late_evidence, seller, stock_evidence
from hypothesis import strategies as st

from notices.decide.decision import STAGES as DECIDED_STAGES
from notices.people.directory import Entry
from notices.write.card import Links
from notices.write.compose import CARDS, Composed, compose
from notices.write.topics import TOPICS
from notices.write.wording import Wording, installed

LINKS = Links("http://127.0.0.1:8765/n/view.abc.9", "http://127.0.0.1:8765/u/stop.abc.9")
PLATFORM = "Beforehand Market"
STAGES = ("heads_up", "update", "all_clear", "correction")
KINDS = tuple(CARDS)
ZONES = {
    "en": "America/New_York", "pt-BR": "America/Sao_Paulo", "zh-Hans": "Asia/Shanghai", "id": "Asia/Jakarta",
    "th": "Asia/Bangkok", "vi": "Asia/Ho_Chi_Minh",
}  # fmt: skip
BEFORE = {"expected_date": "2026-03-05", "window": {"p10": "2026-03-04", "p50": "2026-03-05", "p90": "2026-03-07"}}
EVENTS = (
    "handed_over", "hub_in", "hub_out", "out_for_delivery", "attempt_failed", "delivered", "returned", "lost"
)  # fmt: skip
assert set(DECIDED_STAGES) <= set(STAGES)


def reason(code: str, **facts: object) -> dict[str, Any]:
    return {"code": code, "facts": facts, "source": {}, "contribution": 1.0}


def scan(event: str, at: str = "2026-02-27T18:20:00+00:00") -> dict[str, Any]:
    return {"event": event, "hub": "Cajamar", "event_at": at, "recorded_at": "2026-02-27T18:43:00+00:00"}


def digest(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"kind": "stock_out", "seller_id": "seller17", "as_of": AS_OF, "lines": list(lines), **more}


def order(**changed: Any) -> dict[str, Any]:
    return late_evidence(order_id="o16800000001", **changed)


def article(sku: str, **changed: Any) -> dict[str, Any]:
    return stock_evidence("seller17", sku, **changed)


ORDERS = {
    "under way": order(),
    "sure": order(probability=0.95, items=[], last_scan=None),
    "unsure": order(probability=0.4, window=None, reasons=[reason("carrier"), reason("seller", x=3)]),
    "overdue": order(promised_at="2026-02-28T02:59:59+00:00"),
    "one day": order(window=dict.fromkeys(("p10", "p50", "p90"), "2026-03-08"), reasons=[]),
    "wide": order(window={"p10": "2026-03-06", "p50": "2026-03-20", "p90": "2026-04-24"}),
    "begun": order(window={"p10": "2026-02-27", "p50": "2026-03-03", "p90": "2026-03-05"}),
    "no promise": order(promised_at=None),
    "not sent": order(last_scan=None, reasons=[reason("not_handed_over", ship_by="2026-02-27T03:00:00+00:00")]),
    "in time": order(window={"p10": "2026-03-02", "p50": "2026-03-03", "p90": "2026-03-04"}, before=BEFORE),
    "moved": order(
        before=BEFORE, reasons=[reason("hub", hub_dwell_hours=98.9), reason("attempt", attempts_failed_count=2)]
    ),
    **{event: order(last_scan=scan(event), before=BEFORE) for event in EVENTS},
    "just scanned": order(last_scan=scan("hub_in", "2026-03-01T20:00:00+00:00"), window=None),
    "unlikely now": order(window=None, before=BEFORE, ended={"closing": "unlikely_now", "event": None, "at": None}),
    "had come": order(
        last_scan=scan("hub_in"),
        before=BEFORE,
        corrects="heads_up",
        ended={"closing": "was_untrue", "event": "delivered", "at": "2026-02-28T13:00:00+00:00"},
    ),
    "was sent": order(
        before=BEFORE,
        corrects="update",
        ended={"closing": "was_untrue", "event": "handed_over", "at": "2026-02-28T13:00:00+00:00"},
    ),
    "is back": order(before=BEFORE, corrects="all_clear"),
    "came late": order(promised_at="2026-02-26T02:59:59+00:00", last_scan=scan("delivered")),
}
LATE_CODES = ("slack", "hand_over", "not_handed_over", "scan_gap", "no_scan", "hub", "attempt", "route", "carrier",
              "platform_load", "parcel", "calendar")  # fmt: skip
SPECIAL_REASONS = (
    *(reason(code) for code in LATE_CODES), reason("slack", slack_days=0.2), reason("slack", slack_days=-3.0),
    reason("hand_over", ship_by_missed_days=3.2), reason("calendar", holidays_left_days=2.0),
    reason("scan_gap", last_scan_age_hours=99.5), reason("no_scan", days=1),
)  # fmt: skip
SAID = {f"{one['code']} {n}": order(reasons=[one]) for n, one in enumerate(SPECIAL_REASONS)}
SAID["scan without hub"] = order(last_scan={**scan("hub_out"), "hub": None})
SAID["item without category"] = order(items=[{"sku_id": "k9", "category": None, "quantity": 1}])
SERIES = (
    reason("recent_stock", stock_out_share_28d=0.25, in_stock_share_7d=0.6),
    reason("recent_stock", in_stock_share_latest=0.41), reason("recent_stock", in_stock_share_7d=0.6),
    reason("on_hand", cover_days=4.4), reason("on_hand", cover_days=0.2), reason("on_hand", on_hand_units=12),
    reason("demand", demand_units_7d=3.44), reason("weekday", stock_out_weekday_share_28d=0.5),
    reason("weekday", in_stock_weekday_share_28d=0.75), reason("promotion", discount_share=0.2),
    reason("promotion", has_activity=1.0), reason("inbound", open_inbound_units=0.0),
    reason("inbound", open_inbound_units=12.0), reason("inbound", expected_at="2026-03-09"),
    reason("lead_time", lead_time_days=5.99), reason("neighbours", category_stock_out_share_7d=0.4),
    reason("seller_shelf", seller_stock_out_share_7d=0.13), reason("calendar", next_holiday_days=3.0),
    reason("calendar", next_sales_event_days=1.0), reason("unheard_of"), reason("low_stock", on_hand=12),
    reason("low_stock"), reason("on_hand"), reason("recent_stock"), reason("demand"), reason("weekday"),
    reason("promotion"), reason("inbound"), reason("lead_time"), reason("seller_shelf"),
)  # fmt: skip
DIGESTS = {
    "two": digest(article("k0001", cost_of_waiting=214.3), article("k0002", on_hand=None, value_at_risk=1234567.8)),
    "bare": digest(article("k0001", on_hand=None, order_by=None, quantity=None, value_at_risk=None, currency=None,
                           category=None, reasons=[])),
    "no currency": digest(article("k0001", currency=None)),
    "long": digest(*[article(f"sku{n:03}", quantity=n) for n in range(31)]),
    "reasons": digest(*[article(f"sku{n:03}", reasons=[one]) for n, one in enumerate(SERIES[:15])]),
    "more reasons": digest(*[article(f"sku{n:03}", reasons=[one]) for n, one in enumerate(SERIES[15:])]),
    "inbound": digest(
        article("k0001", open_inbound={"quantity": 30.0, "expected_at": "2026-03-09"}),
        article("k0002", open_inbound={"quantity": 3.0, "expected_at": None}),
        article("k0003", stage="all_clear"),
        track_record={"reminders": 10, "came_true": 8},
    ),
    "one reminder": digest(article("k0001", track_record={"reminders": 1, "came_true": 1})),
}  # fmt: skip


def records(kind: str) -> dict[str, dict[str, Any]]:
    return ORDERS if kind in TOPICS else DIGESTS


def reader(kind: str, locale: str, **changed: Any) -> Entry:
    who = buyer if kind in TOPICS else seller
    return who(locale=locale, **{"time_zone": ZONES[locale], "region": None, **changed})


def written(kind: str, stage: str, evidence: dict[str, Any], locale: str, wording: Wording | None = None) -> Composed:
    return compose(kind, stage, evidence, reader(kind, locale), LINKS, PLATFORM, wording or installed())


def _day(offset: int) -> str:
    return (datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=offset)).date().isoformat()


_moments = st.integers(-40 * 24 * 60, 40 * 24 * 60).map(
    lambda minutes: (datetime(2026, 3, 2, tzinfo=UTC) + timedelta(minutes=minutes)).isoformat()
)
_names = st.text("abcdefghijklmnopqrstuvwxyz ", min_size=4, max_size=12).map(lambda text: f"zz{text.strip()}")
_order_reasons = st.sampled_from(
    (
        reason("slack", slack_days=2.6), reason("slack", slack_days=-1.0), reason("scan_gap", last_scan_age_hours=99.5),
        reason("hand_over", ship_by_missed_days=3.2), reason("attempt", attempts_failed_count=1), reason("carrier"),
        reason("hub", hub_dwell_hours=71.0), reason("calendar", holidays_left_days=2.0), reason("payment", x=4.0),
        reason("buyer", buyer_late_count_90d=3.0), reason("parcel", distance_km=812.0), reason("unheard_of", y=17.0),
    )
)  # fmt: skip


@st.composite
def order_records(draw: st.DrawFn) -> dict[str, Any]:
    first = draw(st.integers(-10, 40))
    window = {"p10": _day(first), "p50": _day(first + 1), "p90": _day(first + draw(st.integers(0, 40)))}
    last = {
        "event": draw(st.sampled_from(EVENTS)), "hub": draw(st.none() | _names), "event_at": draw(_moments),
        "recorded_at": AS_OF,
    }  # fmt: skip
    items = st.builds(
        lambda category, quantity: {"sku_id": "k9", "category": category, "quantity": quantity},
        st.none() | _names, st.integers(1, 30),
    )  # fmt: skip
    return order(
        promised_at=draw(st.none() | _moments),
        probability=draw(st.floats(0.01, 0.99)),
        value=draw(st.floats(1, 9e5)),
        window=draw(st.sampled_from((window, None))),
        last_scan=draw(st.sampled_from((last, None))),
        items=draw(st.lists(items, max_size=4)),
        reasons=draw(st.lists(_order_reasons, max_size=4)),
        **draw(st.sampled_from(({}, {"before": BEFORE}))),
    )


@st.composite
def digest_records(draw: st.DrawFn) -> dict[str, Any]:
    maybe = st.none() | st.integers(0, 5000)
    lines = [
        article(
            f"sku{n:05}",
            category=draw(st.none() | _names), probability=draw(st.floats(0.0, 1.0)), on_hand=draw(maybe),
            units_per_day=draw(st.none() | st.floats(0.01, 900)), quantity=draw(maybe),
            expected_date=_day(draw(st.integers(0, 90))),
            order_by=draw(st.none() | st.integers(0, 90).map(_day)),
            value_at_risk=draw(st.none() | st.floats(0.01, 1e8)),
            currency=draw(st.sampled_from((None, "BRL", "THB", "USD", "VND"))),
            open_inbound=draw(st.sampled_from((None, {"quantity": 7.0, "expected_at": _day(9)}))),
            reasons=[draw(st.sampled_from(SERIES))],
        )
        for n in range(draw(st.integers(1, 24)))
    ]  # fmt: skip
    record = st.integers(1, 40).flatmap(
        lambda told: st.integers(0, told).map(lambda true: {"reminders": told, "came_true": true})
    )
    return digest(*lines, track_record=draw(st.none() | record))
