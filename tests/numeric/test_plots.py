"""What the pictures of a backtest show."""

from pathlib import Path

import numpy as np
import pytest
from support.training import chains

from training.backtest import metrics
from training.backtest.choose import choose
from training.backtest.evaluate import evaluate
from training.backtest.folds import roll, trial_of
from training.backtest.judge import Judged
from training.backtest.plots import coverage_by_day, extremes, plot
from training.engines.batched import BatchedEngine
from training.engines.features import design_of
from training.pooling.variants import VARIANTS


def test_the_best_and_the_worst_stores_are_those_that_were_judged() -> None:
    assert extremes(np.array([0.3, np.nan, 0.1, 0.2, 0.5])) == ([2, 3, 0], [4, 0, 3])
    assert extremes(np.array([np.nan])) == ([], [])


def test_coverage_by_day_takes_the_same_day_of_every_fold_and_store_together() -> None:
    inside = np.array([[1, 0, 1, 1], [0, 0, 1, 1]], dtype=np.float64)  # two folds of two days
    counts = np.array([[1, 1, 1, 1], [1, 1, 1, 0]], dtype=np.bool_)
    zeros = np.zeros_like(inside)
    judged = Judged(zeros, zeros, inside, zeros, np.ones_like(inside), counts, counts)
    assert coverage_by_day(judged, 2).tolist() == [0.75, pytest.approx(1 / 3)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["store", "$x_1^{$", "東京 🙂", "a_b^c\\frac"])
def test_three_small_pictures_are_written_whatever_the_names_of_stores_and_groups(tmp_path: Path, name: str) -> None:
    history = chains.history(tmp_path / "chain", n_stores=4, n_days=452)
    design = design_of(history.calendar.columns)
    cutoffs = (history.last_day - 14, history.last_day - 28)
    folds = roll(history, design, BatchedEngine(), VARIANTS, cutoffs=cutoffs, horizon_days=14)
    choice = choose(folds, design)
    trials = [trial_of(fold, choice.candidate) for fold in folds]
    seasonal_mae = metrics.seasonal_errors(history.sales, history.fitted_days())
    groups = np.array([f"{name} {group}" for group in history.groups])
    evaluated = evaluate(
        trials,
        choice,
        design,
        VARIANTS,
        groups=groups,
        seasonal_mae=seasonal_mae,
        sells_zeros=history.sells_zeros,
    )
    plot(tmp_path, evaluated, [f"{name} {store_id}" for store_id in history.store_ids])
    pictures = sorted(tmp_path.glob("*.png"))
    names = ["best_and_worst_stores.png", "coverage_by_horizon.png", "scores_by_group.png"]
    assert [picture.name for picture in pictures] == names
    for picture in pictures:
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < 200_000
