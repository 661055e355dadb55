"""Change by hand what is sent: switches, pauses, the ladder, budgets, rates, and batches that wait to be released."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType

from sqlalchemy import Connection

from jobs.context import Context, StepReport
from notices import state
from notices.control import changes as control
from notices.control.changes import By, ControlRefused
from notices.keys import Keys

NUMBERS = frozenset({"ladder", "budget", "rate"})  # actions that say how far


def main(context: Context, options: argparse.Namespace) -> StepReport:
    """Make one change and say what it did. Raises ControlRefused with what is allowed; nothing was changed then."""
    engine = state.open_state(context.settings.state_url)
    by = By(options.by or getpass.getuser(), datetime.now(UTC), options.note or "")
    try:
        with state.writing(engine) as db:
            said = change(db, Keys(context.settings.secret), options, by)
    finally:
        engine.dispose()
    return StepReport("done", said)


def change(db: Connection, keys: Keys, options: argparse.Namespace, by: By) -> str:
    """The change that the command line asks for, inside the caller's transaction. Returns one sentence."""
    if options.action in NUMBERS and options.to is None:
        raise ControlRefused(f"{options.action} {options.what} to what? Say it after the name. Nothing was changed.")
    return CHANGES[options.action](db, keys, options, by)


def _stop(db: Connection, keys: Keys, options: argparse.Namespace, by: By) -> str:
    changed = control.switch(db, keys, options.what, by, stopped=True)
    return _said(f"{options.what}: switched off", changed=changed)


def _start(db: Connection, keys: Keys, options: argparse.Namespace, by: By) -> str:
    changed = control.switch(db, keys, options.what, by, stopped=False)
    return _said(f"{options.what}: switched on", changed=changed)


def _pause(db: Connection, keys: Keys, options: argparse.Namespace, by: By) -> str:
    return _said(f"{options.what}: paused", changed=control.pause(db, keys, options.what, by, reason=by.note))


def _resume(db: Connection, keys: Keys, options: argparse.Namespace, by: By) -> str:
    return _said(f"{options.what}: goes on", changed=control.resume(db, keys, options.what, by))


def _ladder(db: Connection, keys: Keys, options: argparse.Namespace, by: By) -> str:
    control.move(db, keys, options.what, options.to, by, force=options.force)
    return f"{options.what}: told to {options.to if options.to != 'shadow' else 'nobody'} from the next decide on"


def _budget(db: Connection, keys: Keys, options: argparse.Namespace, by: By) -> str:
    control.budget(db, keys, options.what, None if options.to == "none" else int(_number(options.to)), by)
    return f"{options.what}: at most {options.to} notices a day"


def _rate(db: Connection, keys: Keys, options: argparse.Namespace, by: By) -> str:
    control.rate(db, keys, options.what, _number(options.to), by)
    return f"one {options.what} counts as {options.to}"


def _release(db: Connection, keys: Keys, options: argparse.Namespace, by: By) -> str:
    kind = None if options.what == control.ALL else options.what
    day = date.fromisoformat(options.to) if options.to and not options.notice else None
    count = control.release(db, keys, by, day=day, kind=kind, notice_ids=options.notice)
    return f"{count:,} notices go with the next send" if count else "nothing waits there that could still go"


def _said(sentence: str, *, changed: bool) -> str:
    return sentence if changed else f"{sentence}; it was so before"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ControlRefused(f"{text!r} is not a number. Nothing was changed.") from None


CHANGES: Mapping[str, Callable[[Connection, Keys, argparse.Namespace, By], str]] = MappingProxyType(
    {
        "stop": _stop, "start": _start, "pause": _pause, "resume": _resume, "ladder": _ladder, "budget": _budget,
        "rate": _rate, "release": _release,
    }
)  # fmt: skip
