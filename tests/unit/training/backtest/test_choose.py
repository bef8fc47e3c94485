"""A variant takes a store over only beyond the folds' noise; a model that loses to the baseline is left."""

from dataclasses import replace

import numpy as np
from support import fleets

from training.backtest.choose import choose
from training.backtest.folds import Fold

DESIGN = fleets.design()
N_DAYS = 30
ACTUAL = 1000.0


def fold(errors: list[list[float]], naive_error: list[float], seed: int) -> Fold:
    """A fold whose candidates and baseline miss by those shares (candidate first, then store), give or take."""
    rng = np.random.default_rng(seed)
    share = np.asarray(errors)[:, :, None] * rng.uniform(0.9, 1.1, N_DAYS)
    centre = np.log1p(ACTUAL * (1 + share))
    n_stores = centre.shape[1]
    naive = np.broadcast_to((ACTUAL * (1 + np.asarray(naive_error)))[:, None], (n_stores, N_DAYS))
    actual = np.full((n_stores, N_DAYS), ACTUAL)
    closed = np.zeros(actual.shape, dtype=np.bool_)
    spreads = (np.full(n_stores, 0.2), np.zeros(n_stores))
    return Fold(0, centre, np.full_like(centre, 0.1), naive, *spreads, closed, actual > 0, actual, actual > 0)


def test_the_blend_stays_where_the_gain_is_within_the_noise_of_the_folds() -> None:
    naive = [0.5, 0.5, 0.5]
    folds = [
        fold([[0.10, 0.10, 0.10], [0.05, 0.02, 0.0999]], naive, 1),
        fold([[0.10, 0.10, 0.10], [0.05, 0.12, 0.0999]], naive, 2),
        fold([[0.10, 0.10, 0.10], [0.05, 0.04, 0.0999]], naive, 3),
    ]
    choice = choose(folds, DESIGN)
    # The first gains the same in every fold; the second lost one; the third gains next to nothing.
    assert choice.candidate.tolist() == [1, 0, 0]
    assert not choice.loses.any()


def test_the_best_of_several_proven_variants_wins() -> None:
    folds = [fold([[0.10], [0.08], [0.04]], [0.5], seed) for seed in (1, 2, 3)]
    assert choose(folds, DESIGN).candidate.tolist() == [2]


def test_one_fold_proves_nothing() -> None:
    assert choose([fold([[0.10], [0.01]], [0.5], 1)], DESIGN).candidate.tolist() == [0]


def test_a_model_that_loses_to_the_baseline_is_left() -> None:
    folds = [fold([[0.2, 0.1], [0.2, 0.1]], [0.1, 0.2], seed) for seed in (1, 2, 3)]
    choice = choose(folds, DESIGN)
    assert (choice.loses.tolist(), choice.wins.tolist(), choice.judged.tolist()) == (
        [True, False],
        [False, True],
        [True] * 2,
    )


def test_a_model_as_good_as_the_baseline_is_judged_and_neither_wins_nor_loses() -> None:
    one = fold([[0.1], [0.1]], [0.1], 1)
    same = replace(one, naive=DESIGN.back(one.centre[0]))
    choice = choose([same, same], DESIGN)
    assert (choice.judged.tolist(), choice.wins.tolist(), choice.loses.tolist()) == ([True], [False], [False])


def test_a_store_that_was_never_judged_keeps_the_blend_and_its_model() -> None:
    one = fold([[np.nan], [np.nan]], [0.1], 1)
    choice = choose([one, one, one], DESIGN)
    assert (choice.candidate.tolist(), choice.loses.tolist()) == ([0], [False])
    assert (choice.judged.tolist(), choice.wins.tolist()) == ([False], [False])


def test_a_model_that_loses_where_it_was_judged_is_left_also_if_a_fold_could_not_judge_it() -> None:
    bad, closed = fold([[0.9], [0.9]], [0.01], 1), fold([[0.9], [0.9]], [0.01], 2)
    closed = replace(closed, counts=np.zeros_like(closed.counts))
    young = fold([[np.nan], [np.nan]], [0.01], 3)
    assert choose([bad, bad, closed], DESIGN).loses.tolist() == [True]
    assert choose([bad, bad, young], DESIGN).loses.tolist() == [True]
    assert choose([closed, young], DESIGN).loses.tolist() == [False]


def test_a_store_that_often_sells_nothing_is_judged_by_squares() -> None:
    actual = np.where(np.arange(N_DAYS) % 3 == 0, ACTUAL, 0.0)[None]
    one = fold([[0.0], [0.0]], [0.0], 1)
    nothing, mean = np.zeros((1, N_DAYS)), np.full((1, N_DAYS), ACTUAL / 3)
    slow = replace(one, actual=actual, counts=np.ones_like(actual, dtype=np.bool_), naive=nothing)
    slow = replace(slow, centre=np.stack([np.log1p(mean)] * 2))
    assert choose([slow], DESIGN).loses.all()
    assert not choose([slow], DESIGN, np.array([True])).loses.any()


def test_a_day_that_is_forecast_as_closed_is_judged_as_nothing_whatever_the_model_says() -> None:
    one = fold([[0.0], [0.0]], [0.5], 1)
    closed = np.zeros((1, N_DAYS), dtype=np.bool_)
    closed[:, :20] = True
    assert not choose([one], DESIGN).loses.any()
    assert choose([replace(one, closed=closed)], DESIGN).loses.all()
