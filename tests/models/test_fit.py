import dataclasses
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from models import fit, windows
from models.fit import Params
from models.judge import average_precision
from models.model import FeatureMissing, tree_log_odds
from models.predict import probability
from models.windows import ImmatureLabels, TooLittleHistory
from tests.models.conftest import TRAIN_BEFORE, make_book, mature, toy_spec


def score(spec, model, rows):
    found = average_precision(probability(spec, model, rows), rows["label"].to_numpy(), rows["weight"].to_numpy())
    rule = average_precision(spec.rule(rows).to_numpy(), rows["label"].to_numpy(), rows["weight"].to_numpy())
    return found, rule


def test_it_beats_the_rule_on_orders_it_has_not_seen(spec, model, later):
    found, rule = score(spec, model, later)
    assert found > 1.15 * rule


def test_its_chances_come_true_as_often_as_they_say(spec, model, later):
    said = probability(spec, model, later)
    assert abs(said.mean() - later["label"].mean()) < 0.03
    assert np.corrcoef(said, later["chance"])[0, 1] > 0.9


def test_shuffled_labels_teach_nothing(spec, book, later):
    rows = mature(book, TRAIN_BEFORE)
    shuffled = rows.assign(label=np.random.default_rng(4).permutation(rows["label"].to_numpy()))
    blind = fit.fit(spec, shuffled, TRAIN_BEFORE)
    found, rule = score(spec, blind, later)
    assert found < rule


def test_a_label_that_could_not_be_known_is_refused(spec, book):
    with pytest.raises(ImmatureLabels, match=r"\d+ of \d+ labels mature after 2025-06-01"):
        fit.fit(spec, book[book["as_of"] < pd.Timestamp("2025-06-01", tz="UTC")], TRAIN_BEFORE - timedelta(days=30))


def test_an_early_positive_is_as_immature_as_any_other(spec, book):
    rows = mature(book, TRAIN_BEFORE)
    early = rows.iloc[[-1]].assign(label=1.0, matured_at=pd.Timestamp(TRAIN_BEFORE) + pd.Timedelta(days=1))
    with pytest.raises(ImmatureLabels, match="1 of"):
        fit.fit(spec, pd.concat([rows, early]), TRAIN_BEFORE)


def test_every_absent_feature_is_named(spec, book):
    with pytest.raises(FeatureMissing) as caught:
        fit.fit(spec, mature(book, TRAIN_BEFORE).drop(columns=["load", "noise"]), TRAIN_BEFORE)
    assert caught.value.missing == ("load", "noise")


def test_too_few_outcomes_are_counted_and_nothing_is_fitted(spec, book):
    few = mature(book, TRAIN_BEFORE).groupby("label").head(25)
    with pytest.raises(TooLittleHistory, match="each needs 20"):
        fit.fit(spec, few, TRAIN_BEFORE)


def test_windows_follow_each_other_and_no_label_crosses_into_the_next(spec, book):
    rows = windows.trainable(spec, mature(book, TRAIN_BEFORE), TRAIN_BEFORE)
    spans = windows.split(rows, TRAIN_BEFORE)
    parts = windows.assign(rows, spans)
    assert spans.select_from < spans.calibrate_from < spans.train_before
    assert rows.loc[parts.fit, "matured_at"].max() <= pd.Timestamp(spans.select_from)
    assert rows.loc[parts.select, "matured_at"].max() <= pd.Timestamp(spans.calibrate_from)
    assert rows.loc[parts.select, "as_of"].min() >= pd.Timestamp(spans.select_from)
    assert not (parts.fit & parts.select).any()
    assert not (parts.select & parts.calibrate).any()


def test_less_slack_never_lowers_the_chance(spec, model, later):
    tight = later.assign(slack_days=later["slack_days"] - 0.4).query("slack_days > 0")
    loose = later.loc[tight.index]
    assert (probability(spec, model, tight) >= probability(spec, model, loose) - 1e-9).all()


def test_where_the_rule_knows_all_the_rule_speaks():
    blind = toy_spec(features=("noise",), monotone={})
    rows = make_book(4000, seed=8)
    rule_only = rows.assign(label=(rows["slack_days"] < 4).astype(float))
    model = fit.fit(blind, mature(rule_only, TRAIN_BEFORE), TRAIN_BEFORE)
    unseen = make_book(3000, seed=98)
    unseen = unseen.assign(label=(unseen["slack_days"] < 4).astype(float))
    found, rule = score(blind, model, unseen)
    assert max(model.share.values()) < 1
    assert found >= 0.99 * rule


def test_same_rows_and_seed_give_the_same_model_in_any_order(spec, book):
    quick = Params(most_rounds=20, patience=5)
    rows = mature(book, TRAIN_BEFORE)
    one = fit.fit(spec, rows, TRAIN_BEFORE, params=quick)
    two = fit.fit(spec, rows.sample(frac=1, random_state=2), TRAIN_BEFORE, params=quick)
    assert one.booster.save_raw() == two.booster.save_raw()
    assert one.calibration == two.calibration


def test_leaves_are_smaller_where_positives_are_few(spec, book):
    rows = mature(book, TRAIN_BEFORE)
    happened = rows["label"] == 1
    few = pd.concat([rows[~happened], rows[happened].sample(150, random_state=3)]).sort_index()
    assert fit.growth(spec, rows).child_weight > 2 * fit.growth(spec, few).child_weight >= 2 * fit.LEAST_CHILD_WEIGHT
    chosen = dataclasses.replace(spec, growth={"child_weight": 10.0})
    assert fit.growth(chosen, few).child_weight == 10.0


def test_a_target_may_ask_for_more_rounds_than_early_stopping_finds(spec, book):
    quick = fit.Params(most_rounds=60, patience=2, parallel_trees=1)
    found = fit.fit(spec, mature(book, TRAIN_BEFORE), TRAIN_BEFORE, params=quick)
    asked = fit.fit(spec, mature(book, TRAIN_BEFORE), TRAIN_BEFORE, params=dataclasses.replace(quick, least_rounds=55))
    assert found.about["rounds"] < 55 <= asked.about["rounds"] == asked.booster.num_boosted_rounds()


def test_what_has_already_happened_is_not_learned_from(spec, book):
    rows = mature(book, TRAIN_BEFORE)
    past = rows.head(5).assign(slack_days=-1.0, label=1.0)
    kept = windows.trainable(spec, pd.concat([rows, past]), TRAIN_BEFORE)
    assert len(kept) == len(rows)


def test_what_is_never_said_is_not_learned_from(spec, book):
    rows = mature(book, TRAIN_BEFORE)
    silent = rows["slack_days"] > rows["slack_days"].median()
    quiet = dataclasses.replace(spec, abstain=lambda frame: pd.Series(None, frame.index, object).mask(
        frame["slack_days"] > rows["slack_days"].median(), "too early to say"))  # fmt: skip
    assert len(windows.trainable(spec, rows, TRAIN_BEFORE)) == len(rows)
    assert len(windows.trainable(quiet, rows, TRAIN_BEFORE)) == (~silent).sum() < len(rows)


def test_how_far_it_went_teaches_more_than_whether(later):
    book = make_book(700, seed=5)
    severity = np.log(book["chance"] / (1 - book["chance"])) + np.random.default_rng(6).normal(0, 1, len(book))
    happened = severity > severity.quantile(0.9)
    few = book.assign(label=happened.astype(float), grade=severity.rank(pct=True))
    rows, quick = mature(few, TRAIN_BEFORE), Params(child_weight=2.0, most_rounds=60, patience=60)
    found = {graded: _closeness(toy_spec(graded=graded), rows, quick, later) for graded in (False, True)}
    assert found[True] > found[False] + 0.05


def test_what_comes_sooner_and_more_often_than_the_event_teaches_more_than_the_event_alone(later):
    book = make_book(700, seed=5)
    severity = np.log(book["chance"] / (1 - book["chance"])) + np.random.default_rng(6).normal(0, 1, len(book))
    level = np.ceil(severity.rank(pct=True) * 5)
    claimed = np.random.default_rng(8).uniform(size=len(book)) < np.where(level == 5, 0.3, 0.02)
    few = book.assign(label=claimed.astype(float), surrogate=level)
    rows, quick = mature(few, TRAIN_BEFORE), Params(child_weight=2.0, most_rounds=60, patience=60)
    found = {told: _closeness(toy_spec(has_surrogate=told), rows, quick, later) for told in (False, True)}
    assert found[True] > found[False] + 0.05


def _closeness(spec, rows, params, later):
    """How closely trees of 40 rounds follow the true chances."""
    trees = fit.grow(spec, rows, params, 7, rounds=40)
    said = tree_log_odds(trees, fit.matrix(later, spec.features), spec.features)
    return np.corrcoef(said, later["chance"])[0, 1]


def test_the_shares_by_level_keep_the_chance_of_all_and_few_rows_say_little(book):
    rows = mature(book, TRAIN_BEFORE).head(1000).assign(weight=1.0)
    rows["label"] = (np.arange(1000) % 10 == 0).astype(float)
    rows["surrogate"] = np.where(np.arange(1000) < 500, 0.0, 1.0)
    rows.loc[rows.index[0], "surrogate"] = 2.0  # alone, and it happened
    rows.loc[rows.index[1], "surrogate"] = np.nan
    shares = fit.shares_by_level(rows)
    assert shares[0] == pytest.approx((1 + fit.LEVEL_PRIOR * 0.1) / (1 + fit.LEVEL_PRIOR))
    assert np.isnan(shares[1])
    lesson = fit.lesson(toy_spec(has_surrogate=True), rows)
    assert lesson[1] == rows["label"].iloc[1]
    assert lesson[2:].mean() == pytest.approx(rows["label"].iloc[2:].mean(), abs=1e-3)


def test_a_row_without_a_grade_teaches_its_label(spec, book):
    rows = mature(book, TRAIN_BEFORE).head(3).assign(label=[1.0, 0.0, 1.0], grade=[0.5, np.nan, np.nan])
    np.testing.assert_allclose(fit.lesson(toy_spec(graded=True), rows), [0.75, 0.0, 1.0])
    np.testing.assert_allclose(fit.lesson(spec, rows), [1.0, 0.0, 1.0])
