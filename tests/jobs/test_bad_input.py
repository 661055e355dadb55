"""Bad rows: each goes to quarantine with a reason that a newcomer understands, and nothing is lost.

One delivery holds one row of every kind, so that the gates run once for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import deliveries
import pytest
from deliveries import FIRST, LAST, Row, Tables
from pyspark.sql import SparkSession

from jobs import ingest
from jobs.ingest import IngestReport
from lake import quarantine
from lake.store import Lake
from lake.tables import CONTRACT
from sources.csv import CsvSource

ORDERS = 600
SECRET = b"0123456789abcdef0123456789abcdef"


@dataclass
class Loaded:
    lake: Lake
    source: CsvSource
    home: Path
    report: IngestReport
    delivered: Tables

    def reasons(self, table: str, line: int) -> list[str]:
        """Why one line of a file is in quarantine; an empty list where it is not."""
        found = quarantine.read(self.lake, CONTRACT[table]).where(f"origin = '{table}.csv line {line}'").collect()
        return list(found[0]["reasons"]) if found else []


@pytest.fixture(scope="module")
def loaded(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    home = tmp_path_factory.mktemp("bad_rows")
    rows = with_faults(deliveries.tables(ORDERS))
    deliveries.write(home / "delivery", rows)
    lake, source = Lake(home / "lake", spark), CsvSource(home / "delivery", SECRET)
    return Loaded(lake, source, home, ingest.run(lake, source, FIRST, LAST, home=home), rows)


def with_faults(rows: Tables) -> Tables:
    """A row's line in its file is its index + 2."""
    orders, items, scans = rows["orders"], rows["order_items"], rows["shipment_events"]
    orders[7]["value"] = "12,50"
    orders[8]["promised_at"] = "2026-02-01T00:00:00Z"
    orders[9]["created_at"] = as_local(orders[9]["created_at"])
    orders[20]["recorded_at"] = "yesterday"
    orders[21]["payment_type"] = 'by card,\nin two parts "as ever"'  # the following lines of the file move down by one
    orders.append(dict(orders[0]))
    orders.append(orders[1] | {"value": "1.00"})
    items[4]["quantity"] = "two"
    items[5]["quantity"] = "-1"
    items[6]["line_no"] = ""
    delivered = next(row for row in scans if row["event"] == "delivered")
    delivered["event_at"] = "2026-03-01T09:00:00Z"
    scans[2]["event"] = "Delivered!"
    rows["stock"][2]["on_hand"] = "-4"
    return rows


def as_local(utc: str) -> str:
    """The same moment on a clock in São Paulo."""
    hour = int(utc[11:13])
    return f"{utc[:11]}{hour - 3:02}{utc[13:].rstrip('Z')}-03:00"


def test_nothing_is_lost(loaded):
    assert loaded.report.status == "done"
    for name, table in loaded.report.tables.items():
        assert table.rows_in == len(loaded.delivered[name]), name
        assert table.rows_in == table.rows_kept + table.rows_quarantined + table.rows_repeated, name
        assert loaded.lake.read(name).count() == table.rows_kept, name
        assert quarantine.read(loaded.lake, CONTRACT[name]).count() == table.rows_quarantined, name


def test_a_wrong_type_is_told_with_line_and_value(loaded):
    assert loaded.reasons("order_items", 6) == ["quantity 'two' is not a whole number"]
    assert loaded.reasons("orders", 9) == ["value '12,50' is not a number (decimals are written 12.50)"]


def test_the_raw_row_is_kept_and_names_no_person(loaded):
    row = quarantine.read(loaded.lake, CONTRACT["orders"]).where("origin = 'orders.csv line 9'").collect()[0]

    assert '"value": "12,50"' in row["raw"]
    assert '"order_id": "o007"' in row["raw"]
    assert "buyer 7" not in row["raw"]


def test_negative_quantities(loaded):
    assert loaded.reasons("order_items", 7) == ["quantity is -1, below 1, the least allowed"]
    assert loaded.reasons("stock", 4) == ["on_hand is -4.0, below 0, the least allowed"]


def test_a_null_in_a_key(loaded):
    assert loaded.reasons("order_items", 8) == ["line_no is empty and must have a value"]


def test_a_promise_before_the_order(loaded):
    assert loaded.reasons("orders", 10) == ["promised_at is before created_at: promised before it was ordered"]


def test_a_delivery_before_hand_over(loaded):
    says = "delivered at 2026-03-01 09:00:00Z, before it was handed over at 2026-03-02 08:00:00Z"
    assert [says] in [row["reasons"] for row in quarantine.read(loaded.lake, CONTRACT["shipment_events"]).collect()]


def test_an_unknown_enum_value_is_told_with_what_is_allowed(loaded):
    (reason,) = loaded.reasons("shipment_events", 4)
    assert reason.startswith("event 'Delivered!' is not one of: handed_over, hub_in, hub_out")


def test_another_time_zone_is_converted_exactly(loaded):
    row = loaded.lake.read("orders").where("order_id = 'o009'").select("created_at").toArrow()
    assert row["created_at"][0].as_py() == datetime(2026, 3, 1, 8, 54, tzinfo=UTC)


def test_the_same_row_again_is_dropped_and_counted(loaded):
    assert loaded.report.tables["orders"].rows_repeated == 1
    assert "1 rows were there already and were dropped" in loaded.report.message


def test_a_contradicting_key_is_quarantined_and_the_row_known_first_stays(loaded):
    last = len(loaded.delivered["orders"]) + 1 + 1  # the value with a line break takes two lines
    assert loaded.reasons("orders", last) == ["this order_id is there already with other values, in orders.csv line 3"]
    assert loaded.lake.read("orders").where("order_id = 'o001'").collect()[0]["value"] == 39.9


def test_a_row_whose_recorded_at_is_unreadable_goes_to_the_day_of_the_row_before(loaded):
    assert loaded.reasons("orders", 22) == ["recorded_at 'yesterday' is not a time like 2026-03-01T14:05:00Z"]
    row = quarantine.read(loaded.lake, CONTRACT["orders"]).where("origin = 'orders.csv line 22'").collect()[0]
    assert str(row["day"]) == loaded.delivered["orders"][19]["recorded_at"][:10]


def test_rows_that_name_a_quarantined_parent_follow_it(loaded):
    assert loaded.reasons("shipments", 9) == ["order_id 'o007' is not in orders"]
    scans = quarantine.read(loaded.lake, CONTRACT["shipment_events"]).collect()
    assert ["shipment_id 'p007' is not in shipments"] in [row["reasons"] for row in scans]


def test_the_gates_page_is_there(loaded):
    assert loaded.report.docs is not None
    page = loaded.report.docs.read_text()
    assert "shipment_events" in page


def test_twice_is_once(loaded):
    before = contents(loaded.lake)

    again = ingest.run(loaded.lake, loaded.source, FIRST, LAST, home=loaded.home)

    assert contents(loaded.lake) == before
    assert again.counts == loaded.report.counts


def test_a_key_that_the_lake_has_on_another_day(loaded):
    late: list[Row] = [row | {"recorded_at": "2026-03-05T10:00:00Z"} for row in loaded.delivered["orders"][30:60]]
    late[0]["value"] = "1.00"
    late[1]["order_id"] = "o900"
    deliveries.write(loaded.home / "next", {"orders": late})
    day = datetime(2026, 3, 5, tzinfo=UTC).date()

    report = ingest.run(loaded.lake, CsvSource(loaded.home / "next", SECRET), day, day, home=loaded.home)

    assert report.counts["orders"] == {"rows_in": 30, "rows_kept": 1, "rows_quarantined": 1, "rows_repeated": 28}
    assert loaded.reasons("orders", 2) == [
        "this order_id is there already with other values, in the lake since 2026-03-01"
    ]


def contents(lake: Lake) -> dict[str, list[str]]:
    return {name: sorted(map(str, lake.read(name).collect())) for name in lake.names()}
