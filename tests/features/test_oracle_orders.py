"""Plain SQL over the same rows says the same numbers about orders, fact by fact and without running sums."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from conftest import Built
from oracle import disagreement, of, opened, said
from oracle_scope import scope_query
from world import World

from features import catalog

GROUPS = {group.name: group for group in catalog.groups_of("late_delivery")}
SCOPES = {
    "platform": ("'*'", "order_day", "'*'"),
    "lane": ("origin_region || '>' || destination_region", "greatest(order_day, plan_day)",
             "origin_region || '>' || destination_region"),
    "destination": ("destination_region", "order_day", "destination_region"),
    "carrier": ("carrier", "greatest(order_day, plan_day)", "carrier"),
    "seller": ("seller_id", "greatest(order_day, item_day)", "seller_id"),
    "category": ("category", "greatest(order_day, item_day)", "category"),
    "payment": ("payment_type", "order_day", "payment_type"),
}  # fmt: skip


@pytest.fixture(scope="module")
def orders_db(world: World, built: dict[str, Built]) -> Iterator[duckdb.DuckDBPyConnection]:
    db = opened(world, of(built["late_delivery"]))
    db.execute(said("base"))
    db.execute(said("journeys"))
    db.execute(said("due"))
    yield db
    db.close()


@pytest.mark.parametrize("group", ["promise", "scans", "parcel"])
def test_sql_says_the_same_about_the_order_itself(
    orders_db: duckdb.DuckDBPyConnection, built: dict[str, Built], group: str
) -> None:
    assert disagreement(orders_db, said("own"), built["late_delivery"], GROUPS[group].names) == {}


@pytest.mark.parametrize("scope", SCOPES)
def test_sql_says_the_same_about_a_scope(
    orders_db: duckdb.DuckDBPyConnection, built: dict[str, Built], scope: str
) -> None:
    query = scope_query(scope, *SCOPES[scope])
    assert disagreement(orders_db, query, built["late_delivery"], GROUPS[scope].names) == {}


@pytest.mark.parametrize("group", ["hub", "scan_gaps", "order_calendar", "buyer"])
def test_sql_says_the_same_about_what_surrounds_it(
    orders_db: duckdb.DuckDBPyConnection, built: dict[str, Built], group: str
) -> None:
    assert disagreement(orders_db, said(group), built["late_delivery"], GROUPS[group].names) == {}


def test_every_group_of_orders_has_an_oracle() -> None:
    assert set(GROUPS) == {*SCOPES, "promise", "scans", "parcel", "hub", "scan_gaps", "order_calendar", "buyer"}
