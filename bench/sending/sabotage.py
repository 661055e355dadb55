"""Protections broken on purpose: a check that does not notice one of these proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection as Db

from notices.relay import smtp
from notices.send import breaker, outbox
from notices.send.outbox import Claimed
from notices.send.run_log import RunLog, Try


def no_intent() -> None:
    """Nothing is noted before the first word to the relay."""

    def intend_all(_db: Db, claimed: Sequence[Claimed], _lease: float) -> set[str]:
        return {one.delivery_id for one in claimed}

    outbox.intend_all = intend_all


def lost_is_forgotten() -> None:
    """What a dead sender had on its way counts as never sent."""
    outbox.one_more_uncertain = lambda: {"state": "READY", "uncertain": 0}


def acceptances_wait_for_the_db() -> None:
    """What a relay took is noted in the DB alone, a moment later."""
    RunLog.take = lambda *_: None  # type: ignore[method-assign]


def beginnings_are_not_noted() -> None:
    """What is on its way when a sender dies looks as if it had never been begun."""
    usual = RunLog.begin

    def begin(self: RunLog, one: Try) -> None:
        usual(self, replace(one, epoch=0))  # type: ignore[type-var]

    RunLog.begin = begin  # type: ignore[method-assign]


def lease_ignored() -> None:
    """A sender goes on whatever happened to its lease."""
    usual = smtp.Connection.deliver

    async def deliver(self: smtp.Connection, *said: Any, following: Any, **_asked: Any) -> smtp.Reply:
        sender, recipient, mime, _may_finish, *rest = said
        return await usual(self, sender, recipient, mime, lambda: True, *rest, following=following)

    smtp.Connection.deliver = deliver  # type: ignore[method-assign]
    no_intent()


def dot_means_yes() -> None:
    """Whatever is answered to the final dot counts as an acceptance."""
    usual = smtp._judge  # noqa: SLF001
    smtp._judge = lambda phase, reply: None if phase == "dot" else usual(phase, reply)  # noqa: SLF001


def silence_means_no() -> None:
    """A connection that breaks after the dot counts as surely not accepted."""
    smtp._broken = lambda phase, error: smtp.Reply(smtp.LATER, phase, None, str(error))  # noqa: SLF001


def cancelled_stays_open() -> None:
    """A connection whose message was cancelled is used again."""
    smtp.Connection.close = lambda _self: None  # type: ignore[method-assign]


def breaker_never_opens() -> None:
    """A relay in trouble is asked on and on."""
    breaker.OPENS_AFTER = 1_000_000


def trouble_is_final() -> None:
    """What the relay cannot do is held against the recipient."""
    usual = smtp.Connection.deliver

    async def deliver(self: smtp.Connection, *said: Any, **asked: Any) -> smtp.Reply:
        reply = await usual(self, *said, **asked)
        failed = smtp.Reply(smtp.REFUSED, reply.phase, reply.code, reply.text)
        return failed if reply.result == smtp.RELAY_DOWN else reply

    smtp.Connection.deliver = deliver  # type: ignore[method-assign]


def nothing() -> None:
    """As it should be."""


BREAKS: dict[str, Callable[[], None]] = {
    function.__name__: function
    for function in (
        no_intent, lost_is_forgotten, acceptances_wait_for_the_db, beginnings_are_not_noted, lease_ignored,
        dot_means_yes, silence_means_no, cancelled_stays_open, breaker_never_opens, trouble_is_final,
    )
}  # fmt: skip
_WHERE = {
    (outbox, "intend_all"), (outbox, "one_more_uncertain"), (smtp, "_judge"), (smtp, "_broken"),
    (RunLog, "take"), (RunLog, "begin"), (smtp.Connection, "deliver"), (smtp.Connection, "close"),
    (breaker, "OPENS_AFTER"),
}  # fmt: skip


def apply(name: str) -> None:
    """Break the named protection in this process; the empty name breaks nothing."""
    BREAKS.get(name, nothing)()


class Sabotaged:
    """The named protection is broken for the length of a block."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._usual = [(where, what, getattr(where, what)) for where, what in _WHERE]
        apply(self._name)

    def __exit__(self, *_error: object) -> None:
        for where, what, usual in self._usual:
            setattr(where, what, usual)
