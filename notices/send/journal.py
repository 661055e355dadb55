"""A file beside the state DB that remembers which mails a relay took: what a DB restored from a snapshot has forgotten.

One line a mail, the local part of its Message-ID: a keyed hash that names nobody. The DB knows how much of the file it
has seen; where the file is longer, the DB was restored, and what it forgot is noted in ``sent_before`` and never sent.
A Message-ID hangs on what is told to whom (notices.plan.plan), so it is the same when a day is planned anew.

Beside it stands one file for each run that goes on or was killed (notices.send.run_log).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Connection, bindparam, insert, select, update

from notices.send import run_log
from notices.send.run_log import Past, RunLog
from notices.state import chunks, deliveries, journals, sent_before
from notices.state.db_clock import read_clock

_LONGER = (
    update(journals)
    .where(journals.c.name == bindparam("name_"), journals.c.position < bindparam("length"))
    .values(position=bindparam("length"))
)


class Journal:
    """The journal at ``path``, made when first written. Many senders may write it at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = path.name
        self._runs = path.with_suffix(".runs")

    def note(self, db: Connection, message_ids: Iterable[str]) -> None:
        """Append, before the transaction that records the acceptances ends; it also records how long the file is now.

        ``reconcile`` comes first, once a run. Not flushed to the disk: after a power cut the DB itself still knows.
        """
        lines = "".join(f"{key_of(message_id)}\n" for message_id in message_ids).encode("ascii")
        if not lines:
            return
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, lines)  # one write: lines of two senders never mix
            length = os.fstat(file).st_size
        finally:
            os.close(file)
        self._seen(db, length)

    def reconcile(self, db: Connection) -> int:
        """Note what the file knows and this DB does not. Returns how many mails that are: 0 unless it was restored."""
        length = self._path.stat().st_size if self._path.exists() else 0
        position = self._position(db)
        if length == position:
            return 0
        if length < position:  # another file stands in its place
            position = 0
            db.execute(update(journals).where(journals.c.name == self._name).values(position=0))
        with self._path.open("rb") as file:
            file.seek(position)
            keys = file.read(length - position).decode("ascii").split()
        found = sum(self._forgotten(db, chunk) for chunk in chunks(dict.fromkeys(keys)))
        self._seen(db, length)
        return found

    def begin_run(self, token: str) -> RunLog:
        """The file of a run, by its lease token."""
        return RunLog(self._runs / token)

    def past_of(self, token: str) -> Past | None:
        """What the run of this token left behind; None where there is no file."""
        return run_log.read(self._runs / token)

    def leftovers(self, db: Connection) -> list[Path]:
        """Files of runs that are over and of which the DB holds nothing open: their acceptances are noted here.

        Who calls this deletes them once the transaction has ended. A DB that was restored knows nothing of such a run.
        """
        done = []
        for path in sorted(self._runs.glob("*")):
            held = select(deliveries.c.delivery_id).where(deliveries.c.lease_token == path.name).limit(1)
            if path.stat().st_size == 0 or not run_log.is_over(path) or db.execute(held).first() is not None:
                continue
            past = run_log.read(path)
            taken = [one.message_id for one in past.taken.values()] if past else []
            unknown = [one for chunk in chunks(taken) for one in _unknown(db, chunk)]
            self.note(db, unknown)
            for chunk in chunks(key_of(one) for one in unknown):
                self._forgotten(db, chunk)
            done.append(path)
        return done

    def _forgotten(self, db: Connection, keys: list[str]) -> int:
        noted = set(db.execute(select(sent_before.c.message_key).where(sent_before.c.message_key.in_(keys))).scalars())
        new = [key for key in keys if key not in noted]
        if new:
            now = read_clock(db)
            db.execute(insert(sent_before), [{"message_key": key, "noted_at": now} for key in new])
        return len(new)

    def _position(self, db: Connection) -> int:
        """How much of the file this DB has seen. A row is made where there is none."""
        this = journals.c.name == self._name
        found: int | None = db.execute(select(journals.c.position).where(this).with_for_update()).scalar()
        if found is None:
            db.execute(insert(journals).values(name=self._name, position=0))
        return found or 0

    def _seen(self, db: Connection, length: int) -> None:
        db.execute(_LONGER, {"name_": self._name, "length": length})


def _unknown(db: Connection, message_ids: list[str]) -> list[str]:
    """Those that this DB does not have as accepted."""
    taken = deliveries.c.state.in_(["ACCEPTED", "BOUNCED", "COMPLAINED"])
    query = select(deliveries.c.message_id).where(deliveries.c.message_id.in_(message_ids), taken)
    known = set(db.execute(query).scalars())
    return [one for one in message_ids if one not in known]


def key_of(message_id: str) -> str:
    """What the journal holds of a Message-ID: its local part."""
    return message_id.strip("<>").partition("@")[0]


def taken_before(db: Connection, message_ids: Iterable[str]) -> set[str]:
    """Which of these mails a relay took before this DB was restored to a state that does not know it."""
    found: set[str] = set()
    for chunk in chunks(message_ids):
        keys = {key_of(message_id): message_id for message_id in chunk}
        rows = db.execute(select(sent_before.c.message_key).where(sent_before.c.message_key.in_(keys))).scalars()
        found.update(keys[key] for key in rows)
    return found
