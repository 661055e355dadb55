"""Every template in every language: true to the evidence, the same in text and HTML, inert whatever data says."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from examples import AS_OF, KEYS, NOW, SENDER, buyer, late_evidence, seller, stock_evidence
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notices.card import Links
from notices.catalog import MissingTranslation, available, catalog
from notices.compose import Composed, compose
from notices.formats import Formats, name
from notices.lint import numbers, unfounded, visible_text
from notices.mime import build, envelope

LINKS = Links("http://127.0.0.1:8765/n/view.abc.9", "http://127.0.0.1:8765/u/stop.abc.9")
BEFORE = {"expected_date": "2026-03-05", "window": {"p10": "2026-03-04", "p50": "2026-03-05", "p90": "2026-03-07"}}
ZONE = "America/Sao_Paulo"


def digest(*lines: dict) -> dict:
    return {"kind": "stock_out", "seller_id": "s1", "as_of": AS_OF, "lines": list(lines)}


def reason(code: str, **facts: object) -> dict:
    return {"code": code, "facts": facts, "source": {}, "contribution": 1.0}


RECORDS = {
    "late": ("late_delivery", "heads_up", late_evidence()),
    "late_sure": ("late_delivery", "heads_up", late_evidence(probability=0.95, items=[], last_scan=None)),
    "late_may": ("late_delivery", "heads_up", late_evidence(probability=0.4, window=None)),
    "late_passed": ("late_delivery", "heads_up", late_evidence(promised_at="2026-02-28T02:59:59+00:00")),
    "late_one_day": (
        "late_delivery",
        "heads_up",
        late_evidence(window=dict.fromkeys(("p10", "p50", "p90"), "2026-03-08"), reasons=[]),
    ),
    "late_not_handed_over": (
        "late_delivery",
        "heads_up",
        late_evidence(
            last_scan=None,
            reasons=[reason("not_handed_over", ship_by="2026-02-27T03:00:00+00:00"), reason("unheard_of")],
        ),
    ),
    "update": ("late_delivery", "update", {**late_evidence(), "before": BEFORE}),
    "digest": (
        "stock_out",
        "heads_up",
        digest(stock_evidence("s1", "k1"), stock_evidence("s1", "k2", on_hand=None, value_at_risk=1234567.8)),
    ),
    "digest_bare": (
        "stock_out",
        "heads_up",
        digest(
            stock_evidence(
                "s1", "k1", on_hand=None, order_by=None, quantity=None, value_at_risk=None, currency=None, category=None
            )
        ),
    ),
    "digest_long": ("stock_out", "heads_up", digest(*[stock_evidence("s1", f"sku{n}", quantity=n) for n in range(31)])),
}


def written(record: str, locale: str, **person: object) -> Composed:
    kind, stage, evidence = RECORDS[record]
    who = seller if kind == "stock_out" else buyer
    return compose(kind, stage, evidence, who(locale=locale, **person), LINKS, "Beforehand Market")


@pytest.mark.parametrize("locale", available())
@pytest.mark.parametrize("record", RECORDS)
def test_every_number_and_date_comes_from_the_evidence(record: str, locale: str) -> None:
    composed = written(record, locale)
    formats = Formats(catalog(locale).babel, ZoneInfo(ZONE))
    evidence = RECORDS[record][2]
    hidden = {"more": [0] * (len(evidence.get("lines", [])) - 20)}  # "and 11 more"
    assert unfounded(composed.subject + "\n" + composed.text, {**evidence, **hidden}, formats) == []


@pytest.mark.parametrize("locale", available())
@pytest.mark.parametrize("record", RECORDS)
def test_text_and_html_say_the_same(record: str, locale: str) -> None:
    composed = written(record, locale)
    seen = visible_text(composed.html)
    assert numbers(seen) == numbers(composed.text)
    flat = re.sub(r"\s+", " ", composed.text)
    for line in seen.splitlines():
        assert re.sub(r"\s+", " ", line).strip() in flat, line


def test_the_lint_finds_a_number_and_an_hour_from_nowhere() -> None:
    formats = Formats(catalog("en").babel, ZoneInfo(ZONE))
    assert unfounded("Only 7,777 left, by 4:44 PM", late_evidence(), formats) == ["4:44", "7,777"]


@pytest.mark.parametrize("locale", available())
def test_every_language_has_the_same_sentences_with_the_same_facts(locale: str) -> None:
    reference, other = catalog("en"), catalog(locale)
    assert set(other.sentences) == set(reference.sentences)
    assert {key: other.holes(key) for key in other.sentences} == {
        key: reference.holes(key) for key in reference.sentences
    }


def test_a_missing_language_or_sentence_is_refused_not_replaced() -> None:
    with pytest.raises(MissingTranslation, match="xx"):
        written("late", "xx")
    with pytest.raises(MissingTranslation, match=r"no_such\.key"):
        catalog("en").text("no_such.key")


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
    assert "Promised: by Wed, Mar 4" in written("late", "en").text


def message(composed: Composed, recipient: str = "b1@mail.example", recipient_name: str | None = "Ana") -> bytes:
    path = envelope(SENDER, recipient, "n" * 64, KEYS)
    about = {"kind": "late_delivery", "stage": "heads_up", "language": "en", "date": NOW}
    return build(composed, path, SENDER, LINKS, recipient_name=recipient_name, **about)


@pytest.mark.parametrize("locale", available())
@pytest.mark.parametrize("record", RECORDS)
def test_a_message_parses_strictly_and_is_the_same_bytes_again(record: str, locale: str) -> None:
    composed = written(record, locale)
    raw = message(composed)
    assert raw == message(written(record, locale))
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    parsed = email.message_from_bytes(raw, policy=email.policy.strict)
    assert parsed["Subject"] == composed.subject
    assert parsed["Content-Language"] == "en"
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["List-Unsubscribe"] == f"<{LINKS.stop}>"
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    plain, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    assert plain.get_content().replace("\r\n", "\n") == composed.text
    assert html.get_content().replace("\r\n", "\n") == composed.html
    assert [len(parsed.get_all(name)) for name in ("From", "To", "Subject", "Date", "Message-ID")] == [1] * 5


HOSTILE = (
    "{{ 7*7 }}",
    "{% for x in y %}",
    "{name}",
    "%(name)s",
    "${7*7}",
    "Ana\r\nBcc: all@victim.example",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="x',
    "=?utf-8?q?=0D=0ABcc:_x?=",
    "=??Q?=00:",
    "\u202eana",
    "a\u2028b",
    "http://evil.example/win",
    "www.evil.example",
    "Ana <other@mail.example>",
    ", other@mail.example",
    "\x00\x1b[31m",
    ".\r\n.\r\n",
    "--\r\n--=_nnn",
)
NASTY = st.one_of(st.text(min_size=1, max_size=60), st.sampled_from(HOSTILE))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=NASTY)
def test_what_people_and_products_are_called_is_inert(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    evidence = late_evidence(
        order_id=text,
        last_scan={"event": "hub_in", "hub": text, "event_at": AS_OF, "recorded_at": AS_OF},
        items=[{"sku_id": "k", "category": text, "quantity": 1}],
    )
    composed = compose("late_delivery", "heads_up", evidence, buyer(name=text), LINKS, "M")
    base = compose(
        "late_delivery",
        "heads_up",
        late_evidence(
            order_id="x",
            last_scan={"event": "hub_in", "hub": "x", "event_at": AS_OF, "recorded_at": AS_OF},
            items=[{"sku_id": "k", "category": "x", "quantity": 1}],
        ),
        buyer(name="x"),
        LINKS,
        "M",
    )
    for tag in ("<script", "<img", 'onmouseover="'):
        assert tag not in composed.html
    assert re.findall(r"<[a-z/!][^>]*>", composed.html.lower()) == re.findall(r"<[a-z/!][^>]*>", base.html.lower())
    assert "49" not in composed.text or "49" in text
    assert len(re.findall(r"https?://", composed.text)) == 2
    parsed = email.message_from_bytes(message(composed, recipient_name=text), policy=email.policy.strict)
    assert [address.addr_spec for address in parsed["To"].addresses] == ["b1@mail.example"]
    assert parsed["Bcc"] is None
    assert "\n" not in composed.subject


def test_a_name_is_one_short_line() -> None:
    assert name("a\r\nb\tc") == "a b c"
    assert name("see https://x.example and www.x.example") == "see https: / /x.example and w w w .x.example"
    assert len(name("x" * 500)) == 80


def test_a_return_path_is_signed_and_a_recipient_is_exact() -> None:
    path = envelope(SENDER, "Ana+x@Mail.Example", "n" * 64, KEYS)
    assert path.recipient == "Ana+x@Mail.Example"
    other = envelope(SENDER, "Ana+x@Mail.Example", "m" * 64, KEYS)
    assert path.sender.partition(".")[2] != other.sender.partition(".")[2]
    assert replace(path, sender="") != path


def test_every_reason_that_a_model_can_give_has_a_sentence() -> None:
    from features import catalog as features

    codes = {feature.reason for target in ("late_delivery", "stock_out") for feature in features.features_of(target)}
    assert [code for code in sorted(codes) if not catalog("en").has(f"reason.{code}.plain")] == []
