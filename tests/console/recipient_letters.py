"""A home with notices decided, planned and sent by the product, and the links that stand in its mails."""

from __future__ import annotations

import email
import email.policy
import random
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

from console_evidence import late_delivery, stock_out
from console_mails import KEYS, SENDER
from fastapi import FastAPI
from sqlalchemy import Engine
from test_console_with_notices import candidate, person

from console.recipients.app import create_recipient_app
from notices import state
from notices.decide.decision import Candidate
from notices.decide.policy import Policy
from notices.people import directory
from notices.plan.day import decide_and_plan
from notices.plan.plan import Surroundings
from notices.relay import mailbox
from notices.send.run import Clock, Options, send_due

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette asks for httpx2; httpx is what Airflow brings
    from starlette.testclient import TestClient

SECRET = b"a key for tests that is long enough"
PLATFORM = "Feira & Cia"
BASE = "http://127.0.0.1:8765"
NOW = datetime.now(UTC).replace(hour=15, minute=0, second=0, microsecond=0) - timedelta(days=1)  # noon in São Paulo
DAY = NOW.date() - timedelta(days=1)
DIGEST_LINES = 23  # more than a mail holds
LONG_ORDER = "0123456789abcdef" * 2


def url_of(home: Path) -> str:
    return f"sqlite:///{home / 'state.db'}"


def around(day: date = DAY, now: datetime = NOW) -> Surroundings:
    kinds = {name: replace(kind, holdout_share=0.0) for name, kind in Policy().kinds.items()}
    return Surroundings(day, now, Policy(kinds=kinds), KEYS, SENDER, PLATFORM, BASE)


def late(order_id: str, buyer: str, now: datetime = NOW) -> Candidate:
    as_of = now.replace(hour=0)
    evidence = {**late_delivery(random.Random(order_id), as_of, order_id, buyer), "probability": 0.9}
    return candidate(evidence, order_id, 150.0)


def stock(seller: str, now: datetime = NOW, count: int = DIGEST_LINES) -> list[Candidate]:
    dice = random.Random(7)
    lines = [stock_out(dice, now.replace(hour=0), seller, f"sku{n:02}") for n in range(count)]
    return [candidate({**line, "open_inbound": None, "probability": 0.8}, seller, 400.0) for line in lines]


def put_people(engine: Engine) -> None:
    people = [
        person("buyer1", name="Ana Souza", locale="pt-BR"),
        person("buyer2", name="Robin", locale="en"),
        person("seller1", role="seller", name="Loja Azul", locale="en"),
    ]
    directory.put(engine, KEYS, people)


async def tell(
    engine: Engine, home: Path, candidates: Iterable[Candidate], day: date = DAY, now: datetime = NOW
) -> dict[str, int]:
    """Decide, plan and send one day. Returns the counts by decision."""
    counts = decide_and_plan(engine, candidates, around(day, now))
    with mailbox.running(home / "mailbox") as relay:
        await send_due(engine, KEYS, relay, Clock(now, now + timedelta(hours=24)), lambda _: {}, Options())
    return counts


def letters(home: Path) -> dict[str, EmailMessage]:
    """The mails that arrived, by the recipient's id."""
    read = email.policy.default
    mails = [email.message_from_bytes(file.read_bytes(), policy=read) for file in (home / "mailbox" / "new").iterdir()]
    return {mail["To"].addresses[0].username: mail for mail in mails}


def links(mail: EmailMessage) -> tuple[str, str]:
    """The paths of a mail's two links: what was told, and how to stop it."""
    text = mail.get_body(("plain",)).get_content()
    told, stop = (re.search(rf"{BASE}(/{kind}/\S+)", text)[1] for kind in "nu")
    assert mail["List-Unsubscribe"] == f"<{BASE}{stop}>"
    return told, stop


def app_of(
    home: Path, *, url: str | None = None, wall: datetime | None = None, hosts: Sequence[str] = ("127.0.0.1",)
) -> FastAPI:
    clock = (lambda: wall) if wall else (lambda: datetime.now(UTC))
    return create_recipient_app(url or url_of(home), SECRET, platform=PLATFORM, clock=clock, allowed_hosts=hosts)


async def fill(home: Path, *, url: str | None = None, day: date = DAY, now: datetime = NOW) -> None:
    """One day with a late order of each buyer and a digest, as they arrived."""
    engine = state.open_state(url or url_of(home))
    put_people(engine)
    told = [late(LONG_ORDER, "buyer1", now), late("order2", "buyer2", now), *stock("seller1", now)]
    await tell(engine, home, told, day, now)
    engine.dispose()


@contextmanager
def visitor(app: FastAPI) -> Iterator[TestClient]:
    """Someone who follows a link: no cookies, no redirects. The app's DB connections end with the block."""
    with TestClient(app, base_url=BASE, follow_redirects=False) as client:
        yield client
