from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from lake.store import Lake, arrow_schema
from lake.tables import CONTRACT, PARTITION
from models import labels, target
from models.targets import stock_out_3d

MIDNIGHT = datetime(2025, 3, 3, tzinfo=UTC)
SPEC = target.spec("stock_out_3d")


@pytest.fixture(scope="module")
def lake(spark, tmp_path_factory):
    found = Lake(tmp_path_factory.mktemp("three") / "lake", spark)
    shares = {"soon": (1.0, 1.0, 1.0, 0.5, 1.0), "later": (1.0, 1.0, 1.0, 1.0, 0.5)}
    rows = [
        {"seller_id": "s", "sku_id": sku, "stock_day": (MIDNIGHT + timedelta(days=n - 1)).date(),
         "in_stock_share": share, "recorded_at": MIDNIGHT + timedelta(days=n - 1, hours=23)}
        for sku, days in shares.items() for n, share in enumerate(days)
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=arrow_schema(CONTRACT["stock"]))
    days = [row["stock_day"] for row in rows]
    table = table.append_column(PARTITION, pa.array(days, pa.date32()))
    found.replace_days("stock", found.frame(table), min(days), max(days))
    return found


def test_it_asks_about_three_days_where_the_source_has_no_replenishments(lake):
    rows = SPEC.subjects_at(lake, MIDNIGHT).toArrow().to_pylist()
    assert {(row["sku_id"], row["horizon_days"]) for row in rows} == {("soon", 3), ("later", 3)}
    past = SPEC.subjects_between(lake, MIDNIGHT, MIDNIGHT + timedelta(days=2)).toArrow().to_pylist()
    assert {row["horizon_days"] for row in past} == {stock_out_3d.DAYS_AHEAD}
    assert len({(row["sku_id"], row["as_of"]) for row in past}) == len(past) == 4


def test_the_third_day_counts_and_the_fourth_does_not(lake):
    asked = SPEC.subjects_at(lake, MIDNIGHT)
    known = labels.outcomes(lake, SPEC, asked, MIDNIGHT + timedelta(days=9)).toArrow().to_pylist()
    assert {row["sku_id"]: row["label"] for row in known} == {"soon": 1.0, "later": 0.0}
    early = labels.mature(lake, SPEC, asked, MIDNIGHT + timedelta(days=2)).toArrow()
    assert early.num_rows == 0, "two of the three days are over"
