"""No message is written that says what its evidence does not, what its reader cannot see, or what sells."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from message_records import (
    KINDS,
    LINKS,
    PLATFORM,
    SAID,
    STAGES,
    digest_records,
    order_records,
    reader,
    records,
    written,
)

from notices.lint.message import Finding, check
from notices.lint.wording import check_wording
from notices.write.catalog import available
from notices.write.compose import Composed, EvidenceUnusable, compose
from notices.write.topics import TOPICS
from notices.write.wording import Wording, installed

EVERY_RECORD = frozenset({"late_delivery", "stalled_parcel", "stock_out"})


def found(kind: str, stage: str, evidence: dict, locale: str) -> list[Finding]:
    try:
        composed = written(kind, stage, evidence, locale)
    except EvidenceUnusable:
        assert (kind, stage, evidence["promised_at"]) == ("late_delivery", "heads_up", None)
        return []
    return check(composed, kind, evidence, reader(kind, locale), LINKS, PLATFORM)


def test_there_are_nine_kinds_in_six_languages() -> None:
    assert set(KINDS) == {
        "late_delivery", "stalled_parcel", "lost_parcel", "seller_cancellation", "return_or_refund", "dispute",
        "bad_review", "will_contact", "stock_out",
    }  # fmt: skip
    assert set(available()) == {"en", "pt-BR", "zh-Hans", "id", "th", "vi"} == set(installed().locales)


def test_the_sentences_and_templates_are_without_fault() -> None:
    assert check_wording(installed()) == []


@pytest.mark.parametrize("locale", available())
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_and_stage_is_without_fault(kind: str, locale: str) -> None:
    for turn, stage in enumerate(STAGES):
        told = list(records(kind).items())
        # kinds that share their sentences take turns with the records; each record is seen by some
        for name, evidence in told if kind in EVERY_RECORD else told[turn::3]:
            assert found(kind, stage, evidence, locale) == [], f"{stage}, {name}"


@pytest.mark.parametrize("locale", available())
@pytest.mark.parametrize("name", SAID)
def test_every_reason_is_without_fault(name: str, locale: str) -> None:
    assert found("late_delivery", "heads_up", SAID[name], locale) == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    evidence=order_records(), kind=st.sampled_from(list(TOPICS)), stage=st.sampled_from(STAGES),
    locale=st.sampled_from(available()),
)  # fmt: skip
def test_no_order_that_can_happen_raises_an_alarm(evidence: dict, kind: str, stage: str, locale: str) -> None:
    assert found(kind, stage, evidence, locale) == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(evidence=digest_records(), stage=st.sampled_from(STAGES), locale=st.sampled_from(available()))
def test_no_digest_that_can_happen_raises_an_alarm(evidence: dict, stage: str, locale: str) -> None:
    assert found("stock_out", stage, evidence, locale) == []


def test_every_sentence_is_said_by_some_message() -> None:
    """A sentence that nothing says is not looked at by anyone, and rots."""
    sentences = dict(installed().catalog("en").sentences)
    marks = {key: f"⟦{number}⟧" for number, key in enumerate(sentences)}
    marked = {key: _marked(entry, marks[key]) for key, entry in sentences.items()}
    wording = Wording({**installed().texts, "locales/en.json": json.dumps(marked)})
    said: set[str] = set()
    for kind in KINDS:
        for stage in STAGES:
            for evidence in [*records(kind).values(), *(SAID.values() if kind == "late_delivery" else ())]:
                for name in ("Ana", None):
                    composed = compose_if_it_can_be(kind, stage, evidence, wording, name)
                    said |= (
                        set(re.findall("⟦.*?⟧", f"{composed.subject} {composed.text} {composed.html}"))
                        if composed
                        else set()
                    )
    unsaid = {key for key, mark in marks.items() if mark not in said}
    assert unsaid == {"language", *ONLY_THE_CONSOLE_SAYS}


ONLY_THE_CONSOLE_SAYS = {f"reason.{code}.plain" for code in ("buyer", "contact", "payment", "seller")}


def _marked(entry: str | dict, mark: str) -> str | dict:
    if isinstance(entry, str):
        return entry + mark
    return {name: form if name == "by" else form + mark for name, form in entry.items()}


def compose_if_it_can_be(kind: str, stage: str, evidence: dict, wording: Wording, name: str | None) -> Composed | None:
    try:
        return compose(kind, stage, evidence, reader(kind, "en", name=name), LINKS, PLATFORM, wording)
    except EvidenceUnusable:
        assert (kind, evidence["promised_at"]) == ("late_delivery", None)
        return None
