from datetime import UTC, datetime

import pandas as pd
import pytest

from models import origins
from models.windows import TooLittleHistory
from tests.models.conftest import make_book, mature

BEFORE = datetime(2025, 5, 15, tzinfo=UTC)
UNTIL = datetime(2025, 6, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def walked(spec, book):
    asked = book[(book["as_of"] >= pd.Timestamp(BEFORE)) & (book["as_of"] < pd.Timestamp(UNTIL))]
    return origins.walk(spec, asked, lambda moment: mature(book, moment), BEFORE, UNTIL)


def test_origins_are_the_first_day_and_then_every_month():
    assert [start.date().isoformat() for start in origins.starts(BEFORE, datetime(2025, 8, 1, tzinfo=UTC))] == [
        "2025-05-15", "2025-06-01", "2025-07-01",
    ]  # fmt: skip
    fortnight = origins.starts(datetime(2025, 5, 25, tzinfo=UTC), datetime(2025, 7, 2, tzinfo=UTC))
    assert [start.month for start in fortnight] == [5, 7]
    assert len(origins.starts(datetime(2024, 12, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC))) == 2


def test_every_row_is_predicted_once_beside_its_peers(walked, book):
    rows, found = walked
    assert len(found) == 2
    assert found[0].learned_from < found[1].learned_from
    assert not rows["subject_id"].duplicated().any()
    assert rows[["probability", "logistic", "rule"]].notna().all().all()
    assert rows["probability"].between(0, 1).all()


def test_what_comes_after_an_origin_changes_no_forecast_made_from_it(spec, book, walked):
    """Every outcome that was not mature by the last origin is turned round, and later rows are dropped."""
    rows, _ = walked
    last = pd.Timestamp("2025-06-01", tz="UTC")
    turned = book.assign(label=book["label"].where(book["matured_at"] <= last, 1 - book["label"]))
    turned = turned[turned["as_of"] < pd.Timestamp(UNTIL)]
    asked = turned[turned["as_of"] >= pd.Timestamp(BEFORE)]
    again, _ = origins.walk(spec, asked, lambda moment: mature(turned, moment), BEFORE, UNTIL)
    pd.testing.assert_series_equal(
        again.set_index("subject_id")["probability"], rows.set_index("subject_id")["probability"]
    )


def test_what_comes_before_does_change_it(spec, book, walked):
    """The sabotage twin: a test that nothing could fail would prove nothing."""
    rows, _ = walked
    first = pd.Timestamp(BEFORE)
    turned = book.assign(label=(1 - book["label"]).where(book["matured_at"] <= first, book["label"]))
    asked = turned[(turned["as_of"] >= first) & (turned["as_of"] < pd.Timestamp(UNTIL))]
    again, _ = origins.walk(spec, asked, lambda moment: mature(turned, moment), BEFORE, UNTIL)
    assert (again["probability"].to_numpy() != rows["probability"].to_numpy()).mean() > 0.9


def test_an_origin_with_nothing_to_learn_from_says_so(spec):
    few = make_book(30)
    with pytest.raises(TooLittleHistory):
        origins.walk(spec, few, lambda moment: mature(few, moment), BEFORE, UNTIL)
