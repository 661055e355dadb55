"""Every message as bytes: it parses strictly, is the same again, and is inert whatever data says."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from email.header import Header

import pytest
from examples import AS_OF, KEYS, NOW, SENDER, buyer, late_evidence
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markupsafe import Markup, escape
from message_records import DIGESTS, KINDS, LINKS, ORDERS, STAGES, written

from bench import recipients
from notices.write.catalog import available
from notices.write.compose import Composed, compose
from notices.write.encoded_words import encoded_words
from notices.write.formats import name
from notices.write.mime import build, envelope
from notices.write.topics import TOPICS
from notices.write.wording import Wording, escaped


def message(composed: Composed, recipient: str = "b1@mail.example", recipient_name: str | None = "Ana") -> bytes:
    path = envelope(SENDER, recipient, "n" * 64, KEYS)
    about = {"kind": "late_delivery", "stage": "heads_up", "language": "en", "date": NOW}
    return build(composed, path, SENDER, LINKS, recipient_name=recipient_name, **about)


@pytest.mark.parametrize("locale", available())
@pytest.mark.parametrize("kind", KINDS)
def test_a_message_parses_strictly_and_is_the_same_bytes_again(kind: str, locale: str) -> None:
    for stage in STAGES:
        for evidence in list((ORDERS if kind in TOPICS else DIGESTS).values())[:4]:
            composed = written(kind, stage, evidence, locale)
            raw = message(composed)
            assert raw == message(written(kind, stage, evidence, locale))
            parses(raw, composed)


def parses(raw: bytes, composed: Composed) -> None:
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
    *recipients.HOSTILE,
    "Ana\r\nBcc: all@victim.example",
    "<img src=x onerror=alert(1)>",
    "=?utf-8?=?utf-8?b?DQpCY2M6IHg=?=8",
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
    assert name("=?=?=") == "= ? = ? ="


def test_a_return_path_is_signed_and_a_recipient_is_exact() -> None:
    path = envelope(SENDER, "Ana+x@Mail.Example", "n" * 64, KEYS)
    assert path.recipient == "Ana+x@Mail.Example"
    other = envelope(SENDER, "Ana+x@Mail.Example", "m" * 64, KEYS)
    assert path.sender.partition(".")[2] != other.sender.partition(".")[2]
    assert replace(path, sender="") != path


SIGNS = st.sampled_from("aZ09 -!*+/=?_é中ก😀\u0301")


@given(text=st.text(SIGNS, min_size=1, max_size=200).map(lambda text: " ".join(text.split())).filter(bool))
def test_a_header_is_folded_into_the_librarys_words(text: str) -> None:
    for header in ("Subject", "To"):
        theirs = Header(text, "utf-8", maxlinelen=76, header_name=header).encode(linesep="\r\n")
        assert encoded_words(text, header) == theirs


@given(text=st.one_of(NASTY, st.text("a&<>\"'")))
def test_html_is_escaped_as_the_library_does_it(text: str) -> None:
    assert escaped(text) == escape(text)
    assert escaped(Markup(text)) == escape(text)


def test_no_template_and_no_value_can_switch_escaping_off() -> None:
    html = Wording({"templates/x.html.j2": "{{ a }}{{ a | safe }}{% autoescape false %}{{ a }}{% endautoescape %}"})
    assert html.render("x.html.j2", a=Markup("<b>")) == "&lt;b&gt;" * 3
