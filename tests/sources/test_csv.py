"""A folder of anybody's files: what may be there, and what is told where it may not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.tables import CONTRACT
from sources.csv import CsvSource
from sources.opened import open_source
from sources.source import ORIGIN_ROW, REASONS, SourceError, keyed_id, missing_tables

SECRET = b"0123456789abcdef0123456789abcdef"
HEADER = "seller_id,sku_id,stock_day,on_hand,in_stock_share,units_sold,recorded_at\n"
DAYS = (date(2026, 1, 1), date(2026, 12, 31))


def stock(seller: str, day: str = "2026-03-01", on_hand: str = "5") -> str:
    return f"{seller},k1,{day},{on_hand},,,{day}T23:00:00Z\n"


def rows(folder: Path, table: str = "stock") -> list[dict[str, object]]:
    source = CsvSource(folder, SECRET)
    return [row for delivery in source.read(table, *DAYS) for row in delivery.rows.to_pylist()]


def test_files_of_a_folder_are_read_in_order_and_days_in_names_prune(tmp_path):
    (tmp_path / "stock").mkdir()
    (tmp_path / "stock" / "day=2026-03-01.csv").write_text(HEADER + stock("s1"))
    (tmp_path / "stock" / "day=2026-03-02.csv").write_text("not even a header")
    source = CsvSource(tmp_path, SECRET)

    (delivery,) = source.read("stock", date(2026, 3, 1), date(2026, 3, 1))

    assert delivery.rows["seller_id"].to_pylist() == ["s1"]
    assert source.span() == (date(2026, 3, 1), date(2026, 3, 2))
    assert source.newest_day() == date(2026, 3, 2)


def test_a_row_of_another_day_than_its_file_is_told(tmp_path):
    (tmp_path / "stock").mkdir()
    (tmp_path / "stock" / "day=2026-03-01.csv").write_text(HEADER + stock("s1", "2026-03-02"))

    (row,) = rows(tmp_path)

    assert row[REASONS] == ["recorded_at is on 2026-03-02, and the file is for 2026-03-01"]
    assert row["day"] == date(2026, 3, 1)


def test_lines_are_counted_as_an_editor_does(tmp_path):
    broken = "s2,only two\n"
    quoted = 's3,"k\n1",2026-03-01,5,,,2026-03-01T23:00:00Z\n'
    (tmp_path / "stock.csv").write_text(
        HEADER + stock("s1") + broken + "\n" + quoted + stock("s4", on_hand="x") + "s5\n"
    )

    found = {row[ORIGIN_ROW]: row for row in rows(tmp_path)}

    assert list(found) == [2, 3, 5, 7, 8]
    assert found[3][REASONS] == ["the line has 2 values, and the header names 7 columns"]
    assert found[7][REASONS] == ["on_hand 'x' is not a number (decimals are written 12.50)"]
    assert found[8]["seller_id"] is None


def test_parquet_rows_are_read_whatever_their_types(tmp_path):
    table = pa.table(
        {
            "seller_id": pa.array([7, 8]),
            "sku_id": pa.array(["k1", "k2"]).dictionary_encode(),
            "stock_day": pa.array([date(2026, 3, 1)] * 2),
            "on_hand": pa.array([5, None], pa.int16()),
            "in_stock_share": pa.array([0.5, float("nan")]),
            "units_sold": pa.nulls(2),
            "recorded_at": pa.array([1772319600000000000] * 2, pa.timestamp("ns", "Asia/Shanghai")),
        }
    )
    pq.write_table(table, tmp_path / "stock.parquet")

    first, second = rows(tmp_path)

    assert (first["seller_id"], first["on_hand"], first[REASONS]) == ("7", 5.0, None)
    assert second["in_stock_share"] is None


def test_a_table_may_not_be_there_twice(tmp_path):
    (tmp_path / "stock.csv").write_text(HEADER)
    (tmp_path / "stock").mkdir()
    (tmp_path / "stock" / "more.csv").write_text(HEADER)

    with pytest.raises(SourceError, match=r"stock\.csv, stock/: the table is there twice"):
        rows(tmp_path)


def test_own_names_of_columns(tmp_path):
    (tmp_path / "stock.csv").write_text(HEADER.replace("seller_id", "Shop") + stock("s1"))
    (tmp_path / "source.toml").write_text('[columns.stock]\nseller_id = "Shop"\n')

    assert rows(tmp_path)[0]["seller_id"] == "s1"
    assert CsvSource(tmp_path, SECRET).notes() == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('time_zone = "Brazil time"', "time_zone is 'Brazil time'"),
        ("timezone = 1", "it sets timezone"),
        ("[columns.order]\n", "names no table"),
        ('[columns.stock]\nseller = "x"', "sets seller, which the contract does not have"),
        ("time_zone = ", "it is not TOML"),
    ],
)
def test_a_wrong_source_toml_is_refused(tmp_path, text, says):
    (tmp_path / "source.toml").write_text(text)
    with pytest.raises(SourceError, match=says):
        CsvSource(tmp_path, SECRET)


def test_a_header_alone_is_an_empty_table_and_no_header_is_an_error(tmp_path):
    (tmp_path / "stock.csv").write_text(HEADER)
    assert rows(tmp_path) == []
    (tmp_path / "stock.csv").write_text("")
    with pytest.raises(SourceError, match="it is empty, without a header line"):
        rows(tmp_path)


def test_utf16_is_named(tmp_path):
    (tmp_path / "stock.csv").write_text(HEADER, encoding="utf-16")
    with pytest.raises(SourceError, match="UTF-16, with a byte-order mark"):
        rows(tmp_path)


def test_a_quote_that_is_never_closed(tmp_path):
    (tmp_path / "stock.csv").write_text(HEADER + '"s1,k1\n' + stock("s2") * 3)
    found = rows(tmp_path)
    assert all(row[REASONS] for row in found), "what cannot be split is told, not guessed"


def test_people_are_hashed_like_the_orders_they_made(tmp_path):
    names = CONTRACT["orders"].column_names
    values = {"order_id": "o1", "buyer_id": "Ana 7", "created_at": "2026-03-01T08:00:00Z", "currency": "BRL"}
    values["recorded_at"] = "2026-03-01T09:00:00Z"
    (tmp_path / "orders.csv").write_text(
        ",".join(names) + "\n" + ",".join(values.get(name, "") for name in names) + "\n"
    )
    (tmp_path / "people.csv").write_text(
        "person_id,role,name,email,locale,time_zone,region,consent\n"
        "Ana 7,buyer,Ana,ana@buyers.example,pt-BR,America/Bahia,BR-BA,true\n"
        "s1,seller,,shop@sellers.example,en,,,\n"
    )

    (order,) = rows(tmp_path, "orders")
    buyer, seller = CsvSource(tmp_path, SECRET).people()

    assert order["buyer_id"] == buyer.person_id == keyed_id(SECRET, "Ana 7")
    assert len(buyer.person_id) == 32
    assert (buyer.name, buyer.time_zone, buyer.consent) == ("Ana", "America/Bahia", True)
    assert (seller.person_id, seller.time_zone, seller.consent) == ("s1", None, False), "an empty consent is no consent"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("x,buyer,,no address,en,,,true", "email: it is not an address"),
        ("x,admin,,a@b.example,en,,,true", "role: it is 'admin', allowed: buyer, seller"),
        ("x,buyer,,a@b.example,fr,,,true", "locale: it is 'fr', allowed: en, pt-BR"),
        ("x,buyer,,a@b.example,en,Mars,,true", "time_zone: 'Mars' is no IANA name"),
        ("x,buyer,,a@b.example,en,,,perhaps", "consent: it is 'perhaps', allowed: true, false"),
        (",buyer,,a@b.example,en,,,true", "person_id: it is empty"),
    ],
)
def test_a_wrong_person_is_told_without_the_address(tmp_path, row, says):
    (tmp_path / "people.csv").write_text(f"person_id,role,name,email,locale,time_zone,region,consent\n{row}\n")
    with pytest.raises(SourceError) as raised:
        list(CsvSource(tmp_path, SECRET).people())
    assert says in str(raised.value)
    assert "people.csv line 2" in str(raised.value)
    assert "no address" not in str(raised.value)


def test_opening_names_what_there_is(tmp_path):
    assert open_source("simulator", tmp_path, SECRET).tables == ()
    with pytest.raises(SourceError, match="Choose one of simulator, olist, freshretailnet, csv"):
        open_source("oracle", tmp_path, SECRET)
    with pytest.raises(SourceError, match="there is no such folder"):
        open_source("csv", tmp_path / "nowhere", SECRET)


def test_what_a_target_needs_is_missing_only_where_the_target_is_wanted():
    assert missing_tables(("stock", "listings"), ()) == {}
    assert list(missing_tables(("orders", "order_items", "order_events", "shipments"), ())) == ["shipment_events"]
    assert list(missing_tables(("promotions",), ())) == ["stock", "listings"]
    assert list(missing_tables(("listings",), ("stock", "listings"))) == ["stock"], "it came before"
