"""DuckDB beside the engine: the tables of the hand-made world, and what SQL says compared with what was built."""

from __future__ import annotations

import math
from pathlib import Path

import duckdb
import pandas as pd
from conftest import KEYS, Built
from leak_check import differing
from world import World, as_arrow

SQL = Path(__file__).parent / "oracle"
LOGISTIC = math.pi / math.sqrt(3)


def opened(world: World, asked: pd.DataFrame) -> duckdb.DuckDBPyConnection:
    """A database with every table of the world and ``asked``: the subjects with as_of (UTC) and d, its date."""
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    for name, rows in world.items():
        db.register(name, as_arrow(name, rows))
    db.register("_asked", asked)
    db.execute("CREATE TABLE asked AS SELECT *, CAST(as_of AS DATE) AS d FROM _asked")
    for macro in (
        "hours_between(a, b) AS (epoch_us(b) - epoch_us(a)) / 3600e6",
        "ln_hours(a, b) AS ln(greatest(hours_between(a, b), 1.0))",
        "monday0(x) AS (isodow(x) - 1)::DOUBLE",
        f"odds(t, m, s) AS exp({LOGISTIC} / s * (ln(CASE WHEN t < 1 THEN 1 ELSE t END) - m))",
        f"left_of(m, s, o, e, share) AS exp(m + ln((1 + o) / (1 - share) - 1) * s / {LOGISTIC}) - e",
        "spread(square, m, floor) AS sqrt(greatest(square - m * m, floor * floor))",
    ):
        db.execute(f"CREATE MACRO {macro}")
    return db


def of(built: Built) -> pd.DataFrame:
    """The subjects of a target as a frame for ``opened``."""
    rows = built.rows.reset_index()
    extra = [name for name in ("horizon_days",) if name in rows.columns]
    return rows[[*KEYS[built.target], *extra]]


def said(name: str, **words: str) -> str:
    """The query of oracle/<name>.sql with its {words} filled in."""
    text = (SQL / f"{name}.sql").read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace("{" + word + "}", value)
    return text


def disagreement(db: duckdb.DuckDBPyConnection, query: str, built: Built, names: tuple[str, ...]) -> dict[str, int]:
    """Features on which SQL and the built rows differ, by name and number of rows. Every name must come from SQL."""
    rows = db.execute(query).fetch_df()
    rows["as_of"] = pd.to_datetime(rows["as_of"], utc=True)
    keyed = rows.set_index(KEYS[built.target]).sort_index()
    missing = set(names) - set(keyed.columns)
    assert not missing, f"the oracle does not say {sorted(missing)}"
    ours = built.rows[list(names)].astype(float)
    theirs = keyed[list(names)].astype(float)
    ours.index = ours.index.set_levels(pd.to_datetime(ours.index.levels[-1], utc=True), level="as_of")
    return differing(ours, theirs)
