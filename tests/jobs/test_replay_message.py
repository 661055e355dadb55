"""A message rebuilt from its evidence is the same bytes; whatever was changed since is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs import replay_message
from jobs.decide import WORDINGS
from jobs.replay_evidence import Rebuilt
from jobs.replay_message import Verdict, first_difference
from notices.keys import Keys
from notices.people.directory import Entry
from notices.write.mime import Sender
from notices.write.wording import Wording, installed, keep
from notices.write.written import House, made_with, write

KEYS = Keys(b"a secret for tests, at least 32 characters")
HOUSE = House(KEYS, Sender.parse("Beforehand <notices@beforehand.example>"), "Market", "http://127.0.0.1:8765")
ANA = Entry("b1", "buyer", "Ana Souza", "b1@mail.example", "pt-BR", "America/Sao_Paulo", "BR-SP", consent=True)
NOW = datetime(2026, 3, 2, 15, 0, 0, 123456, tzinfo=UTC)
BEFORE = {"expected_date": "2026-03-05", "window": {"p10": "2026-03-04", "p50": "2026-03-05", "p90": "2026-03-07"}}
EVIDENCE: dict[str, Any] = {
    "kind": "late_delivery", "order_id": "o1", "recipient_id": "b1", "as_of": "2026-03-02T00:00:00+00:00",
    "promised_at": "2026-03-05T02:59:59+00:00", "probability": 0.82, "items": [], "last_scan": None,
    "window": {"p10": "2026-03-06", "p50": "2026-03-08", "p90": "2026-03-11"},
    "reasons": [{"code": "slack", "facts": {"slack_days": 3.2}, "source": {}, "contribution": 0.5}],
}  # fmt: skip
SAME = Rebuilt({("o1", ""): EVIDENCE}, words="tables orders 3; model 1 (abc)")


def notice(**changed: Any) -> dict[str, Any]:
    made = made_with(ANA, HOUSE, "policy1", {"candidates_late_delivery": 4})
    row = {
        "notice_id": "n" * 64, "kind": "late_delivery", "stage": "update", "locale": "pt-BR", "state": "APPROVED",
        "state_reason": "", "planned_at": NOW, "evidence": {**EVIDENCE, "before": BEFORE, "made_with": made}, **changed,
    }  # fmt: skip
    return {**row, "sealed_mime": KEYS.seal(write(row, ANA, HOUSE).mime)}


def verdict(row: dict[str, Any], home: Path, rebuilt: Rebuilt = SAME, before: Any = BEFORE) -> Verdict:
    return replay_message.compare(row, rebuilt, before, KEYS, home)


def test_the_same_bytes_are_made_again_whatever_the_directory_says_now(tmp_path: Path) -> None:
    row = notice()
    size = len(KEYS.unseal(row["sealed_mime"]))
    found = verdict(json_and_back(row), tmp_path)
    assert found.words() == (
        f"same, {size:,} bytes. Rebuilt from tables orders 3; model 1 (abc); wording {installed().version}, "
        f"code {row['evidence']['made_with']['code']}, policy policy1."
    )


def json_and_back(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "evidence": json.loads(json.dumps(row["evidence"]))}


def altered(path: str, old: str, new: str) -> Wording:
    assert old in installed().texts[path]
    return Wording({**installed().texts, path: installed().texts[path].replace(old, new)})


def with_wording(row: dict[str, Any], version: str) -> dict[str, Any]:
    made = {**row["evidence"]["made_with"], "wording": version}
    return {**row, "evidence": {**row["evidence"], "made_with": made}}


def changed(row: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {**row, "evidence": {**row["evidence"], **values}}


def test_an_earlier_wording_that_was_kept_is_used(tmp_path: Path) -> None:
    old = altered("locales/pt-BR.json", "Há uma nova previsão para o seu pedido", "Nova previsão para o pedido")
    keep(old, tmp_path / WORDINGS)
    row = with_wording(notice(), old.version)
    row["sealed_mime"] = KEYS.seal(write(row, ANA, HOUSE, old).mime)
    assert verdict(row, tmp_path).same
    (tmp_path / WORDINGS / f"{old.version}.json").unlink()
    assert f"missing: templates and sentences of version {old.version} are not kept" in verdict(row, tmp_path).words()


SABOTAGE: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "a number of the evidence": (
        "evidence.probability: recorded 0.83, rebuilt 0.82", lambda row: changed(row, probability=0.83),
    ),
    "a day of the evidence": (
        "evidence.window.p10: recorded '2026-03-07', rebuilt '2026-03-06'",
        lambda row: changed(row, window={**EVIDENCE["window"], "p10": "2026-03-07"}),
    ),
    "a part more": ("evidence.colour: only in what was recorded", lambda row: changed(row, colour="red")),
    "what was told before": (
        "evidence.before.window.p90: recorded '2026-03-08', rebuilt '2026-03-07'",
        lambda row: changed(row, before={**BEFORE, "window": {**BEFORE["window"], "p90": "2026-03-08"}}),
    ),
    "when it was planned": ("message line 4: sent 'Date:", lambda row: {**row, "planned_at": NOW.replace(hour=16)}),
    "the stage": ("sent 'Subject:", lambda row: {**row, "stage": "heads_up"}),
    "a sealed byte": ("a sealed value cannot be opened", lambda row: {**row, "sealed_mime": row["sealed_mime"][:-9]}),
    "the sent bytes": (
        "sent 'Content-Language: pt-PT', rebuilt 'Content-Language: pt-BR'",
        lambda row: {**row, "sealed_mime": KEYS.seal(KEYS.unseal(row["sealed_mime"]).replace(b": pt-BR", b": pt-PT"))},
    ),
    "no message": ("it has no message", lambda row: {**row, "sealed_mime": None, "state": "HELD"}),
    "the wording's version": ("templates and sentences of version 0000", lambda row: with_wording(row, "0000")),
    "nothing recorded": ("missing: ", lambda row: changed(row, made_with={"wording": installed().version})),
}  # fmt: skip


@pytest.mark.parametrize("name", SABOTAGE)
def test_what_was_changed_is_named(name: str, tmp_path: Path) -> None:
    said, sabotage = SABOTAGE[name]
    found = verdict(sabotage(notice()), tmp_path)
    assert not found.same
    assert said in found.words()


def test_a_recipient_is_not_named_where_their_header_differs(tmp_path: Path) -> None:
    row = notice()
    row["sealed_mime"] = KEYS.seal(KEYS.unseal(row["sealed_mime"]).replace(b'"Ana Souza"', b'"Ana Lima"'))
    words = verdict(row, tmp_path).words()
    assert "the header To differs" in words
    assert "Ana" not in words
    assert "@" not in words


def test_a_changed_sentence_is_shown_with_both_readings(tmp_path: Path) -> None:
    row = notice()
    other = altered("locales/pt-BR.json", "Há uma nova previsão para o seu pedido", "Mudou")
    keep(other, tmp_path / WORDINGS)
    words = verdict(with_wording(row, other.version), tmp_path).words()
    assert "message line" in words
    assert "Mudou" in words


def test_other_code_is_suspected_where_the_message_differs(tmp_path: Path) -> None:
    row = notice()
    made = {**row["evidence"]["made_with"], "code": "then", "babel": "1.0"}
    assert verdict(changed(row, made_with=made), tmp_path).same
    words = verdict({**changed(row, made_with=made), "stage": "heads_up"}, tmp_path).words()
    assert "missing: the code that writes messages then; here is" in words
    assert "missing: Babel 1.0" in words


def test_evidence_that_could_not_be_rebuilt_is_no_success(tmp_path: Path) -> None:
    gone = Rebuilt({}, "missing: orders version 3. Restore the lake from a backup of that time", "tables orders 3")
    assert "missing: orders version 3" in verdict(notice(), tmp_path, gone).words()
    assert "it was not scored on that day" in verdict(notice(), tmp_path, replace(SAME, evidence={})).words()
    drifted = replace(SAME, differing={("o1", ""): "feature slack_days: recorded 3.2, the tables give 4.2"})
    assert (
        "evidence: feature slack_days: recorded 3.2, the tables give 4.2"
        in verdict(notice(), tmp_path, drifted).words()
    )


def test_the_first_difference_of_two_records_has_a_path() -> None:
    assert first_difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "e") == "e.a[1].b: recorded 2, rebuilt 3"
    assert first_difference([1], [1, 2], "e") == "e: recorded 1, rebuilt 2 entries"
    assert first_difference({"a": 1}, {"a": 1}, "e") == ""


def test_planned_notices_of_all_kinds_and_languages_are_the_same_again() -> None:
    """The bench's ten thousand, in small."""
    from bench.messages import planned_and_replayed

    same, planned, _ = planned_and_replayed(96)
    assert same == planned > 60
