"""Every code that the product can write has a word on the pages; pictures keep their proportions."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import notices
from console import formats, words
from console.picture import rail, ribbon, thickness
from console.reasons import facts, plain_reasons
from jobs.submit import ALL_TARGETS
from notices import state
from notices.decide import decision


def test_every_decision_state_and_status_has_its_word():
    assert set(decision.DECISIONS) == set(words.DECISIONS)
    assert {name.lower() for name in state.DELIVERY_STATES} == set(words.DELIVERY_STATES)
    assert {name.lower() for name in state.NOTICE_STATES} == set(words.NOTICE_STATES)
    assert set(state.RUN_STATES) == set(words.STATUSES)
    assert set(ALL_TARGETS) <= set(words.KINDS)
    assert set(words.KINDS) == set(words.ROLES) == set(words.SUBJECTS)
    assert set(decision.STAGES) <= set(words.STAGES)


def test_every_reason_of_a_decision_is_said_in_words():
    folder = Path(notices.__file__).parent
    source = "".join(
        (folder / name).read_text() for name in ("decide/decide.py", "decide/limits.py", "plan/history.py")
    )
    codes = set(re.findall(r'reason="(\w+)"', source)) | set(re.findall(r'return "([a-z]+_[a-z_0-9]+)"', source))
    assert len(codes) > 8
    assert codes - {"stock_out", "late_delivery"} <= set(words.DECISION_REASONS)


def test_a_code_that_no_one_described_shows_itself():
    assert words.word(words.DECISIONS, "sent_by_pigeon").label == "Sent by pigeon"
    assert words.word(words.DECISIONS, None).label == "Unknown"
    assert words.because("sent_by_pigeon") == "sent by pigeon"


@pytest.mark.parametrize(("value", "shown"), [
    (None, "–"), (12345, "12,345"), (3.0, "3"), (3.456, "3.46"), (0.00123, "0.00123"), (True, "True"),
])  # fmt: skip
def test_numbers(value, shown):
    assert formats.number(value) == shown


def test_shares_never_round_to_impossible_or_certain():
    shown = [formats.share(value).replace("\u00a0", " ") for value in (0, 0.0001, 0.004, 0.823, 0.996, 1)]
    assert shown == ["0 %", "<0.1 %", "0.4 %", "82 %", "99.6 %", "100 %"]


def test_money_and_gain_carry_their_sign():
    assert formats.money(1234.5, "BRL") == "R$\u00a01,234.50"
    assert formats.money(1234.5, None) == "1,234.50"
    assert formats.gain(-3.2, "BRL") == "\u2212R$\u00a03.20"
    assert formats.gain(None) == "–"


def test_moments_are_utc_whatever_they_came_as():
    assert formats.when("2026-03-01T23:59:59-03:00") == "2 Mar 2026, 02:59 UTC"
    assert formats.when(datetime(2026, 3, 1, 6, 5, tzinfo=UTC)) == "1 Mar 2026, 06:05 UTC"
    assert formats.when("2026-03-01") == formats.when(date(2026, 3, 1)) == "1 Mar 2026"
    assert formats.when("not a time") == "not a time"
    assert formats.when(None) == "–"


def test_people_are_masked():
    assert formats.masked("3fa91c77aa", "buyer") == "buyer 3fa91c…"
    assert formats.masked("S2001", "seller") == "seller S2001"
    assert formats.masked(None, None) == "recipient"


def test_a_funnel_only_narrows_and_shows_zero_as_a_thread():
    sizes = [thickness(count, 1_000_000) for count in (1_000_000, 20_000, 300, 30, 1, 0)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 100
    assert sizes[-1] == 2
    shape = ribbon(100, 10, 100)
    assert shape.flat.startswith("0,0.00")
    assert len(shape.flat.split()) == len(shape.upright.split()) == 6


def test_a_line_of_time_keeps_the_order_of_its_moments():
    points = {"now": "2026-03-02", "promise": "2026-03-05", "none": None, "bad": "soon"}
    marks = {mark.name: mark for mark in rail(points, {"span": ("2026-03-04", "2026-03-08")})}
    assert set(marks) == {"now", "promise", "span"}
    assert marks["now"].left < marks["span"].left < marks["promise"].left
    assert marks["span"].width > 0
    assert rail({"now": "2026-03-02"}, {}) == []


def test_a_reason_that_the_language_lacks_shows_its_code_and_facts():
    evidence = {"reasons": [{"code": "moon_phase", "facts": {"phase": 0.5}}]}
    assert plain_reasons(evidence) == ["Moon phase: phase 0.5"]


@pytest.mark.parametrize("evidence", [{}, {"reasons": None}, {"reasons": ["x", 3]}, {"last_scan": "?", "items": "?"}])
def test_an_odd_record_is_shown_as_far_as_it_goes(evidence):
    assert isinstance(facts(evidence), list)
    assert isinstance(plain_reasons(evidence), list)
