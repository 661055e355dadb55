"""Olist as published: which moment each fact is known at, and what never becomes a column."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.compute as pc
import pytest

from lake.tables import CONTRACT
from sources import brazil
from sources.olist import OlistSource
from sources.olist_files import FILES, TIMELINES
from sources.source import REASONS, SourceError, keyed_id

SECRET = b"0123456789abcdef0123456789abcdef"
ORDER = "2e7a8482f6fb09756ca50c10d7bfc047"


@pytest.fixture(scope="module")
def olist(real_data: Path) -> OlistSource:
    return OlistSource(real_data / "olist", SECRET)


def rows(source: OlistSource, table: str) -> list[dict[str, object]]:
    return [row for delivery in source.read(table, *source.span()) for row in delivery.rows.to_pylist()]


def of(source: OlistSource, table: str, order: str, key: str = "order_id") -> list[dict[str, object]]:
    return [row for row in rows(source, table) if row[key] == order]


def test_every_row_is_read_whole(olist):
    counts = {table: len(rows(olist, table)) for table in olist.tables}
    assert counts["orders"] == counts["shipments"] == counts["sampling"] == 13043
    assert counts["order_items"] == 6422
    assert counts["reviews"] == 6292
    for table in olist.tables:
        for delivery in olist.read(table, *olist.span()):
            assert delivery.rows[REASONS].null_count == delivery.rows.num_rows, table


def test_an_order_is_known_at_its_approval_and_its_promise_ends_with_the_local_day(olist):
    (order,) = of(olist, "orders", ORDER)
    assert order["created_at"] == datetime(2016, 9, 5, 0, 15, 19, tzinfo=UTC), "21:15:19 in São Paulo, UTC-3"
    assert order["recorded_at"] == datetime(2016, 10, 7, 16, 18, 3, tzinfo=UTC)
    # Clocks had gone forward by then: UTC-2.
    assert order["promised_at"] == datetime(2016, 10, 21, 1, 59, 59, tzinfo=UTC)
    assert order["value"] == pytest.approx(72.89)
    assert order["destination_region"] == "BR-RR"


def test_final_status_never_becomes_a_column_and_a_cancellation_is_known_at_the_export(olist):
    assert not [column for table in CONTRACT.values() for column in table.column_names if "status" in column]
    events = rows(olist, "order_events")
    export = max(row["recorded_at"] for row in events)
    cancelled = [row for row in events if row["event"] == "cancelled"]
    assert len(cancelled) == 439 + 564
    assert {row["recorded_at"] for row in cancelled} == {export}
    assert {row["by"] for row in cancelled} == {None, "seller"}


def test_nothing_is_known_before_it_happened(olist):
    for table in ("order_events", "shipment_events", "reviews"):
        for row in rows(olist, table):
            assert row["recorded_at"] >= row["event_at"]


def test_an_order_without_items_has_no_value_rather_than_zero(olist):
    values = [row["value"] for row in rows(olist, "orders")]
    assert sum(value is None for value in values) == 650 + 6751
    assert min(value for value in values if value is not None) > 0


def test_delivered_orders_stand_for_many_and_orders_without_items_are_history_alone(olist):
    weights = {row["order_id"]: row["weight"] for row in rows(olist, "sampling")}
    book = olist._tables.book
    with_items = {row["order_id"] for row in rows(olist, "order_items")}
    bare = book[~book["order_id"].isin(with_items)]
    assert set(bare["order_status"]) == {"delivered", "canceled", "unavailable", "created", "invoiced", "shipped"}
    assert (bare["order_status"] == "delivered").equals(bare["extra"]), "without items nothing published was delivered"
    assert set(bare["order_id"].map(weights)) == {0.0}
    whole = book[book["order_id"].isin(with_items)]
    assert not whole["extra"].any()
    assert set(whole[whole["order_status"] == "delivered"]["order_id"].map(weights)) == {18.65}
    assert set(whole[whole["order_status"] != "delivered"]["order_id"].map(weights)) == {1.0}


def test_a_weight_is_known_when_the_outcome_is_and_history_alone_from_the_start(olist):
    delivered = {
        row["shipment_id"]: row["event_at"] for row in rows(olist, "shipment_events") if row["event"] == "delivered"
    }
    known = {row["order_id"]: row["recorded_at"] for row in rows(olist, "orders")}
    for row in rows(olist, "sampling"):
        if row["weight"] == 0.0:
            assert row["recorded_at"] == known[row["order_id"]]
        elif row["weight"] != 1.0:
            assert row["recorded_at"] >= delivered.get(row["order_id"], row["recorded_at"])


def test_one_review_an_order_the_last_one(olist):
    reviews = rows(olist, "reviews")
    assert len({row["order_id"] for row in reviews}) == len(reviews)
    assert not [row["text"] for row in reviews if row["text"] and "@" in row["text"]]


def test_distances_are_those_of_brazil(olist):
    distances = [row["distance_km"] for row in rows(olist, "shipments") if row["distance_km"] is not None]
    assert len(distances) > 5500
    assert 0 <= min(distances) < max(distances) < 4500
    (parcel,) = of(olist, "shipments", ORDER, "shipment_id")
    assert (parcel["origin_region"], parcel["destination_region"]) == ("BR-MG", "BR-RR")
    assert parcel["distance_km"] == pytest.approx(3198, abs=5)


def test_people_have_no_real_address(olist):
    people = list(olist.people())
    assert len({person.person_id for person in people}) == len(people)
    assert all(person.email.endswith(f"@{person.role}s.example") for person in people)
    buyer = next(person for person in people if person.region == "BR-AM")
    assert (buyer.time_zone, buyer.locale, buyer.name) == ("America/Manaus", "pt-BR", "")
    ids = {person.person_id for person in people if person.role == "buyer"}
    assert {row["buyer_id"] for row in rows(olist, "orders")} <= ids
    assert keyed_id(SECRET, "57b2a98a409812fe9618067b6b8ebe4f") in ids


def test_an_article_is_listed_from_its_first_sale(olist):
    sold: dict[tuple[object, object], object] = {}
    for row in sorted(rows(olist, "order_items"), key=lambda row: str(row["recorded_at"])):
        sold.setdefault((row["seller_id"], row["sku_id"]), row["recorded_at"])
    listed = {(row["seller_id"], row["sku_id"]): row["recorded_at"] for row in rows(olist, "listings")}
    assert listed == sold


def test_a_range_of_days_is_what_became_known_then(olist):
    first, last = date(2018, 1, 10), date(2018, 1, 12)
    (delivery,) = olist.read("orders", first, last)
    assert set(pc.unique(delivery.rows["day"]).to_pylist()) <= {date(2018, 1, day) for day in (10, 11, 12)}
    assert 0 < delivery.rows.num_rows < 200


def test_a_daily_run_stands_where_the_last_order_became_known(olist):
    assert olist.newest_day() == date(2018, 5, 3)
    assert olist.span() == (date(2016, 9, 4), date(2018, 10, 22))


def test_missing_files_are_all_named(real_data, tmp_path):
    shutil.copy(real_data / "olist" / FILES["orders"][0], tmp_path)
    with pytest.raises(
        SourceError, match=r"olist_order_items_dataset\.csv, .*product_category_name_translation\.csv missing"
    ):
        OlistSource(tmp_path, SECRET)


def test_without_timelines_every_delivered_order_weighs_the_same(real_data, tmp_path):
    for file, _ in FILES.values():
        shutil.copy(real_data / "olist" / file, tmp_path)
    source = OlistSource(tmp_path, SECRET)
    assert {row["weight"] for row in rows(source, "sampling")} == {0.0, 1.0, 18.65}
    assert TIMELINES in source.notes()[0]


def test_the_calendar_is_known_a_year_ahead_and_never_before_the_data(olist):
    days = {(row["region"], row["calendar_day"]): row for row in rows(olist, "calendar")}
    friday = days["BR", date(2017, 11, 24)]
    assert (friday["name"], friday["kind"]) == ("Black Friday", "sales_event")
    assert friday["recorded_at"] == datetime(2016, 11, 24, tzinfo=UTC)
    assert days["BR-SP", date(2017, 7, 9)]["kind"] == "holiday"
    assert min(row["recorded_at"] for row in days.values()) == datetime(2016, 9, 4, tzinfo=UTC)


def test_black_friday_follows_the_fourth_thursday():
    assert [brazil.black_friday(year) for year in (2016, 2017, 2018)] == [
        date(2016, 11, 25),
        date(2017, 11, 24),
        date(2018, 11, 23),
    ]
