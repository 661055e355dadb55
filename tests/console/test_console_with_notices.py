"""The pages over what the product itself wrote: decided, planned, composed and sent through a real SMTP server."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from console_day import DAY
from console_evidence import late_delivery, stock_out
from console_mails import KEYS, SENDER
from sqlalchemy import select
from test_console_pages import words_of

from notices import state
from notices.decide.decision import Candidate
from notices.decide.policy import Policy
from notices.people import directory
from notices.people.directory import Entry
from notices.plan.day import decide_and_plan
from notices.plan.plan import Surroundings
from notices.relay import mailbox
from notices.send.run import Clock, Options, send_due

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)  # noon in São Paulo
AS_OF = datetime(2026, 3, 2, tzinfo=UTC)


def candidate(evidence: Mapping[str, Any], subject: str, value: float, **changed: Any) -> Candidate:
    plain = Candidate(
        kind=evidence["kind"],
        subject_id=subject,
        sku_id=evidence.get("sku_id", ""),
        recipient_id=evidence["recipient_id"],
        probability=evidence["probability"],
        abstained=False,
        abstain_reason=None,
        value_at_stake=value,
        evidence=evidence,
        model_version="m1",
    )
    return replace(plain, **changed)


def person(person_id: str, **changed: Any) -> Entry:
    address = f"{person_id}@mail.example"
    plain = Entry(person_id, "buyer", "Ana", address, "pt-BR", "America/Sao_Paulo", None, consent=True)
    return replace(plain, **changed)


def candidates() -> list[Candidate]:
    dice = random.Random(7)
    orders = [late_delivery(dice, AS_OF, f"order{n}", f"buyer{n:08}") for n in range(6)]
    found = [candidate({**order, "probability": 0.9}, order["order_id"], 150.0) for order in orders]
    found[1] = replace(found[1], probability=None, abstained=True, abstain_reason="no_scan_yet")
    found[2] = replace(found[2], probability=0.01)
    found[3] = replace(found[3], probability=0.3, value_at_stake=1900.0)  # dear and unsure
    lines = [stock_out(dice, AS_OF, "seller1", f"sku{n}") | {"open_inbound": None} for n in range(3)]
    return found + [candidate(line, "seller1", 400.0) for line in lines]


@pytest.fixture
async def lived_home(tmp_path: Path) -> Path:
    """A day that was decided and sent; order5 had arrived by then, and buyer4 does not want mail."""
    home = tmp_path / "lived"
    home.mkdir()
    engine = state.open_state(f"sqlite:///{home / 'state.db'}")
    people = [person(f"buyer{n:08}", consent=n != 4) for n in range(6)]
    people.append(person("seller1", role="seller", name="Loja Azul", locale="en"))
    directory.put(engine, KEYS, people)
    kinds = {name: replace(kind, holdout_share=0.0) for name, kind in Policy().kinds.items()}
    around = Surroundings(DAY, NOW, Policy(kinds=kinds), KEYS, SENDER, "Beforehand Market", "http://127.0.0.1:8765")
    decide_and_plan(engine, candidates(), around)
    with engine.connect() as db:
        query = select(state.notices.c.notice_id).where(state.notices.c.recipient_id == "buyer00000005")
        arrived = set(db.execute(query).scalars())
    clock = Clock(NOW, NOW + timedelta(hours=24))
    with mailbox.running(home / "mailbox") as relay:
        await send_due(engine, KEYS, relay, clock, lambda _: dict.fromkeys(arrived, "delivered on 2 Mar"), Options())
    engine.dispose()
    return home


def test_every_candidate_has_its_row_and_its_reason(lived_home, client_of):
    client = client_of(lived_home)
    said = words_of(client.get(f"/alerts?day={DAY}").text)
    assert "1 to 9 of 9 decisions" in said
    for part in ("Told", "In the digest", "Model abstained", "Not worth a mail", "Waits for a person", "Stopped"):
        assert part in said
    assert "the recipient has not agreed to be written to" in said


def test_what_became_of_each_notice_is_shown(lived_home, client_of):
    said = words_of(client_of(lived_home).get(f"/notices?day={DAY}").text)
    assert said.count("Accepted by the relay 1 250") == 2  # one buyer, one digest
    assert "Withdrawn delivered on 2 Mar" in said
    assert "Waits for a person" in said


def test_the_mails_that_arrived_lead_to_their_cases_and_back(lived_home, client_of):
    client = client_of(lived_home)
    listed = client.get("/mailbox").text
    keys = re.findall(r'href="/mailbox/([^"?]+)"', listed)
    assert len(keys) == 2
    assert "buyer buyer0…" in words_of(listed)
    for key in keys:
        page = client.get(f"/mailbox/{key}").text
        why = re.search(r'href="([^"]+)">Why it was sent', page)
        assert why
        assert f"/mailbox/{key}/body" in client.get(why[1]).text
        headers = client.get(f"/mailbox/{key}?view=headers").text
        assert "@mail.example" not in headers
        assert "List-Unsubscribe" in headers


def test_each_article_of_the_digest_finds_its_line_and_the_mail(lived_home, client_of):
    client = client_of(lived_home)
    links = re.findall(r'class="id" href="(/cases/[^"]+)">sku\d', client.get(f"/alerts?day={DAY}&kind=stock_out").text)
    assert len(links) == 3
    for link in links:
        page = client.get(link).text
        assert "Its line: probability" in page
        assert "Digest accepted by the relay" in page
        assert "<iframe" in page
