"""Plain SQL says the same numbers about silence, hubs ahead, cohorts, sellers, offers and what buyers did."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from conftest import Built
from oracle import disagreement, of, opened, said
from world import World

from features import catalog
from features.hubs_ahead import SCOPES
from features.troubles import BUYER_COUNTS, SHARES

LATE = set(catalog.names_of("late_delivery"))
GROUPS = {group.name: group for group in catalog.groups_of("order_problems") if group.name not in LATE}
DUE = "\n    ".join(
    f"count(*) FILTER ({kept} AND came + {n} BETWEEN d - w.n AND d - 1) AS {name}_{n},"
    for n in (2, 4)
    for name, kept in (
        ("due", f"NOT (coalesce(ended_day <= came + {n}, false) AND NOT coalesce(handed_day <= came + {n}, false))"),
        ("held", f"NOT coalesce(ended_day <= came + {n}, false) AND NOT coalesce(handed_day <= came + {n}, false)"),
    )
)
HUBS = ", ".join(
    f"max(share) FILTER (scope = '{scope}' AND days = {n} AND kind = '{kind}') AS {scope}_{name}_{n}d"
    for scope in SCOPES
    for n in (1, 3)
    for kind, name in (
        ("delayed", "delayed_share"),
        ("stuck_0", "stuck_0_days_share"),
        ("stuck_1", "stuck_1_days_share"),
        ("stuck_2", "stuck_2_days_share"),
    )
)
COUNTS = ", ".join(
    [
        f"(SELECT s.{scope} FROM shares s WHERE s.order_id = m.order_id AND s.as_of = m.as_of AND s.days = {n} "
        f"AND s.fact = '{fact}') AS {scope}_{fact}_share_{n}d"
        for scope in ("article", "seller")
        for fact in SHARES
        for n in (28, 90)
    ]
    + [
        f"coalesce((SELECT o.orders FROM own o WHERE o.order_id = m.order_id AND o.as_of = m.as_of "
        f"AND o.fact = '{fact}'), 0) AS buyer_{fact}_count_90d"
        for fact in BUYER_COUNTS
    ]
)
OVER = ", ".join(
    f"CASE WHEN b.carrier IS NOT NULL AND b.destination_region IS NOT NULL THEN coalesce("
    f"max((w.unseen - w.expected) / (w.due + 1)) FILTER (w.n = {n}), 0) END AS way_unseen_{n}_days_excess_share_1d"
    for n in (1, 2, 3, 4)
)
WORDS = {
    "seller_pace": {"due": DUE},
    "ways": {"columns": OVER},
    "hubs_ahead": {"columns": HUBS},
    "troubles": {"columns": COUNTS},
}


@pytest.fixture(scope="module")
def db(world: World, built: dict[str, Built]) -> Iterator[duckdb.DuckDBPyConnection]:
    opened_db = opened(world, of(built["order_problems"]))
    opened_db.execute(said("base"))
    opened_db.execute(said("journeys"))
    yield opened_db
    opened_db.close()


@pytest.mark.parametrize("group", GROUPS)
def test_sql_says_the_same(db: duckdb.DuckDBPyConnection, built: dict[str, Built], group: str) -> None:
    query = said(group, **WORDS.get(group, {}))
    assert disagreement(db, query, built["order_problems"], GROUPS[group].names) == {}
