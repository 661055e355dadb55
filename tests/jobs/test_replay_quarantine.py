"""Quarantined rows come back when what they lacked has arrived, or corrected;
nothing is added twice, nothing is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import deliveries
import pytest
from deliveries import FIRST, LAST, Tables

from jobs import ingest, replay_quarantine
from jobs.replay_quarantine import ReplayError, ReplayReport
from lake import quarantine
from lake.store import Lake
from lake.tables import CONTRACT
from sources.csv import CsvSource

SECRET = b"0123456789abcdef0123456789abcdef"
DAY = date(2026, 3, 1)


@dataclass
class Shop:
    """A lake, and the folder that its deliveries come from."""

    lake: Lake
    home: Path
    rows: Tables

    def ingest(self, *only: str, first: date = FIRST, last: date = LAST) -> ingest.IngestReport:
        folder = deliveries.write(self.home / "delivery", self.rows, only=only)
        return ingest.run(self.lake, CsvSource(folder, SECRET), first, last, home=self.home)

    def replay(self, table: str, day: date = DAY, corrected: Tables | None = None) -> ReplayReport:
        source = None
        if corrected is not None:
            source = CsvSource(deliveries.write(self.home / "corrected", corrected), SECRET)
        return replay_quarantine.run(self.lake, table, day, home=self.home, corrected=source)

    def open(self, table: str) -> list[str]:
        found = quarantine.read(self.lake, CONTRACT[table]).where("state = 'open'").orderBy("origin").collect()
        return [row["origin"] for row in found]

    def count(self, table: str) -> int:
        return self.lake.read(table).count()


@pytest.fixture
def shop(lake, tmp_path) -> Shop:
    return Shop(lake, tmp_path, deliveries.tables(60))


def test_a_row_comes_back_when_its_order_has_arrived(shop):
    late = shop.rows["orders"].pop(3)
    shop.ingest("orders", "order_items")
    assert shop.open("order_items") == ["order_items.csv line 5"]
    shop.rows["orders"] = [late | {"recorded_at": "2026-03-04T09:00:00Z"}]
    shop.ingest("orders", first=LAST, last=LAST)

    report = shop.replay("order_items")

    assert (report.rows_in, report.rows_kept, report.rows_quarantined) == (1, 1, 0)
    assert shop.open("order_items") == []
    assert shop.count("order_items") == 60


def test_what_is_still_wrong_stays_with_its_reason(shop):
    shop.rows["orders"].pop(3)
    shop.ingest("orders", "order_items")

    report = shop.replay("order_items")

    assert (report.rows_in, report.rows_kept, report.rows_quarantined) == (1, 0, 1)
    assert "order_items.csv line 5: order_id 'o003' is not in orders" in report.message
    assert shop.open("order_items") == ["order_items.csv line 5"]


def test_a_corrected_row_takes_its_original_s_place(shop):
    shop.rows["orders"][3]["value"] = "-7"
    shop.ingest("orders")
    corrected = shop.rows["orders"][3] | {"value": "7"}

    report = shop.replay("orders", corrected={"orders": [shop.rows["orders"][5], corrected]})

    assert (report.rows_in, report.rows_kept) == (1, 1)
    assert shop.lake.read("orders").where("order_id = 'o003'").collect()[0]["value"] == 7.0
    assert shop.count("orders") == 60, "the row that corrects nothing is left alone"


def test_a_correction_outlives_the_next_ingest_of_its_day(shop):
    shop.rows["orders"][3]["value"] = "-7"
    shop.ingest("orders")
    shop.replay("orders", corrected={"orders": [shop.rows["orders"][3] | {"value": "7"}]})
    before = sorted(map(str, shop.lake.read("orders").collect()))

    report = shop.ingest("orders")

    assert sorted(map(str, shop.lake.read("orders").collect())) == before
    assert report.counts["orders"] == {"rows_in": 60, "rows_kept": 60, "rows_quarantined": 0, "rows_repeated": 0}
    assert shop.open("orders") == []


def test_a_correction_goes_when_the_source_itself_was_mended(shop):
    shop.rows["orders"][3]["value"] = "-7"
    shop.ingest("orders")
    shop.replay("orders", corrected={"orders": [shop.rows["orders"][3] | {"value": "7"}]})
    shop.rows["orders"][3]["value"] = "8"

    report = shop.ingest("orders")

    assert shop.lake.read("orders").where("order_id = 'o003'").collect()[0]["value"] == 8.0
    assert report.counts["orders"] == {"rows_in": 60, "rows_kept": 60, "rows_quarantined": 0, "rows_repeated": 0}
    assert quarantine.read(shop.lake, CONTRACT["orders"]).count() == 0


def test_a_correction_that_is_wrong_too_is_refused_with_its_reason(shop):
    shop.rows["orders"][3]["value"] = "-7"
    shop.ingest("orders")

    report = shop.replay("orders", corrected={"orders": [shop.rows["orders"][3] | {"value": "-8"}]})

    assert (report.rows_kept, report.rows_quarantined) == (0, 1)
    (row,) = quarantine.read(shop.lake, CONTRACT["orders"]).collect()
    assert row["reasons"] == [
        "value is -7.0, below 0, the least allowed",
        "corrected row: value is -8.0, below 0, the least allowed",
    ]


def test_the_same_file_once_more_corrects_nothing(shop):
    shop.rows["orders"][3]["value"] = "-7"
    shop.rows["orders"][4]["value"] = "seven"
    shop.ingest("orders")
    before = quarantine.read(shop.lake, CONTRACT["orders"]).orderBy("origin").collect()

    report = shop.replay("orders", corrected={"orders": shop.rows["orders"]})

    assert (report.rows_in, report.rows_quarantined) == (2, 2)
    assert quarantine.read(shop.lake, CONTRACT["orders"]).orderBy("origin").collect() == before


def test_a_row_without_a_key_is_found_by_its_line_and_goes_to_its_own_day(shop):
    shop.rows["orders"][3] |= {"order_id": "", "recorded_at": "soon"}
    shop.ingest("orders")
    mended = [dict(row) for row in shop.rows["orders"]]
    mended[3] |= {"order_id": "o003", "recorded_at": "2026-03-03T00:00:00Z"}

    report = shop.replay("orders", corrected={"orders": mended})

    assert (report.rows_in, report.rows_kept) == (1, 1)
    assert str(shop.lake.read("orders").where("order_id = 'o003'").collect()[0]["day"]) == "2026-03-03"
    again = shop.ingest("orders")
    assert shop.count("orders") == 60
    assert again.counts["orders"]["rows_kept"] == 60
    # A day of its own: the original's day alone, then the corrected row's day alone.
    shop.ingest("orders", first=DAY, last=DAY)
    shop.ingest("orders", first=date(2026, 3, 3), last=date(2026, 3, 3))
    assert shop.count("orders") == 60


def test_a_replay_after_a_kill_adds_nothing_twice(shop):
    shop.rows["orders"][3]["value"] = "-7"
    shop.ingest("orders")
    before = quarantine.read(shop.lake, CONTRACT["orders"]).toArrow()
    corrected: Tables = {"orders": [shop.rows["orders"][3] | {"value": "7"}]}
    shop.replay("orders", corrected=corrected)
    # As if the step had been killed after it wrote the lake and before it wrote quarantine.
    shop.lake.replace_days("quarantine_orders", shop.lake.spark.createDataFrame(before), DAY, DAY)

    report = shop.replay("orders", corrected=corrected)

    assert (report.rows_kept, report.rows_repeated) == (0, 1)
    assert shop.count("orders") == 60
    assert shop.open("orders") == []


def test_a_day_without_quarantine_tells_where_there_is_some(shop):
    shop.rows["orders"][3]["value"] = "-7"
    shop.ingest("orders")

    report = shop.replay("orders", date(2026, 3, 2))

    assert "2026-03-01: 1 rows of orders are in quarantine" in report.message


def test_a_table_that_is_not_in_the_contract_is_refused(shop):
    with pytest.raises(ReplayError, match=r"There is no table order\. The contract has orders, order_items"):
        shop.replay("order")
