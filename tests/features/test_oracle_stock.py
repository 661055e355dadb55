"""Plain SQL over the same rows says the same numbers about stock, day by day."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from conftest import Built
from oracle import disagreement, of, opened, said
from world import World

from features import catalog

GROUPS = {group.name: group for group in catalog.groups_of("stock_out")}
SCOPES = ("sku", "category", "seller", "region_sku", "region_category", "region", "platform")
DRAWN = {  # name of the feature: part, of what, which days
    "evening_lost_share_1d": ("dark", "evenings", "back <= 1"),
    "evening_lost_share_7d": ("dark", "evenings", "back <= 7"),
    "ended_out_share_1d": ("emptied", "ends", "back <= 1"),
    "stock_out_weekday_share_28d": ("out", "1", "back % 7 = 0"),
    "evening_lost_weekday_share_28d": ("dark", "evenings", "back % 7 = 0"),
}


@pytest.fixture(scope="module")
def stock_db(world: World, built: dict[str, Built]) -> Iterator[duckdb.DuckDBPyConnection]:
    db = opened(world, of(built["stock_out"]))
    db.execute(said("series"))
    yield db
    db.close()


def neighbours() -> str:
    """The SQL of every scope by window, written out."""
    counts, shares, values = [], [], []
    for days in (1, 7, 28):
        counts += [
            f"count(*) FILTER (back <= {days}) AS n{days}", f"sum(out) FILTER (back <= {days}) AS out{days}",
            f"sum(lost) FILTER (back <= {days}) AS lost{days}",
        ]  # fmt: skip
        shares.append(
            f"(coalesce(c.out{days}, 0) + 5 * p.out{days} / nullif(p.n{days}, 0)) / (c.n{days} + 5) AS share{days}"
        )
    for name, (part, of_all, when) in DRAWN.items():
        counts += [
            f"sum({part}) FILTER ({when}) AS a_{name}",
            f"sum({of_all}) FILTER ({when} AND {part} IS NOT NULL) AS b_{name}",
        ]
        drawn = f"5 * p.a_{name} / nullif(p.b_{name}, 0)"
        shares.append(f"(coalesce(c.a_{name}, 0) + {drawn}) / (coalesce(c.b_{name}, 0) + 5) AS {name}")
    for scope in SCOPES:
        of_scope = f"FILTER (scope = '{scope}')"
        values += [f"max(share{days}) {of_scope} AS {scope}_stock_out_share_{days}d" for days in (1, 7, 28)]
        values.append(f"max(in_stock) {of_scope} AS {scope}_in_stock_share_1d")
        values += [f"max({name}) {of_scope} AS {scope}_{name}" for name in DRAWN]
        values.append(f"max(share1 - share7) {of_scope} AS {scope}_stock_out_change_share_7d")
    return said("neighbours", counts=", ".join(counts), shares=", ".join(shares), values=", ".join(values))


@pytest.mark.parametrize("group", GROUPS)
def test_sql_says_the_same_about_stock(
    stock_db: duckdb.DuckDBPyConnection, built: dict[str, Built], group: str
) -> None:
    query = neighbours() if group == "neighbours" else said(group)
    assert disagreement(stock_db, query, built["stock_out"], GROUPS[group].names) == {}
