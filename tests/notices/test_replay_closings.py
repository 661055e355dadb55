"""All-clears come from no model: replay rebuilds them from the end of their case, at the versions of then."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from examples import DAY
from sqlalchemy import select, update
from test_lake_facts import (
    ARMED,
    AT,
    WALL,
    context,
    put,
    put_candidates,
    put_scores,
    told_on_the_first_day,
)

from jobs import decide
from jobs.context import Context, clock
from jobs.replay import chosen, replay
from jobs.replay_message import Verdict
from lake.store import Lake
from notices.state import notices, open_state, writing

__all__ = ["context"]  # fixtures


@pytest.fixture
def cleared(context: Context, spark) -> Context:
    """Two all-clears are planned: a parcel that came, and a chance that stays low."""
    lake = told_on_the_first_day(context, spark)
    day = DAY + timedelta(days=2)
    came = AT + timedelta(hours=8)
    put(lake, "shipments", came.date(), {"shipment_id": "p1", "order_id": "o1", "recorded_at": came})
    put(lake, "shipment_events", came.date(), {"shipment_id": "p1", "event": "delivered", "event_at": came})
    put_candidates(lake, "late_delivery", day, [])
    put_scores(lake, DAY + timedelta(days=1), o2=0.02, o3=0.4)
    put_scores(lake, day, o2=0.03, o3=0.4)
    tomorrow = dataclasses.replace(context, day=day, now=clock(day, WALL))
    assert decide.main(tomorrow, ARMED).counts == {"candidates": 2, "send": 2}
    return tomorrow


def verdicts(context: Context) -> list[Verdict]:
    state = open_state(context.settings.state_url)
    with state.connect() as db:
        found = list(replay(db, context, chosen(db, None, context.day)))
    state.dispose()
    return found


def test_an_all_clear_is_the_same_again_though_the_lake_has_gone_on(cleared: Context, spark) -> None:
    came = AT + timedelta(hours=8)
    later = {"shipment_id": "p1", "event": "delivered", "event_at": came + timedelta(hours=3)}
    put(Lake(cleared.settings.lake, spark), "shipment_events", came.date(), later)
    put_scores(Lake(cleared.settings.lake, spark), cleared.day, o2=0.9)
    found = verdicts(cleared)
    assert [verdict.same for verdict in found] == [True, True], [verdict.words() for verdict in found]


def test_an_all_clear_that_the_tables_do_not_bear_out_is_named(cleared: Context) -> None:
    state = open_state(cleared.settings.state_url)
    with writing(state) as db:
        for row in db.execute(select(notices.c.notice_id, notices.c.evidence).where(notices.c.stage == "all_clear")):
            ended = {**row.evidence["ended"], "closing": "was_untrue"}
            changed = {**row.evidence, "ended": ended, "before": {}}
            db.execute(update(notices).where(notices.c.notice_id == row.notice_id).values(evidence=changed))
    state.dispose()
    for verdict in verdicts(cleared):
        assert "evidence.ended.closing: recorded 'was_untrue', rebuilt" in verdict.words()


def test_a_version_of_the_scores_that_is_gone_is_named(cleared: Context) -> None:
    for file in (cleared.settings.lake / "scores_late_delivery").rglob("*.parquet"):
        file.unlink()
    for verdict in verdicts(cleared):
        assert "missing: scores_late_delivery version" in verdict.words()
