from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest
from simulator_contract import broken_promises

from lake.tables import CONTRACT
from sources.simulator import (
    Notices,
    ParametersError,
    World,
    WorldExistsError,
    WorldParameters,
    WorldSummary,
    write_world,
)


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def one(db: duckdb.DuckDBPyConnection, sql: str) -> tuple:
    return db.execute(sql).fetchall()[0]


def test_every_row_keeps_the_contract(world):
    assert broken_promises(world) == []


def test_every_table_but_sampling_is_delivered(world, summary):
    assert set(summary.rows) == set(CONTRACT) - {"sampling"}
    assert {path.name for path in world.iterdir()} == {*summary.rows, "people.parquet", "truth"}


def test_same_seed_same_bytes_and_another_seed_another_world(tmp_path, tiny):
    write_world(tmp_path / "a", tiny)
    write_world(tmp_path / "b", tiny)
    write_world(tmp_path / "c", replace(tiny, seed=tiny.seed + 1))
    first, second, other = (digests(tmp_path / name) for name in "abc")
    assert first == second
    shared = set(first) & set(other)
    same = {name for name in shared if first[name] == other[name]}
    assert {Path(name).parts[0] for name in same} <= {"calendar"}  # holidays are the same for every seed


def test_rows_that_wait_on_disk_change_no_byte(tmp_path, tiny):
    write_world(tmp_path / "memory", tiny)
    world = World(tmp_path / "disk", tiny, Notices.none(), memory_bound_bytes=50_000)
    spilled = False
    for _ in world.days():
        spilled |= any((tmp_path / "disk" / ".waiting").glob("*.arrow"))
    assert spilled
    assert digests(tmp_path / "memory") == digests(tmp_path / "disk")


def test_only_a_window_of_days_waits(tmp_path, tiny):
    world = World(tmp_path / "world", tiny, Notices.none())
    for day in world.days():
        assert all(day < waiting <= day + 120 for waiting in world.buckets.days("shipment_events"))
        assert world.buckets.days("orders") in ([], [day + 1])


def test_about_as_many_orders_as_asked_for(summary):
    assert summary.orders == pytest.approx(2_000, rel=0.1)


def test_the_festival_has_ten_times_the_orders(db):
    ordinary, festival = one(
        db,
        """WITH per_day AS (SELECT created_at::DATE AS day, count(*) AS n FROM orders GROUP BY 1)
        SELECT avg(n) FILTER (day NOT IN (SELECT calendar_day FROM calendar WHERE kind = 'sales_event')),
               avg(n) FILTER (day IN (SELECT calendar_day FROM calendar WHERE kind = 'sales_event')) FROM per_day""",
    )
    assert 8 < festival / ordinary < 12


def test_the_calendar_is_announced_ahead(db):
    late, events, holidays = one(
        db,
        """SELECT count(*) FILTER (recorded_at >= calendar_day::TIMESTAMPTZ AND calendar_day > DATE '2025-11-03'),
               count(*) FILTER (kind = 'sales_event'), count(*) FILTER (kind = 'holiday') FROM calendar""",
    )
    assert (late, events) == (0, 4)
    assert holidays > 5


def test_some_scans_arrive_late_and_overtake_each_other(db):
    hours, days, overtaken = one(
        db,
        """WITH scans AS (SELECT *, recorded_at - event_at AS delay,
               max(recorded_at) OVER (PARTITION BY shipment_id ORDER BY event_at ROWS UNBOUNDED PRECEDING) AS newest
               FROM shipment_events)
        SELECT avg((delay > INTERVAL 1 HOUR)::INT), avg((delay > INTERVAL 18 HOUR)::INT),
               avg((recorded_at < newest)::INT) FROM scans""",
    )
    assert 0.10 < hours < 0.20
    assert 0.01 < days < 0.05
    assert overtaken > 0.01


def test_scans_of_a_parcel_happen_in_the_order_of_its_journey(db):
    wrong = one(
        db,
        """WITH moments AS (SELECT shipment_id,
                max(event_at) FILTER (event = 'handed_over') AS handed, min(event_at) FILTER (event = 'hub_in') AS
                hub_in, max(event_at) FILTER (event = 'hub_out') AS hub_out, max(event_at) FILTER (event =
                'out_for_delivery') AS out, max(event_at) FILTER (event = 'delivered') AS delivered FROM
                shipment_events GROUP BY 1)
        SELECT count(*) FROM moments WHERE hub_in <= handed OR out <= hub_out OR delivered <= out OR hub_out <=
        hub_in""",
    )[0]
    early = one(
        db,
        """SELECT count(*) FROM shipment_events JOIN shipments USING (shipment_id)
        JOIN order_events ON order_events.order_id = shipments.order_id AND order_events.event = 'approved'
        WHERE shipment_events.event_at <= order_events.event_at""",
    )[0]
    assert (wrong, early) == (0, 0)


def test_a_promise_ends_with_the_local_day(db):
    ends = db.execute(
        "SELECT DISTINCT strftime(timezone(CASE destination_region WHEN 'US-CA' THEN 'America/Los_Angeles' ELSE "
        "'America/Sao_Paulo' END, promised_at), '%H:%M:%S') FROM orders WHERE destination_region IN ('US-CA', 'BR-SP')"
    ).fetchall()
    assert ends == [("23:59:59",)]


def test_everybody_in_the_tables_has_a_name_and_an_address(db, world):
    db.execute(f"CREATE VIEW people AS SELECT * FROM read_parquet('{world}/people.parquet')")
    unknown, wrong_domain, wrong_language = one(
        db,
        """SELECT (SELECT count(*) FROM orders ANTI JOIN people ON buyer_id = person_id)
                + (SELECT count(*) FROM listings ANTI JOIN people ON seller_id = person_id),
            (SELECT count(*) FROM people WHERE email NOT LIKE '%@' || role || 's.example'),
            (SELECT count(*) FROM people WHERE (locale = 'pt-BR') <> (region LIKE 'BR-%'))""",
    )
    assert (unknown, wrong_domain, wrong_language) == (0, 0, 0)
    assert one(db, "SELECT count(*) - count(DISTINCT email) FROM people") == (0,)


def test_people_write_in_their_language(db):
    rows = db.execute(
        "SELECT count(*) FILTER (text LIKE '%ncomenda%' OR text LIKE '%pedido%'), count(DISTINCT text) FROM contacts "
        "JOIN orders USING (order_id) WHERE destination_region LIKE 'BR-%'"
    ).fetchall()[0]
    assert rows[0] > 0
    assert rows[1] > 8
    assert one(db, "SELECT count(*) FROM reviews WHERE text = '' OR text LIKE '%@%'") == (0,)


def test_the_truth_stands_apart(world):
    hidden = {"late_delivery", "cause", "level", "expected_orders", "wanted_pieces", "lead_days", "_chance", "_draw"}
    for table in CONTRACT.values():
        assert not hidden & set(table.column_names)
    assert {path.stem for path in (world / "truth").iterdir()} == {
        "causes", "demand", "lead_times", "outcomes", "probabilities", "stock_out",
    }  # fmt: skip


def test_a_folder_that_holds_something_is_left_alone(tmp_path, tiny):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(WorldExistsError, match="not empty"):
        write_world(tmp_path, tiny)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"orders": 100}, "orders is 100. Allowed: 2000 to 50000000"),
        ({"days": 5}, "days is 5"),
        ({"countries": ("BR", "FR")}, "BR, US"),
        ({"festival_start": date(2020, 1, 1)}, "within the span"),
    ],
)
def test_parameters_that_make_no_world_are_refused(wrong, says):
    with pytest.raises(ParametersError, match=says):
        WorldParameters(**wrong)


def test_a_world_of_one_country_uses_no_other(tmp_path, tiny):
    summary: WorldSummary = write_world(tmp_path / "br", replace(tiny, countries=("BR",)))
    assert summary.orders > 1_500
    files = f"{tmp_path}/br/orders/*.parquet"
    assert duckdb.sql(f"SELECT DISTINCT currency FROM '{files}'").fetchall() == [("BRL",)]
