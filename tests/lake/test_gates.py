"""The gates: what passes, what does not, and that an error of the library's own is never a pass."""

from __future__ import annotations

from datetime import date

import pytest

from lake.gates import GateError, Gates, feature_suite
from lake.rules import Surroundings, allowed_bad, judge
from lake.tables import CONTRACT

DAY = date(2026, 3, 1)
FEATURES = [("late_share", (0.0, 1.0), True), ("orders", (0.0, None), False)]


@pytest.fixture
def gates(tmp_path) -> Gates:
    return Gates(tmp_path / "data_docs")


def test_features_within_their_ranges_pass(spark, gates):
    frame = spark.createDataFrame([(0.5, 3), (None, 0)], "late_share double, orders int")

    verdict = gates.features("order_features", frame, FEATURES)

    assert verdict.passed
    assert (verdict.rows, verdict.checked) == (2, 4)
    assert "order_features" in gates.build_page().read_text()


def test_each_feature_that_is_wrong_is_named(spark, gates):
    frame = spark.createDataFrame([(1.5, 3), (0.1, None)], "late_share double, orders int")

    verdict = gates.features("order_features", frame, FEATURES)

    assert set(verdict.failures) == {
        "late_share: 1 of 2 rows are not within 0 to 1",
        "orders: 1 of 2 rows are empty",
    }


def test_an_empty_frame_does_not_pass(spark, gates):
    frame = spark.createDataFrame([], "late_share double, orders int")

    verdict = gates.features("order_features", frame, FEATURES)

    assert "the table has 0 rows, and at least 1 is expected" in verdict.failures


def test_an_all_null_feature_that_may_not_be_null_does_not_pass(spark, gates):
    frame = spark.createDataFrame([(0.1, None), (0.2, None)], "late_share double, orders int")

    assert gates.features("order_features", frame, FEATURES).failures == ("orders: 2 of 2 rows are empty",)


def test_an_empty_suite_is_refused(spark, gates):
    assert feature_suite([("anything", None, True)]) == []
    with pytest.raises(GateError, match="the gate expects nothing, so it would pass everything"):
        gates.features("nothing", spark.createDataFrame([(1,)], "anything int"), [("anything", None, True)])


def test_an_error_of_the_library_s_own_is_an_error(spark, gates):
    frame = spark.createDataFrame([("a",)], "late_share string")

    with pytest.raises(GateError, match="could not be evaluated"):
        gates.features("broken", frame, [("late_share", (0.0, 1.0), True)])


def test_a_mostly_empty_column_is_held_to_the_table_s_bound_not_to_its_own(spark, lake, gates):
    table = CONTRACT["disputes"]
    orders = spark.sql("SELECT 'o' order_id, 'b' buyer_id")
    staged = spark.range(200).selectExpr(
        "concat('d', id) dispute_id", "if(id < 3, 'closed', 'opened') event", "TIMESTAMP'2026-03-01 08:00:00' event_at",
        "'o' order_id", "CAST(NULL AS STRING) reason", "CAST(NULL AS DOUBLE) amount_claimed",
        "CAST(NULL AS STRING) evidence", "CASE WHEN id = 0 THEN 'nobody' WHEN id < 3 THEN 'buyer' END resolution",
        "TIMESTAMP'2026-03-01 09:00:00' recorded_at", "DATE'2026-03-01' day", "'disputes.csv' origin_file",
        "id + 2 origin_row", "CAST(NULL AS ARRAY<STRING>) reasons", "CAST(NULL AS STRING) raw", "id row_id",
    )  # fmt: skip
    judged = judge(table, staged, Surroundings(lake, DAY, DAY, {"orders": orders}))

    verdict = gates.table(table, judged, 200, rows_required=True)

    assert verdict.passed, verdict.failures


@pytest.mark.parametrize(("rows", "most"), [(0, 0), (9, 0), (10, 1), (30, 3), (149, 3), (200, 4), (10_000, 200)])
def test_how_many_bad_rows_may_be(rows, most):
    assert allowed_bad(CONTRACT["orders"], rows) == most
