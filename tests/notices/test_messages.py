"""What messages say: the order's facts first, honest about days, never what a person may do."""

from __future__ import annotations

import re

import pytest
from examples import buyer, late_evidence
from message_records import BEFORE, DIGESTS, LINKS, ORDERS, PLATFORM, STAGES, order, reason, scan, written

from notices.write.catalog import MissingTranslation, catalog
from notices.write.compose import EvidenceUnusable, compose
from notices.write.topics import TOPICS
from notices.write.wording import Wording, installed

NEVER_SAID = re.compile(r"(?i)review|dispute|complain|refund|rating|probab|predict|score|%")


def text_of(kind: str, stage: str, evidence: dict, locale: str = "en") -> str:
    return written(kind, stage, evidence, locale).text


def test_a_missing_language_or_sentence_is_refused_not_replaced() -> None:
    with pytest.raises(MissingTranslation, match="xx"):
        compose("late_delivery", "heads_up", order(), buyer(locale="xx"), LINKS, PLATFORM)
    with pytest.raises(MissingTranslation, match=r"no_such\.key"):
        catalog("en").text("no_such.key")


@pytest.mark.parametrize("key", ["order.all_clear.subject.delivered", "lost_parcel.heads_up.headline.lost"])
def test_a_special_sentence_that_is_not_translated_does_not_fall_back_to_the_general_one(key: str) -> None:
    thai = installed().texts["locales/th.json"]
    line = next(line for line in thai.splitlines() if line.strip().startswith(f'"{key}"'))
    wording = Wording({**installed().texts, "locales/th.json": thai.replace(f"{line}\n", "")})
    kind, stage = ("lost_parcel", "heads_up") if key.startswith("lost") else ("dispute", "all_clear")
    evidence = ORDERS["lost" if kind == "lost_parcel" else "delivered"]
    written(kind, stage, evidence, "th")
    with pytest.raises(MissingTranslation, match=re.escape(key)):
        written(kind, stage, evidence, "th", wording)


def test_a_reason_without_its_facts_is_said_without_numbers() -> None:
    evidence = late_evidence(
        reasons=[reason("no_scan"), reason("slack", slack_days=-2.5), reason("scan_gap", last_scan_age_hours=75.5)]
    )
    text = compose("late_delivery", "heads_up", evidence, buyer(), LINKS, "M").text
    assert "- The parcel has not been scanned for longer than usual.\n" in text
    assert "- The promised date has passed.\n" in text
    assert "- The parcel has not been scanned for 3 days.\n" in text


def test_days_fall_where_the_recipient_is() -> None:
    tokyo = compose("late_delivery", "heads_up", late_evidence(), buyer(time_zone="Asia/Tokyo"), LINKS, "M").text
    assert "Promised: by Thu, Mar 5" in tokyo
    assert "Promised: by Wed, Mar 4" in text_of("late_delivery", "heads_up", order())


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (("2026-03-06", "2026-03-11"), "We now expect it: Fri, Mar 6 to Wed, Mar 11"),
        (("2026-03-06", "2026-03-06"), "We now expect it: Fri, Mar 6\n"),
        (("2026-03-06", "2026-04-24"), "We now expect it: not before Fri, Mar 6; we cannot yet say when"),
        (("2026-02-27", "2026-03-05"), "We now expect it: by Thu, Mar 5"),
        (("2026-02-20", "2026-04-05"), "We now expect it: We cannot name a day yet"),
        (("2026-02-20", "2026-02-25"), "We now expect it: We cannot name a day yet"),
        ((None, None), "We now expect it: We cannot name a day yet"),
    ],
)
def test_a_window_is_said_as_honestly_as_it_is_known(window: tuple, said: str) -> None:
    evidence = order(window={"p10": window[0], "p50": window[0], "p90": window[1]})
    assert said in text_of("late_delivery", "heads_up", evidence)


def test_a_delivery_without_a_promise_cannot_be_late() -> None:
    with pytest.raises(EvidenceUnusable, match="promised_at"):
        text_of("late_delivery", "heads_up", ORDERS["no promise"])
    assert "Promised" not in text_of("will_contact", "heads_up", ORDERS["no promise"])


@pytest.mark.parametrize("kind", ["return_or_refund", "dispute", "bad_review", "will_contact"])
@pytest.mark.parametrize("stage", STAGES)
def test_nobody_is_told_what_they_may_do(kind: str, stage: str) -> None:
    for evidence in ORDERS.values():
        said = written(kind, stage, evidence, "en")
        assert not NEVER_SAID.search(f"{said.subject}\n{said.text}")


def test_these_messages_lead_with_what_is_so_with_the_order() -> None:
    leads = {name: written("dispute", "heads_up", ORDERS[name], "en").subject for name in
             ("attempt_failed", "came late", "overdue", "returned", "sure", "under way")}  # fmt: skip
    assert leads == {
        "attempt_failed": "A delivery attempt for order o16800000001 did not succeed",
        "came late": "Order o16800000001 came later than promised",
        "overdue": "Order o16800000001 is later than promised",
        "returned": "The parcel of order o16800000001 is on its way back",
        "sure": "Order o16800000001 has not been scanned by the carrier yet",
        "under way": "Where order o16800000001 is now",
    }


def test_the_carriers_word_leads_where_it_has_one() -> None:
    lost = written("late_delivery", "heads_up", ORDERS["lost"], "en")
    assert lost.subject == "The parcel of order o16800000001 was reported lost"
    assert "- The carrier reported the parcel as lost.\n" in lost.text
    assert "days are left" not in lost.text


def test_reasons_that_are_not_on_an_order_page_are_not_told() -> None:
    others = [reason(code, x=7.0) for code in ("seller", "payment", "buyer", "contact")]
    text = text_of("late_delivery", "heads_up", order(reasons=others))
    assert "- The carrier has scanned the parcel on its way to you.\n" in text
    assert "seller" not in text.replace("late_delivery", "")


def test_an_all_clear_says_what_changed_and_takes_the_earlier_message_back() -> None:
    came = text_of("late_delivery", "all_clear", order(last_scan=scan("delivered"), before=BEFORE))
    assert "Your order has been delivered" in came
    assert "Delivered: Fri, Feb 27" in came
    on_track = text_of("late_delivery", "all_clear", ORDERS["in time"])
    assert "Your order is expected in time again" in on_track
    assert "Our earlier estimate: Wed, Mar 4 to Sat, Mar 7" in on_track
    assert "Our earlier message about this order no longer applies." in on_track
    assert "Your order is expected in time again" in text_of("late_delivery", "all_clear", ORDERS["unlikely now"])
    assert "We now expect it" not in text_of("late_delivery", "all_clear", ORDERS["unlikely now"])
    assert "Your parcel is moving again" in text_of("stalled_parcel", "all_clear", ORDERS["just scanned"])
    assert "Your parcel has turned up" in text_of("lost_parcel", "all_clear", ORDERS["just scanned"])
    for kind in ("stalled_parcel", "lost_parcel", "dispute"):  # nothing is claimed that no scan says
        assert "What we wrote to you about is settled" in text_of(kind, "all_clear", order())


def test_a_correction_says_what_was_wrong() -> None:
    text = text_of("stalled_parcel", "correction", order(before=BEFORE))
    assert "We told you something wrong about your order" in text
    assert "because we wrote to you about this order before" in text
    had_come = text_of("late_delivery", "correction", ORDERS["had come"])
    assert "- When we wrote to you, this had already happened: delivered, Feb 28, 2026, 8:00\u202fAM" in had_come
    assert "Delivered: Sat, Feb 28" in had_come
    is_back = text_of("late_delivery", "correction", ORDERS["is back"])
    assert "It is not settled after all" in is_back
    assert "- We wrote that it was settled. By what we know now, it is not.\n- The parcel has not been" in is_back


def test_a_digest_has_a_chart_of_money_only_where_all_of_it_is_in_one_currency() -> None:
    money = text_of("stock_out", "heads_up", DIGESTS["two"])
    assert "Sales at risk\n" in money
    assert "██████████ R$1,234,568  k0002" in money
    mixed = {**DIGESTS["two"], "lines": [DIGESTS["two"]["lines"][0], {**DIGESTS["two"]["lines"][1], "currency": "USD"}]}
    assert "Chance of running out\n" in text_of("stock_out", "heads_up", mixed)
    bare = text_of("stock_out", "heads_up", DIGESTS["no currency"])
    assert "950" not in bare
    assert "At risk" not in bare


def test_a_digest_says_dates_inbound_and_how_often_we_were_right() -> None:
    text = text_of("stock_out", "heads_up", DIGESTS["inbound"])
    for line in ("Runs out: Mar 5", "Order by: Mar 3", "Order: 40", "On its way: 30, expected Mar 9",
                 "On its way: 3, no date known", "At risk: R$950", "No longer at risk of running out.",
                 "2 of your articles may run out of stock",
                 "Of our last 10 reminders to you, 8 came true and 2 did not."):  # fmt: skip
        assert line in text
    assert "Of our last 1 reminder to you, 1 came true" in text_of("stock_out", "heads_up", DIGESTS["one reminder"])


def test_years_are_named_as_thais_need_it() -> None:
    assert "ข้อมูล ณ 2 มี.ค. ค.ศ. 2026 07:00" in text_of("late_delivery", "heads_up", order(), "th")


def test_no_line_of_a_page_is_promised_that_the_page_does_not_show() -> None:
    """The link leads to the notice with newer facts once a day, not to a page that shows every scan."""
    for kind in TOPICS:
        assert "order page" not in text_of(kind, "heads_up", order())


def test_every_reason_that_a_model_can_give_has_a_sentence() -> None:
    from features import catalog as features

    codes = {feature.reason for target in ("late_delivery", "stock_out") for feature in features.features_of(target)}
    assert [code for code in sorted(codes) if not catalog("en").has(f"reason.{code}.plain")] == []


def test_the_fact_that_is_told_first_has_a_sentence_of_its_own() -> None:
    from features import catalog as features
    from models.explain import FIRST_FACT

    declared = {feature.name for target in ("late_delivery", "stock_out") for feature in features.features_of(target)}
    for code, fact in FIRST_FACT.items():
        assert fact in declared
        days = fact.replace("_hours", "_days")
        words = catalog("en")
        keys = (f"reason.{code}.{fact}", f"reason.{code}.{days}", f"reason.{code}")
        assert any({fact, days} & words.holes(key) for key in keys), code
