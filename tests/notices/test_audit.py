"""The audit is a chain: what is altered, taken out or put in is found, and nothing else raises an alarm."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from examples import KEYS, NOW
from sqlalchemy import Connection, Engine, delete, insert, select, text, update

from notices.control.audit import FIRST, AuditBroken, Chain, append, verify
from notices.keys import Keys
from notices.state import audit, writing

OTHER_KEYS = Keys(b"another secret of at least 32 characters")


def wrote(state: Engine, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        with writing(state) as db:
            detail = {"kind": "late_delivery", "n": number, "share": 0.1, "name": "Álvaro", "list": [1, None]}
            append(db, KEYS, at=NOW + timedelta(seconds=number), actor="recipient", action="mute", detail=detail)


def checked(state: Engine, keys: Keys = KEYS) -> Chain:
    with state.connect() as db:
        return verify(db, keys)


def test_a_chain_holds_entry_by_entry_and_an_empty_one_too(state: Engine) -> None:
    assert checked(state) == Chain(0, FIRST)
    wrote(state, 3)
    chain = checked(state)
    assert chain.entries == 3
    wrote(state, 1, first=3)
    with state.connect() as db:
        rows = db.execute(select(audit).order_by(audit.c.seq)).all()
    assert [row.previous_hash for row in rows] == [FIRST, *(row.hash for row in rows[:-1])]
    assert rows[2].hash == chain.last_hash


def test_what_was_rolled_back_leaves_no_entry(state: Engine) -> None:
    wrote(state, 1)
    with state.connect() as db:
        append(db, KEYS, at=NOW, actor="a", action="b", detail={})
        db.rollback()
    wrote(state, 1, first=1)
    assert checked(state).entries == 2


def forged(db: Connection) -> None:
    last = db.execute(select(audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).scalar_one()
    entry = {"at": NOW, "actor": "a", "action": "b", "detail": {}, "previous_hash": last}
    entry["hash"] = OTHER_KEYS.digest("audit", last)
    db.execute(insert(audit).values(entry))


MEDDLING: dict[str, tuple[Callable[[Connection], object], int]] = {
    "detail": (lambda db: db.execute(update(audit).where(audit.c.seq == 2).values(detail={"n": 9})), 2),
    "actor": (lambda db: db.execute(update(audit).where(audit.c.seq == 3).values(actor="someone")), 3),
    "time": (lambda db: db.execute(update(audit).where(audit.c.seq == 1).values(at=NOW - timedelta(days=1))), 1),
    "taken out": (lambda db: db.execute(delete(audit).where(audit.c.seq == 2)), 3),
    "first taken out": (lambda db: db.execute(delete(audit).where(audit.c.seq == 1)), 2),
    "put in": (forged, 5),
    "order": (lambda db: db.execute(text("UPDATE audit SET seq = 9 WHERE seq = 2")), 3),
}


@pytest.mark.parametrize("how", MEDDLING)
def test_meddling_is_found_where_it_happened(state: Engine, how: str) -> None:
    wrote(state, 4)
    meddle, seq = MEDDLING[how]
    with writing(state) as db:
        meddle(db)
    with pytest.raises(AuditBroken, match=f"entry {seq} does not follow") as broken:
        checked(state)
    assert broken.value.seq == seq


def test_another_secret_vouches_for_nothing(state: Engine) -> None:
    wrote(state, 1)
    with pytest.raises(AuditBroken, match="BEFOREHAND_SECRET"):
        checked(state, OTHER_KEYS)


def test_many_writers_make_one_chain(state: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: wrote(state, 3, first=10 * number), range(4)))
    assert checked(state).entries == 12
