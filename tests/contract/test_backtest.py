"""The rolling backtest on a real engine: same cutoffs for all, honest folds, a verdict that the fleet carries."""

import numpy as np
import pytest
from support import chains

from fleet import Fleet
from fleet.arrays import as_dates
from training.assemble import LOST, assemble
from training.backtest import MIN_HISTORY_DAYS, Fold, n_fits, roll
from training.batched import BatchedEngine
from training.errors import DataError
from training.evaluate import evaluate
from training.features import retail_design
from training.history import History
from training.variants import LIVELY, SMOOTH, combine, fit_variant

VARIANTS = (LIVELY, SMOOTH)


def quiet(done: int, failed: int) -> None:
    assert failed <= done


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return chains.history(tmp_path_factory.mktemp("chain"), n_stores=40, n_days=600)


@pytest.fixture(scope="module")
def folds(history: History) -> list[Fold]:
    design = retail_design(history.calendar)
    return roll(history, design, BatchedEngine(), VARIANTS, horizon_days=28, n_folds=3, progress=quiet)


def test_folds_are_one_horizon_apart_and_the_last_ends_with_the_history(history: History, folds: list[Fold]) -> None:
    assert [fold.cutoff for fold in folds] == [history.last_day - 28 * (place + 1) for place in range(3)]
    assert folds[0].centre.shape == (1 + len(VARIANTS), 40, 28)
    np.testing.assert_array_equal(
        folds[0].actual[folds[0].counts], history.sales[:, -28:][history.fitted_days()[:, -28:]]
    )


def test_a_fold_knows_nothing_of_what_came_after_its_cutoff(history: History, folds: list[Fold]) -> None:
    changed = history.sales.copy()
    changed[:, -28:] *= 7
    other = History(history.store_ids, history.groups, changed, history.calendar)
    again = roll(
        other, retail_design(history.calendar), BatchedEngine(), VARIANTS, horizon_days=28, n_folds=1, progress=quiet
    )
    np.testing.assert_array_equal(again[0].centre, folds[0].centre)
    np.testing.assert_array_equal(again[0].naive, folds[0].naive)


def test_the_verdict_judges_model_and_baseline_and_goes_into_the_fleet(history: History, folds: list[Fold]) -> None:
    design = retail_design(history.calendar)
    evaluated = evaluate(folds, history, design, VARIANTS)
    told = evaluated.summary["backtest"]
    assert told["cutoffs"] == [str(as_dates(np.array([fold.cutoff]))[0]) for fold in folds]
    assert told["wape"] < told["baseline_wape"]
    assert told["coverage_80"] == pytest.approx(0.8, abs=0.05)
    assert sum(told["variants"].values()) >= told["stores_judged"]
    assert set(told["groups"]) == set(history.groups)
    fits = combine(
        [fit_variant(BatchedEngine(), history, design, v, quiet) for v in VARIANTS], evaluated.choice.candidate
    )
    fleet = Fleet.from_contents(
        assemble(history, design, fits, engine="batched", settings={}, verdict=evaluated.verdict)
    )
    lost = [raw.decode() == LOST for raw in fleet.facts["failure"].tolist()]
    assert sum(lost) == told["stores_left_to_baseline"]
    assert not fleet.has_model[lost].any()
    new_store = 40 - 5
    assert np.isnan(fleet.facts["wape"][new_store])
    days = as_dates(np.arange(history.last_day + 1, history.last_day + 29))
    with_model = [store_id for store_id, on in zip(fleet.store_ids, fleet.has_model, strict=True) if on]
    narrow, wide = (fleet.predict(with_model, days, level) for level in (0.5, 0.95))
    assert (wide.upper >= narrow.upper).all()
    assert (wide.upper > narrow.upper)[~wide.closed].all()


def test_a_history_too_short_for_a_fold_says_how_many_days_it_wants(history: History) -> None:
    design = retail_design(history.calendar)
    with pytest.raises(DataError, match=f"at least {MIN_HISTORY_DAYS + 590} days of history to hold 590 back, got 600"):
        roll(history, design, BatchedEngine(), VARIANTS, horizon_days=590, n_folds=3, progress=quiet)
    assert n_fits(history, VARIANTS, 590, 3) == 0
    assert n_fits(history, VARIANTS, 250, 3) == 40 * 2 * 2
