"""decide and send as steps: candidates in the lake, people in the directory, mails in the mailbox."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import relay as server
from examples import DAY, buyer, late_evidence, seller, stock_evidence
from sqlalchemy import select

from jobs import decide, send
from jobs.context import Context, clock
from lake.store import Lake, spark_schema
from lake.tables import CONTRACT
from notices.keys import Keys
from notices.people import directory
from notices.state import notices, open_state, runs
from settings import Relay, Settings

SECRET = b"a secret for tests, at least 32 characters"
WALL = datetime(2027, 1, 1, tzinfo=UTC)
ARMED = argparse.Namespace(disarmed=False)


def put_candidates(lake: Lake, target: str, day: date, records: list[dict]) -> None:
    rows = [
        {
            "subject_id": record.get("order_id") or record["seller_id"],
            "sku_id": record.get("sku_id"),
            "probability": record["probability"],
            "abstained": False,
            "abstain_reason": None,
            "model_version": "m1",
            "evidence": json.dumps(record),
            "reasons": json.dumps(record["reasons"]),
            "day": day,
        }
        for record in records
    ]
    schema = "subject_id string, sku_id string, probability double, abstained boolean, abstain_reason string, "
    frame = lake.spark.createDataFrame(
        pa.Table.from_pylist(rows).to_pandas(),
        schema + "model_version string, evidence string, reasons string, day date",
    )
    lake.replace_days(f"candidates_{target}", frame, day, day)


@pytest.fixture
def context(tmp_path: Path, spark) -> Context:
    home = tmp_path / "simulator"  # as jobs.run has it: one folder per source
    settings = Settings(home=home, secret=SECRET, state_url=f"sqlite:///{home / 'state.db'}")
    lake = Lake(settings.lake, spark)
    put_candidates(lake, "late_delivery", DAY, [late_evidence("o1", "b1"), late_evidence("o2", "b2")])
    put_candidates(lake, "stock_out", DAY, [stock_evidence("s1", "k1")])
    state = open_state(settings.state_url)
    directory.put(state, Keys(SECRET), [buyer("b1"), buyer("b2"), seller("s1")])
    state.dispose()
    return Context(settings, DAY, clock(DAY, WALL))


def deliver(context: Context, spark, order_id: str) -> None:
    """A parcel that was delivered after the day ended and before the step runs."""
    lake = Lake(context.settings.lake, spark)
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    day = at.date()
    parcel = ("p1", order_id, None, None, None, None, None, at, day)
    scan = ("p1", "delivered", at, None, at, day)
    for name, row in (("shipments", parcel), ("shipment_events", scan)):
        frame = spark.createDataFrame([row], spark_schema(CONTRACT[name]))
        lake.replace_days(name, frame, day, day)


def test_a_day_is_decided_and_sent_and_the_runs_say_so(context: Context, spark) -> None:
    deliver(context, spark, "o2")
    decided = decide.main(context, ARMED)
    assert decided.counts["candidates"] == 3
    told = decided.counts.get("send", 0) + decided.counts.get("digest", 0)
    held_out = decided.counts.get("hold_out", 0)
    assert told + held_out == 3
    sent = send.main(context, ARMED)
    assert sent.status == "done"
    assert sent.counts["withdrawn"] == 1
    assert sent.counts["accepted"] == told - 1
    assert len(list((context.settings.mailbox / "new").iterdir())) == told - 1
    assert decide.main(context, ARMED).counts == decided.counts
    assert send.main(context, ARMED).counts["accepted"] == 0
    state = open_state(context.settings.state_url)
    with state.connect() as db:
        assert [row.status for row in db.execute(select(runs))] == ["done"] * 4
        reasons = db.execute(select(notices.c.state_reason).where(notices.c.state == "WITHDRAWN")).scalars().all()
    state.dispose()
    assert reasons == ["delivered at 2026-03-02 09:00 UTC"]


def test_sending_by_itself_starts_its_own_engine_and_ends_it(context: Context, spark) -> None:
    deliver(context, spark, "o2")
    decide.main(context, ARMED)
    environment = {
        **os.environ,
        "BEFOREHAND_HOME": str(context.settings.home.parent),
        "BEFOREHAND_SECRET": SECRET.decode(),
    }
    call = [sys.executable, "-m", "jobs.run", "send", "--day", str(DAY)]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 withdrawn" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_relay_that_is_down_fails_the_step_and_loses_nothing(context: Context, spark) -> None:
    decide.main(context, ARMED)
    with server.nobody() as relay:  # held to the end: the mailbox must not get the port whose breaker is open
        down = dataclasses.replace(context, settings=dataclasses.replace(context.settings, relay=relay))
        with pytest.raises(send.RelayNotAnswering, match=r"takes no mail.*3 wait in the outbox; none is lost"):
            send.main(down, ARMED)
        assert send.main(context, ARMED).counts["accepted"] == 3


def test_a_past_day_is_lived_at_its_own_hours_only_where_mail_stays_here(context: Context) -> None:
    here = send.clock_of(context, Relay("smtp", "127.0.0.1", 25))
    assert (here.now, here.until - here.now) == (context.now, timedelta(hours=24))
    away = send.clock_of(context, Relay("smtps", "relay.example", 465))
    assert away.now > context.now + timedelta(days=100)
    live = Context(context.settings, DAY, datetime(2026, 3, 2, 20, 30, tzinfo=UTC))
    assert send.clock_of(live, Relay("smtps", "relay.example", 465)).now == live.now


def test_nothing_scored_yet_is_said(tmp_path: Path, spark) -> None:
    settings = Settings(home=tmp_path, secret=SECRET, state_url=f"sqlite:///{tmp_path / 'state.db'}")
    report = decide.main(Context(settings, DAY, WALL), ARMED)
    assert report.status == "idle"
