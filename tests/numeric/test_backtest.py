"""The rolling backtest on a real engine: same cutoffs for all, honest folds, a verdict that the fleet carries."""

from dataclasses import replace

import numpy as np
import pytest
from support.training import chains
from support.training.daily import daily

from fleet import Design, Fleet
from fleet.arrays import as_dates
from training.backtest import metrics
from training.backtest.assemble import LOST, assemble, with_verdict
from training.backtest.choose import choose
from training.backtest.evaluate import Evaluation, evaluate
from training.backtest.folds import MIN_HISTORY_DAYS, Fold, cutoffs_of, roll, trial_of
from training.engines.batched import BatchedEngine
from training.engines.features import design_of
from training.errors import DataError
from training.history.history import History
from training.pooling.variants import LIVELY, SMOOTH, combine, fit_variants

VARIANTS = (LIVELY, SMOOTH)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return chains.history(tmp_path_factory.mktemp("chain"), n_stores=40, n_days=600)


@pytest.fixture(scope="module")
def folds(history: History) -> list[Fold]:
    design = design_of(history.calendar.columns)
    return rolled(history, design, 3)


def rolled(history: History, design: Design, n_folds: int) -> list[Fold]:
    cutoffs = cutoffs_of(history.first_day, history.last_day, 28, n_folds)
    return roll(history, design, BatchedEngine(), VARIANTS, cutoffs=cutoffs, horizon_days=28)


def test_folds_are_one_horizon_apart_and_the_last_ends_with_the_history(history: History, folds: list[Fold]) -> None:
    assert [fold.cutoff for fold in folds] == [history.last_day - 28 * (place + 1) for place in range(3)]
    assert folds[0].centre.shape == (1 + len(VARIANTS), 40, 28)
    known = np.asarray(np.isfinite(history.sales[:, :-28]).any(axis=1))
    assert not known.all()
    judged = history.judged_days()[:, -28:] & known.reshape(-1, 1)
    np.testing.assert_array_equal(folds[0].actual[folds[0].counts], history.sales[:, -28:][judged])


def test_a_fold_knows_nothing_of_what_came_after_its_cutoff(history: History, folds: list[Fold]) -> None:
    changed = history.sales.copy()
    changed[:, -28:] *= 7
    other = History(history.store_ids, history.groups, changed, history.calendar)
    again = rolled(other, design_of(history.calendar.columns), 1)
    np.testing.assert_array_equal(again[0].centre, folds[0].centre)
    np.testing.assert_array_equal(again[0].naive, folds[0].naive)


def evaluation(history: History, folds: list[Fold]) -> Evaluation:
    design = design_of(history.calendar.columns)
    choice = choose(folds, design)
    return evaluate(
        [trial_of(fold, choice.candidate) for fold in folds],
        choice,
        design,
        VARIANTS,
        groups=history.groups,
        seasonal_mae=metrics.seasonal_errors(history.sales, history.judged_days()),
        sells_zeros=history.sells_zeros,
    )


def test_the_verdict_judges_model_and_baseline_and_goes_into_the_fleet(history: History, folds: list[Fold]) -> None:
    design = design_of(history.calendar.columns)
    choice = choose(folds, design)
    evaluated = evaluation(history, folds)
    told = evaluated.scores
    assert told.cutoffs == tuple(str(as_dates(np.array([fold.cutoff]))[0]) for fold in folds)
    assert told.wape < told.baseline_wape
    assert told.coverage_80 == pytest.approx(0.8, abs=0.05)
    assert sum(told.variants.values()) + told.stores_left_to_baseline >= told.stores_judged
    assert set(told.groups) == set(history.groups)
    scaled, n_days = evaluated.verdict.scores["mase"], evaluated.judged.counts.sum(axis=1)
    for scores, members in [
        (told, np.ones(40, dtype=np.bool_)),
        *((scores, history.groups == group) for group, scores in told.groups.items()),
    ]:
        on = members & np.isfinite(scaled)
        assert scores.mase == pytest.approx(np.average(scaled[on], weights=n_days[on]), abs=1e-5)
    fits = combine(fit_variants(BatchedEngine(), history, design, VARIANTS), choice.candidate)
    contents = assemble(history, design, fits, engine="batched", settings={})
    fleet = Fleet.from_contents(with_verdict(contents, evaluated.verdict))
    lost = [raw.decode() == LOST for raw in fleet.facts["failure"].tolist()]
    assert sum(lost) == told.stores_left_to_baseline
    assert not fleet.has_model[lost].any()
    new_store = 40 - 5
    assert np.isnan(fleet.facts["wape"][new_store])
    days = as_dates(np.arange(history.last_day + 1, history.last_day + 29))
    with_model = [store_id for store_id, on in zip(fleet.store_ids, fleet.has_model, strict=True) if on]
    narrow, wide = (fleet.predict(with_model, days, level) for level in (0.5, 0.95))
    assert (wide.upper >= narrow.upper).all()
    assert (wide.upper > narrow.upper)[~wide.closed].all()


def test_a_model_that_loses_counts_as_judged_and_its_own_score_is_kept(history: History, folds: list[Fold]) -> None:
    before = evaluation(history, folds).scores
    loser, new_store = 3, 40 - 5
    shift = np.zeros((40, 1))
    shift[loser] = 1.0  # on the log scale: it forecasts almost three times too much
    evaluated = evaluation(history, [replace(fold, centre=fold.centre + shift) for fold in folds])
    told, scores = evaluated.scores, evaluated.verdict.scores
    assert evaluated.verdict.loses[loser]
    assert told.stores_judged == before.stores_judged
    assert told.stores_left_to_baseline == before.stores_left_to_baseline + 1
    assert told.stores_judged == told.stores_better_than_baseline + told.stores_left_to_baseline
    assert scores["wape"][loser] == scores["baseline_wape"][loser]
    assert scores["model_wape"][loser] > 1.0 > scores["baseline_wape"][loser]
    answers = ~evaluated.verdict.loses & np.isfinite(scores["model_wape"])
    assert answers.sum() == told.stores_better_than_baseline
    np.testing.assert_array_equal(scores["model_wape"][answers], scores["wape"][answers])
    assert np.isnan(scores["model_wape"][new_store])


def test_a_history_too_short_for_a_fold_says_how_many_days_it_wants(history: History) -> None:
    with pytest.raises(DataError, match=f"at least {MIN_HISTORY_DAYS + 590} days of history to hold 590 back, got 600"):
        cutoffs_of(history.first_day, history.last_day, 590, 3)
    assert len(cutoffs_of(history.first_day, history.last_day, 250, 3)) == 2
    assert cutoffs_of(history.first_day, history.last_day, 0, 3) == ()


def test_a_store_that_nobody_knew_at_a_cutoff_is_not_judged_by_it() -> None:
    sales = np.random.default_rng(1).normal(1000.0, 50.0, (6, 200))
    sales[0, :170] = np.nan  # opened within the first fold's days
    history = daily(sales)
    cutoff = history.last_day - 42
    design = design_of(history.calendar.columns)
    (fold,) = roll(history, design, BatchedEngine(), VARIANTS, cutoffs=[cutoff], horizon_days=42)
    assert not fold.counts[0].any()
    assert not fold.was_open[0].any()
    assert fold.counts[1:].all()


def test_a_closed_day_that_was_forecast_to_sell_is_judged() -> None:
    n_days, horizon = 200, 42
    sundays = np.arange(n_days) % 7 == 6
    sales = np.random.default_rng(1).normal(1000.0, 50.0, (6, n_days))
    sales[0, : n_days - horizon - 35] = np.nan  # five weeks old at the cutoff, eleven today
    sales[0, sundays] = np.nan  # its group opens on Sundays, and it never does
    history = daily(sales)
    (fold,) = roll(
        history,
        design_of(history.calendar.columns),
        BatchedEngine(),
        VARIANTS,
        cutoffs=[history.last_day - horizon],
        horizon_days=horizon,
    )
    ahead = sundays[-horizon:]
    assert not fold.closed[0].any()
    assert fold.counts[0, ahead].all()
    assert not fold.was_open[0, ahead].any()
    assert not fold.actual[0, ahead].any()
    assert fold.was_open[0, ~ahead].all()
