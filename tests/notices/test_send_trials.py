"""Senders that die, freeze and meet bad relays: small runs of what ``python -m bench notices`` does at full size.

Each trial has twins in which one protection is broken on purpose: the same check must then find a fault.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from bench.sending import behaviours, cancels, certificates, freezes, kills, outage
from bench.sending.behaviours import BEHAVIOURS, Behaviour
from bench.sending.kills import POINTS, Kill
from bench.sending.sabotage import BREAKS, Sabotaged
from bench.sending.sender import Sender
from notices.relay.smtp import Timeouts

EACH_POINT = [Kill(point, 2 + 3 * at % 7) for at, point in enumerate(POINTS)] + [Kill(seconds=0.1), Kill(seconds=0.2)]
FEW = {"sqlite": EACH_POINT, "postgresql": EACH_POINT[2::4]}


@pytest.fixture(scope="module")
def senders() -> Iterator[tuple[Sender, Sender]]:
    """Two processes that fork senders: loading what they need once costs more than all their runs."""
    with Sender() as first, Sender() as second:
        yield first, second


def faults(figures: object) -> dict[str, int]:
    return {name: count for name, count in figures.faults.items() if count}  # type: ignore[attr-defined]


@pytest.mark.timeout(240)
def test_killed_at_any_point_nothing_is_lost_and_little_repeated(
    senders: tuple[Sender, Sender], state_url: str, tmp_path: Path
) -> None:
    planned = FEW[state_url.partition(":")[0]]
    found = kills.trial(senders[0], tmp_path, state_url, 120, planned)
    assert faults(found) == {}, found
    assert found.died >= len(planned) - 2, "the kills came too late to prove anything"
    assert set(found.states) <= {"ACCEPTED", "PARKED"}


@pytest.mark.parametrize(
    ("sabotage", "many", "planned", "caught"),
    [
        ("no_intent", 12, [Kill("replied", 2)], "copies without a noted intent"),
        ("lost_is_forgotten", 12, [Kill("dot", 1)] * 3, "more than two copies"),
        ("acceptances_wait_for_the_db", 160, [Kill("dot", 120)], "more repeated by one kill than were open"),
        ("beginnings_are_not_noted", 12, [Kill("dot", 1)] * 3, "more than two copies"),
    ],
)
def test_kills_find_a_sender_without_its_protections(
    senders: tuple[Sender, Sender], tmp_path: Path, sabotage: str, many: int, planned: list[Kill], caught: str
) -> None:
    found = kills.trial(senders[0], tmp_path, f"sqlite:///{tmp_path / 'state.db'}", many, planned, sabotage)
    assert caught in faults(found), found


@pytest.mark.timeout(240)
@pytest.mark.parametrize("sabotage", ["", "lease_ignored"])
def test_a_sender_frozen_past_its_lease_costs_at_most_what_was_open(
    senders: tuple[Sender, Sender], tmp_path: Path, sabotage: str
) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    found = freezes.trial(senders, tmp_path, url, 160, 2, seed=7, sabotage=sabotage)
    assert found.freezes == 2
    assert list(faults(found)) == (["copies beyond four a freeze"] if sabotage else []), found


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return certificates.contexts(certificates.write(tmp_path_factory.mktemp("tls") / "both.pem"))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    from notices.state import open_state

    opened = open_state(f"sqlite:///{tmp_path / 'state.db'}")
    yield opened
    opened.dispose()


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.name)
def test_whatever_a_relay_does_each_mail_stands_where_the_relays_own_log_says(
    engine: Engine, behaviour: Behaviour, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    found = behaviours.trial(engine, behaviour, 10, contexts, pipelines=BEHAVIOURS.index(behaviour) % 2 == 0)
    assert (found.misfiled, found.not_as_expected) == (0, 0), found
    assert found.met > 0 or behaviour.verb not in behaviours.UNHURT


@pytest.mark.parametrize(
    ("sabotage", "name"),
    [
        ("dot_means_yes", "452 to the mail"),
        ("dot_means_yes", "552 to the mail"),
        ("silence_means_no", "drops after the mail"),
    ],
)
def test_the_relays_log_finds_a_sender_that_judges_wrongly(
    engine: Engine, sabotage: str, name: str, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    [behaviour] = [one for one in BEHAVIOURS if one.name == name]
    with Sabotaged(sabotage):
        assert behaviours.trial(engine, behaviour, 10, contexts, pipelines=True).misfiled > 0


@pytest.mark.parametrize("pipelines", [False, True], ids=["one by one", "pipelined"])
async def test_no_reply_reaches_another_message_however_many_are_cancelled(pipelines: bool) -> None:
    found = await cancels.trial(60, 7, pipelines=pipelines)
    assert faults(found) == {}, found
    assert found.cut_short > 20


@pytest.mark.parametrize("pipelines", [False, True], ids=["one by one", "pipelined"])
async def test_cancels_find_a_connection_that_is_used_again(pipelines: bool) -> None:
    hasty = Timeouts(1.0, 0.1, 0.1)
    with Sabotaged("cancelled_stays_open"):
        found = await cancels.trial(12, 7, pipelines=pipelines, timeouts=hasty)
    assert faults(found) != {}


def test_a_relay_that_is_down_for_hours_fails_nothing_and_is_asked_three_times_a_run(state: Engine) -> None:
    found = outage.down(state, 40, hours=1)
    assert faults(found) == {}, found
    assert 0 < found.most_tries_in_a_run <= 3


def test_a_password_that_goes_wrong_in_the_middle_fails_nothing(state: Engine) -> None:
    found = outage.wrong_password(state, 40)
    assert faults(found) == {}, found
    assert 0 < found.states_while_down["READY"] < 40


@pytest.mark.parametrize(
    ("sabotage", "caught"),
    [("breaker_never_opens", "tries beyond three before the breaker opens"), ("trouble_is_final", "failed for good")],
)
def test_outages_find_a_sender_without_its_protections(engine: Engine, sabotage: str, caught: str) -> None:
    with Sabotaged(sabotage):
        found = (
            outage.wrong_password(engine, 30) if sabotage == "trouble_is_final" else outage.down(engine, 20, hours=1)
        )
    assert caught in faults(found), found


def test_every_break_has_a_twin_here() -> None:
    here = Path(__file__).read_text("utf-8")
    assert {name for name in BREAKS if f'"{name}"' in here} == set(BREAKS)
