"""Faults put into sentences, templates and finished messages: the lint finds each of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from message_records import DIGESTS, LINKS, ORDERS, PLATFORM, reader, written

from notices.lint.message import check
from notices.lint.wording import check_wording
from notices.write.compose import Composed
from notices.write.wording import Wording, installed

Texts = dict[str, str]
EN, TH, PT, ZH, ID, VI = (f"locales/{tag}.json" for tag in ("en", "th", "pt-BR", "zh-Hans", "id", "vi"))
HTML, TEXT = "templates/base.html.j2", "templates/base.txt.j2"
ENGLISH = "Questions? Reply to this message and a person will answer."
REASON = "The parcel has not been scanned for 4 days."


def says(path: str, key: str, text: object) -> Callable[[Texts], Texts]:
    """A sentence that says something else."""

    def break_it(texts: Texts) -> Texts:
        sentences = json.loads(texts[path])
        assert key in sentences
        return {**texts, path: json.dumps({**sentences, key: text}, ensure_ascii=False)}

    return break_it


def without(path: str, key: str) -> Callable[[Texts], Texts]:
    def break_it(texts: Texts) -> Texts:
        sentences = json.loads(texts[path])
        del sentences[key]
        return {**texts, path: json.dumps(sentences)}

    return break_it


def template(path: str, old: str, new: str) -> Callable[[Texts], Texts]:
    def break_it(texts: Texts) -> Texts:
        assert old in texts[path]
        return {**texts, path: texts[path].replace(old, new, 1)}

    return break_it


WORDING_FAULTS: dict[str, tuple[str, Callable[[Texts], Texts]]] = {
    "a sentence is missing": ("missing", without(TH, "order.reach")),
    "a sentence is missing in English": ("unknown", without(EN, "order.reach")),
    "a sentence is empty": ("empty", says(VI, "order.action", " ")),
    "a sentence is still English": ("untranslated", says(ID, "order.reach", ENGLISH)),
    "a Thai sentence is in Latin letters": ("untranslated", says(TH, "why_heading", "Why")),
    "a Chinese sentence is in Latin letters": ("untranslated", says(ZH, "order.reach", "Ask us")),
    "a hole was renamed": ("holes", says(PT, "order.order", "Pedido {pedido}")),
    "a hole is gone": ("holes", says(ZH, "order.promised", "承诺送达")),
    "a hole too many": ("holes", says(VI, "order.action", "Xem {order}")),
    "a plural has no form for one": ("plural", says(PT, "reason.slack", {"by": "slack_days", "other": "{slack_days}"})),
    "a plural goes by nothing": (
        "plural", says(EN, "reason.slack", {"by": "days", "one": "{slack_days} day", "other": "{slack_days} days"}),
    ),
    "a number stands in a sentence": ("number", says(EN, "order.reach", "Reply within 24 hours.")),
    "a number in words": ("when", says(EN, "order.reach", "Reply and a person will answer within two days.")),
    "a number in Chinese words": ("when", says(ZH, "order.reach", "请回复本邮件，两天内答复。")),
    "a day in words": ("when", says(ID, "order.action", "Lihat besok")),
    "soon": ("when", says(EN, "order.window.unknown", "It will be there soon")),
    "an offer": ("promotional", says(EN, "order.reach", "Reply to get a coupon for your next order.")),
    "an offer in Portuguese": ("promotional", says(PT, "order.reach", "Aproveite a oferta e responda.")),
    "an offer in Thai": ("promotional", says(TH, "order.reach", "ตอบกลับเพื่อรับคูปอง")),
    "an offer in Vietnamese": ("promotional", says(VI, "order.reach", "Trả lời ngay để nhận ưu đãi.")),
    "an offer in Chinese": ("promotional", says(ZH, "order.reach", "回复本邮件领取优惠券。")),
    "an offer in Indonesian": ("promotional", says(ID, "order.reach", "Balas untuk promo gratis.")),
    "it shouts": ("promotional", says(EN, "late_delivery.update.headline", "There is NEWS about your order")),
    "an exclamation": ("promotional", says(PT, "order.all_clear.headline", "Está resolvido!")),
    "what a buyer may do": ("hidden", says(EN, "dispute.next", "You may dispute this order. Reply to us.")),
    "a chance": ("hidden", says(EN, "late_delivery.why_told", "The probability of a delay is high.")),
    "a score in Thai": ("hidden", says(TH, "order.why_told", "คะแนนของคุณสูง")),
    "a seller's standing": ("hidden", says(EN, "order.why_told", "The seller's rating is low.")),
    "markup in a sentence": ("live", says(EN, "order.reach", "Reply <b>now</b> to this message.")),
    "a link in a sentence": ("live", says(EN, "order.reach", "Go to http://elsewhere.example to ask.")),
    "a template in a sentence": ("live", says(EN, "order.reach", "Reply {{ links }} to us.")),
    "a stray space": ("spaces", says(EN, "order.action", "See what we know now ")),
    "a file that is no JSON": ("unreadable", lambda texts: {**texts, VI: texts[VI][:-5]}),
    "a word in a template": ("words", template(HTML, "<p>{{ greeting }}</p>", "<p>Dear customer</p>")),
    "a word in an expression": ("words", template(TEXT, "{{ next }}", "{{ next or 'Relax' }}")),
    "a picture": ("remote", template(HTML, '<p class="brand">', '<img src="cid:x"><p class="brand">')),
    "a counting pixel": ("remote", template(HTML, "</body>", '<img src="https://t.example/p.gif" width="1"></body>')),
    "a style from elsewhere": ("remote", template(HTML, "body { margin: 0;", "body { background: url(//x.example/a);")),
    "escaping is off": ("unescaped", template(HTML, "{{ next }}", "{{ next | safe }}")),
    "a template that knows more than the card": ("unknown", template(HTML, "{{ next }}", "{{ evidence }}")),
    "a template that does not parse": ("unreadable", template(HTML, "{% if reasons %}", "{% if %}")),
}  # fmt: skip


@pytest.mark.parametrize("name", WORDING_FAULTS)
def test_a_fault_in_sentences_or_templates_is_found(name: str) -> None:
    rule, break_it = WORDING_FAULTS[name]
    broken = Wording(break_it(dict(installed().texts)))
    assert rule in {finding.rule for finding in check_wording(broken)}


def both(old: str, new: str) -> Callable[[Composed], Composed]:
    """The same fault in text and HTML, so that comparing the two cannot find it."""

    def break_it(composed: Composed) -> Composed:
        assert old in composed.text, composed.text
        assert old in composed.html
        return replace(composed, text=composed.text.replace(old, new, 1), html=composed.html.replace(old, new, 1))

    return break_it


def html(old: str, new: str) -> Callable[[Composed], Composed]:
    def break_it(composed: Composed) -> Composed:
        assert old in composed.html
        return replace(composed, html=composed.html.replace(old, new, 1))

    return break_it


def text(old: str, new: str) -> Callable[[Composed], Composed]:
    def break_it(composed: Composed) -> Composed:
        assert old in composed.text
        return replace(composed, text=composed.text.replace(old, new, 1))

    return break_it


MESSAGE_FAULTS: dict[str, tuple[str, str, Callable[[Composed], Composed]]] = {
    "another day": ("unfounded", "order", both("Fri, Mar 6", "Sat, Mar 7")),
    "another month, a number that occurs": ("unfounded", "order", both("Fri, Mar 6", "Fri, May 4")),
    "another year": ("unfounded", "order", both("2026", "2027")),
    "another hour": ("unfounded", "order", both("1:20", "2:20")),
    "another number of days": ("unfounded", "order", both("for 4 days", "for 5 days")),
    "another number of pieces": ("unfounded", "order", both("2 ×", "12 ×")),
    "more sold a day": ("unfounded", "digest", both("3.4", "3.5")),
    "more money": ("unfounded", "digest", both("R$950", "R$9,500")),
    "the chance of a delay": ("hidden", "order", both("Your order will probably", "With 82% your order will")),
    "what the order cost": ("hidden", "order", both("beleza saude", "beleza saude, 180.5")),
    "who sells it": ("hidden", "order", both("Order o16800000001", "Order o16800000001 of seller17")),
    "when we learned of it": ("hidden", "order", both("1:20", "1:40")),
    "another seller's stock": ("hidden", "digest", both("left in stock", "left, 40% of other sellers")),
    "an offer in both": ("promotional", "order", both("See what we know now", "See our coupon")),
    "a span in words": ("when", "order", both("Delivery goes on.", "Delivery takes two weeks.")),
    "what they may do": ("hidden", "order", both("Delivery goes on.", "We know you may complain.")),
    "a hole that was not filled": ("hole", "order", both("beleza saude", "{category}")),
    "a day only in HTML": ("different", "order", html("Fri, Mar 6", "Wed, Mar 11")),
    "a day only in the text": ("different", "order", text("Fri, Mar 6", "Wed, Mar 11")),
    "a reason only in the text": ("different", "order", html(f"<li>{REASON}</li>", "")),
    "a reason only in HTML": ("different", "order", text(f"- {REASON}\n", "")),
    "an article only in HTML": ("different", "digest", text("k0002 · casa\n", "")),
    "another subject as the title": ("different", "order", html("will probably arrive", "will certainly arrive")),
    "another word in HTML": ("different", "order", html("<h1>Your order will", "<h1>Your order shall")),
    "the action leads elsewhere": ("link", "order", html(LINKS.action, "https://elsewhere.example/n")),
    "no way to stop in the text": ("link", "order", text(LINKS.stop, "")),
    "a second action": ("link", "order", html("</h1>", '</h1><a href="https://shop.example"></a>')),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGE_FAULTS)
def test_a_fault_in_a_finished_message_is_found(name: str) -> None:
    rule, shape, break_it = MESSAGE_FAULTS[name]
    kind, evidence = ("late_delivery", ORDERS["under way"]) if shape == "order" else ("stock_out", DIGESTS["two"])
    evidence = {**evidence, "seller_id": "seller17"}
    if shape == "digest":
        facts = {"on_hand": 12, "category_stock_out_share_7d": 0.4}
        evidence["lines"] = [{**line, "reasons": [{"code": "low_stock", "facts": facts}]} for line in evidence["lines"]]
    who, composed = reader(kind, "en"), written(kind, "heads_up", evidence, "en")
    assert check(composed, kind, evidence, who, LINKS, PLATFORM) == []
    findings = check(break_it(composed), kind, evidence, who, LINKS, PLATFORM)
    assert rule in {finding.rule for finding in findings}, findings


@pytest.mark.parametrize("locale", ["pt-BR", "zh-Hans", "id", "th", "vi"])
def test_a_wrong_day_is_found_in_every_language(locale: str) -> None:
    evidence = ORDERS["under way"]
    composed = written("late_delivery", "heads_up", evidence, locale)
    later = written("late_delivery", "heads_up", {**evidence, "promised_at": "2026-04-07T02:59:59+00:00"}, locale)
    assert re.sub(r"\s", "", composed.text) != re.sub(r"\s", "", later.text)
    findings = check(later, "late_delivery", evidence, reader("late_delivery", locale), LINKS, PLATFORM)
    assert "unfounded" in {finding.rule for finding in findings}


def test_there_are_many_faults() -> None:
    assert len(WORDING_FAULTS) + len(MESSAGE_FAULTS) >= 60
