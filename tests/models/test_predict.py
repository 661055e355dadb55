import numpy as np
import pyarrow as pa
import pytest

from models import predict
from models.model import FeatureMissing


@pytest.fixture(scope="module")
def batch(later):
    columns = ["subject_id", "sku_id", "as_of", "snapshot", "horizon_days", "slack_days", "load", "noise"]
    return pa.RecordBatch.from_pandas(later[columns].head(500), preserve_index=False)


def test_one_row_out_for_each_row_in_and_in_their_order(spec, model, batch):
    found = predict.predict(spec, model, batch)
    assert found.schema == predict.SCORED
    assert found.column("subject_id").to_pylist() == batch.column("subject_id").to_pylist()
    assert 0 < min(found.column("probability").to_pylist()) < max(found.column("probability").to_pylist()) < 1


def test_columns_in_another_order_score_the_same(spec, model, batch):
    turned = batch.select(list(reversed(batch.schema.names)))
    assert predict.predict(spec, model, turned).equals(predict.predict(spec, model, batch))


def test_how_rows_are_cut_into_batches_changes_nothing(spec, model, batch):
    pieces = [batch.slice(0, 7), batch.slice(7, 300), batch.slice(307)]
    cut = pa.Table.from_batches(list(predict.scorer(spec, model)(iter(pieces))))
    assert cut.combine_chunks().to_batches()[0].equals(predict.predict(spec, model, batch))


def test_every_absent_column_is_named_and_nothing_is_scored(spec, model, batch):
    with pytest.raises(FeatureMissing) as caught:
        predict.predict(spec, model, batch.drop_columns(["load", "snapshot"]))
    assert caught.value.missing == ("load", "snapshot")
    assert "Nothing was scored" in str(caught.value)


def test_what_has_happened_is_a_fact_and_no_forecast(spec, model, batch):
    slack = np.full(batch.num_rows, 3.0)
    slack[0] = -1.0
    place = batch.schema.get_field_index("slack_days")
    past = batch.set_column(place, "slack_days", pa.array(slack))
    found = predict.predict(spec, model, past).to_pylist()
    assert found[0]["probability"] == 1.0
    assert found[0]["abstained"]
    assert found[0]["abstain_reason"] == predict.HAPPENED
    assert not found[1]["abstained"]
    assert found[1]["abstain_reason"] is None


def test_an_empty_batch_gives_an_empty_batch(spec, model, batch):
    assert predict.predict(spec, model, batch.slice(0, 0)).num_rows == 0


def test_nulls_are_allowed(spec, model, batch):
    place = batch.schema.get_field_index("load")
    holes = batch.set_column(place, "load", pa.nulls(batch.num_rows, pa.float64()))
    assert np.isfinite(predict.predict(spec, model, holes).column("probability").to_numpy()).all()
