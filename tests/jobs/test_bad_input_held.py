"""Bad tables and files: the day is held with a message that says what to do, and the lake stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import deliveries
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deliveries import FIRST, LAST, Tables

from jobs import ingest
from jobs.ingest import IngestReport
from lake import quarantine
from lake.store import Lake
from lake.tables import CONTRACT
from sources.csv import CsvSource

SECRET = b"0123456789abcdef0123456789abcdef"
Load = Callable[[Tables], IngestReport]


@pytest.fixture
def rows() -> Tables:
    return deliveries.tables()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "delivery"


@pytest.fixture
def load(lake: Lake, folder: Path, tmp_path: Path) -> Load:
    """Write tables and ingest them: ``load({"orders": rows["orders"]})``."""

    def write_and_ingest(tables: Tables) -> IngestReport:
        deliveries.write(folder, tables)
        return ingest.run(lake, CsvSource(folder, SECRET), FIRST, LAST, home=tmp_path / "home")

    return write_and_ingest


def in_lake(lake: Lake, table: str) -> int:
    return lake.read(table).count()


def test_a_missing_file_holds_its_table_and_what_refers_to_it(lake, load, rows):
    report = load({name: rows[name] for name in ("order_items", "shipments", "stock", "listings")})

    assert report.status == "held"
    assert "orders.csv, orders.parquet or a folder orders/" in report.held["orders"]
    assert "late_delivery cannot work without it" in report.held["orders"]
    assert "it refers to orders, which is held" in report.held["shipments"]
    assert in_lake(lake, "shipments") == 0
    assert in_lake(lake, "stock") == report.tables["stock"].rows_kept == len(rows["stock"]), "others go on"


def test_a_missing_column_is_named_with_what_it_means(lake, folder, load, rows):
    deliveries.write(folder, {"orders": rows["orders"]})
    text = (folder / "orders.csv").read_text()
    (folder / "orders.csv").write_text(text.replace("promised_at", "promissed_at"))

    report = load({})

    assert "orders.csv: column promised_at missing" in report.held["orders"]
    assert "did you mean promissed_at?" in report.held["orders"]
    assert "[columns.orders]" in report.held["orders"]
    assert in_lake(lake, "orders") == 0


def test_a_table_of_one_wrong_type(lake, load, rows):
    for row in rows["orders"]:
        row["value"] = "R$ 19,95"

    report = load({"orders": rows["orders"]})

    message = report.held["orders"]
    assert "80 of 80 rows are wrong" in message
    assert "orders.csv line 2: value 'R$ 19,95' is not a number (decimals are written 12.50)" in message
    assert "Nothing of orders was written" in message
    assert in_lake(lake, "orders") == 0
    assert quarantine.read(lake, CONTRACT["orders"]).count() == 0, "the file still holds the rows"


def test_a_table_with_a_few_bad_rows_too_many(lake, load, rows):
    for row in rows["orders"][:4]:
        row["currency"] = ""

    report = load({"orders": rows["orders"]})

    assert "currency: 4 of 80 rows are empty; 4 of 80 rows are wrong. Up to 3 bad rows" in report.held["orders"]
    assert in_lake(lake, "orders") == 0


def test_an_empty_table(lake, load, rows):
    report = load({"orders": [], "order_items": rows["order_items"]})

    assert "the table has 0 rows, and at least 1 is expected" in report.held["orders"]
    assert "refers to orders" in report.held["order_items"]
    assert in_lake(lake, "orders") == 0


def test_an_empty_table_that_may_be_quiet_is_no_fault(lake, load, rows):
    report = load({"stock": rows["stock"], "listings": []})

    assert report.status == "done"
    assert report.tables["listings"].rows_in == 0


def test_an_all_null_key(lake, load, rows):
    for row in rows["orders"]:
        row["order_id"] = ""

    report = load({"orders": rows["orders"]})

    assert "order_id: 80 of 80 rows are empty" in report.held["orders"]
    assert "orders.csv line 2: order_id is empty and must have a value" in report.held["orders"]
    assert in_lake(lake, "orders") == 0


def test_a_table_full_of_duplicated_keys(lake, load, rows):
    report = load({"orders": [row | {"order_id": "o001"} for row in rows["orders"]]})

    assert "79 of 80 rows have a key that is there already with other values" in report.held["orders"]
    assert in_lake(lake, "orders") == 0


def test_a_half_written_parquet(lake, folder, load, rows):
    folder.mkdir()
    whole = folder / "stock.parquet"
    pq.write_table(pa.Table.from_pylist(rows["stock"]), whole)
    whole.write_bytes(whole.read_bytes()[:-200])

    report = load({"listings": rows["listings"]})

    assert "stock, stock.parquet: it is not a whole Parquet file" in report.held["stock"]
    assert "half-written" in report.held["stock"]
    assert in_lake(lake, "stock") == 0
    assert in_lake(lake, "listings") == 10


def test_a_held_day_leaves_the_lake_as_it_was(lake, load, rows):
    load({"stock": rows["stock"], "listings": rows["listings"]})
    before = lake.version("stock")

    report = load({"stock": [row | {"on_hand": "lots"} for row in rows["stock"]]})

    assert "stock" in report.held
    assert lake.version("stock") == before
    assert in_lake(lake, "stock") == len(rows["stock"])


def test_times_without_zone_are_refused_with_the_remedy(lake, load, rows):
    for row in rows["orders"]:
        row["created_at"] = row["created_at"].rstrip("Z")

    report = load({"orders": rows["orders"]})

    assert "created_at '2026-03-01T08:00:00' has no time zone" in report.held["orders"]
    assert "set time_zone in source.toml" in report.held["orders"]


def test_the_source_s_time_zone_is_the_remedy(lake, folder, load, rows):
    for row in rows["orders"]:
        row["created_at"] = row["created_at"].rstrip("Z")
    folder.mkdir()
    (folder / "source.toml").write_text('time_zone = "America/Sao_Paulo"\n')

    load({"orders": rows["orders"]})

    made = lake.read("orders").where("order_id = 'o000'").select("created_at").toArrow()["created_at"][0].as_py()
    assert made == datetime(2026, 3, 1, 11, tzinfo=UTC)


def test_bom_crlf_and_semicolons_are_fine(lake, folder, load, rows):
    folder.mkdir()
    path = folder / "stock.csv"
    deliveries.write_table(path, "stock", rows["stock"], delimiter=";", encoding="utf-8-sig")
    assert path.read_bytes().startswith(b"\xef\xbb\xbfseller_id;")
    assert b"\r\n" in path.read_bytes()

    report = load({"listings": rows["listings"]})

    assert report.status == "done"
    assert in_lake(lake, "stock") == len(rows["stock"])


def test_another_encoding_names_the_line(lake, folder, load, rows):
    rows["orders"][10]["payment_type"] = "cartão"
    folder.mkdir()
    deliveries.write_table(folder / "orders.csv", "orders", rows["orders"], encoding="latin-1")

    report = load({})

    assert "orders.csv: line 12 is not UTF-8" in report.held["orders"]
    assert "Save the file as UTF-8" in report.held["orders"]
    assert in_lake(lake, "orders") == 0
