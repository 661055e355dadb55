from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sources.simulator import Notices, ReactionsError, World, WorldParameters, write_world

WORLD = WorldParameters(seed=5, orders=4_000, first_day=date(2025, 6, 1), days=50, festival_days=0)
UNTOUCHED = ("orders", "order_items", "order_events", "shipments", "shipment_events", "stock", "inbound", "listings")


@pytest.fixture(scope="module")
def untold(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("untold") / "world", WORLD).out


def table(folder, name):
    return pq.read_table(folder / name if (folder / name).is_dir() else folder / f"{name}.parquet")


def keys(folder, name, key):
    return {tuple(row.values()) for row in table(folder, name).select(key).to_pylist()}


@pytest.fixture(scope="module")
def told(untold, tmp_path_factory):
    """The same world in which the buyer of every second order is told right after ordering."""
    folder = tmp_path_factory.mktemp("told")
    orders = table(untold, "orders").sort_by("order_id").to_pylist()[::2]
    notices = [
        {"kind": "late_delivery", "recipient_id": "any", "object_id": row["order_id"], "sent_at": row["created_at"]}
        for row in orders
    ]
    pq.write_table(pa.Table.from_pylist(notices), folder / "notices.parquet")
    out = write_world(folder / "world", WORLD, folder / "notices.parquet").out
    return out, {row["order_id"] for row in orders}


def test_telling_buyers_changes_only_what_buyers_do(untold, told):
    out, _ = told
    for name in UNTOUCHED:
        files = [sorted((folder / name).iterdir()) for folder in (untold, out)]
        assert [file.name for file in files[0]] == [file.name for file in files[1]]
        assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]], name


def test_who_was_told_writes_less_and_nobody_writes_more(untold, told):
    out, who = told
    before, after = (
        keys(untold, "contacts", ["contact_id", "order_id"]),
        keys(out, "contacts", ["contact_id", "order_id"]),
    )
    assert after < before
    assert {order for _, order in before - after} <= who
    of_told = [len([1 for _, order in contacts if order in who]) for contacts in (before, after)]
    assert of_told[1] / of_told[0] == pytest.approx(0.45, abs=0.15)  # the stated effect


def test_who_was_told_disputes_less_and_reviews_better(untold, told):
    out, who = told
    opened = [
        {row["order_id"] for row in table(folder, "disputes").to_pylist() if row["event"] == "opened"}
        for folder in (untold, out)
    ]
    assert opened[1] < opened[0]
    assert opened[0] - opened[1] <= who
    scores = [
        {row["order_id"]: row["score"] for row in table(folder, "reviews").to_pylist()} for folder in (untold, out)
    ]
    assert scores[0].keys() == scores[1].keys()  # as many reviews, other stars
    better = {order for order, score in scores[1].items() if score > scores[0][order]}
    assert better
    assert better <= who
    assert not [order for order, score in scores[1].items() if score < scores[0][order]]


def test_the_truth_says_beforehand_what_telling_prevents(untold, told):
    out, who = told
    truth = {row["order_id"]: row for row in table(untold, "truth/outcomes").to_pylist()}
    seen = {row["order_id"] for row in table(out, "disputes").to_pylist() if row["event"] == "opened"}
    assert {order for order in seen if order in who} <= {
        order for order, row in truth.items() if row["dispute_if_told"]
    }


def reminders(day, skus):
    sent = datetime.combine(WORLD.first_day + timedelta(days=day), datetime.min.time(), tzinfo=UTC) + timedelta(hours=9)
    return [{"kind": "stock_out", "recipient_id": "s", "object_id": sku, "sent_at": sent.isoformat()} for sku in skus]


def test_half_of_the_sellers_who_are_reminded_order_more(untold, tmp_path):
    skus = sorted({row["sku_id"] for row in table(untold, "listings").to_pylist()})
    lines = [json.dumps(row) for day in range(5, 40, 7) for row in reminders(day, skus)]
    (tmp_path / "notices.jsonl").write_text("\n".join(lines))
    out = write_world(tmp_path / "world", WORLD, tmp_path / "notices.jsonl").out
    outs = [
        duckdb.sql(
            f"SELECT sum((in_stock_share <= 0.75 OR on_hand = 0)::INT) FROM read_parquet('{folder}/stock/*.parquet')"
        ).fetchall()[0][0]
        for folder in (untold, out)
    ]
    assert outs[1] < outs[0]
    wanted = [
        table(folder, "truth/demand").select(["sku_id", "stock_day", "wanted_pieces"]) for folder in (untold, out)
    ]
    assert wanted[0].equals(wanted[1])  # demand is the same: only what is on the shelf differs
    placed = duckdb.sql(
        f"SELECT count(*) FILTER (reminded), count(*) FROM read_parquet('{out}/truth/lead_times.parquet')"
    ).fetchall()[0]
    assert 0 < placed[0] < placed[1]


def test_notices_may_be_added_while_the_world_runs(untold, told, tmp_path):
    """A closed loop: a driver adds the day's notices between days; the result is the same as with all known ahead."""
    out, who = told
    orders = table(untold, "orders").to_pylist()
    world = World(tmp_path / "world", WORLD, Notices.none())
    first = WORLD.first_day
    for day in world.days():
        known = first + timedelta(days=day)
        world.notices.add(
            {"kind": "late_delivery", "recipient_id": "any", "object_id": row["order_id"], "sent_at": row["created_at"]}
            for row in orders
            if row["recorded_at"].date() == known and row["order_id"] in who
        )
    assert keys(tmp_path / "world", "contacts", ["contact_id"]) == keys(out, "contacts", ["contact_id"])
    assert keys(tmp_path / "world", "reviews", ["order_id", "score"]) == keys(out, "reviews", ["order_id", "score"])


def test_a_file_that_is_no_list_of_notices_is_named(tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(ReactionsError, match=r"broken.parquet is neither Parquet nor JSON lines"):
        write_world(tmp_path / "world", WORLD, tmp_path / "broken.parquet")
    (tmp_path / "short.jsonl").write_text('{"kind": "late_delivery"}\n')
    with pytest.raises(ReactionsError, match="lacks recipient_id, object_id, sent_at"):
        write_world(tmp_path / "world", WORLD, tmp_path / "short.jsonl")
