"""Which candidate each store gets: the blend, unless another proves itself beyond the folds' noise.

A variant takes a store over only if it was better in every fold and its mean gain is larger than `NOISE` standard
errors of the gains: on real sales, choosing the best raw score made the chain's forecasts worse, not better. A store
whose model loses to the naive baseline gets the baseline, and the fleet says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fleet import Design
from fleet.arrays import BoolArray, FloatArray, IntArray, StoreRows
from training.backtest import metrics
from training.backtest.folds import Fold, Trial

NOISE = 3.0
LEAST_GAIN = 0.03
"""Share of the blend's WAPE that a variant must gain at least."""


@dataclass(frozen=True)
class Choice(StoreRows):
    """`candidate`: (n_stores,) 0 for the blend, then the variants.

    `judged`: (n_stores,) some fold has judged the store's model.  `wins`, `loses`: that model against the naive
    baseline, by the mean WAPE of the folds that judged both; neither of the two is a tie.
    """

    candidate: IntArray
    judged: BoolArray
    wins: BoolArray
    loses: BoolArray


@dataclass(frozen=True)
class Backtest(StoreRows):
    """What a backtest found of some stores, once a candidate is chosen for each. `trials`: by cutoff, the latest first.

    `seasonal_mae`, `sells_zeros`: (n_stores,), of the whole history; see `metrics.mase` and `History.sells_zeros`.
    """

    trials: Mapping[int, Trial]
    choice: Choice
    seasonal_mae: FloatArray
    sells_zeros: BoolArray


def choose(folds: Sequence[Fold], design: Design, by_squares: BoolArray | None = None) -> Choice:
    """Choose for every store; a store that no fold has judged gets the blend.

    Args: by_squares: (n_stores,) stores that often sell nothing, and are judged by squared errors: the least absolute
          ones are those of a forecast of nothing at all.
    """
    squares = np.zeros(folds[0].actual.shape[0], dtype=np.bool_) if by_squares is None else by_squares
    scores = np.stack([_scores(fold, design, squares) for fold in folds])  # (n_folds, n_candidates, n_stores)
    gains = scores[:, :1] - scores
    mean, error = gains.mean(axis=0), gains.std(axis=0, ddof=1) if len(folds) > 1 else np.full(gains.shape[1:], np.inf)
    proven = (gains > 0).all(axis=0) & (mean > NOISE * error / np.sqrt(len(folds)))
    proven &= mean > LEAST_GAIN * scores[:, 0].mean(axis=0)
    best = np.where(proven, mean, 0.0)
    candidate = np.where(proven.any(axis=0), np.argmax(best, axis=0), 0)
    chosen = np.take_along_axis(scores, candidate[None, None, :], axis=1)[:, 0]
    naive = np.stack([_score(fold, fold.naive, squares) for fold in folds])
    # A fold in which a store was closed, or too young for a model, says nothing; the others do.
    both = np.isfinite(chosen) & np.isfinite(naive)
    own, its = (np.where(both, wapes, 0.0).sum(axis=0) for wapes in (chosen, naive))
    fades = squares & _fades(folds[0], candidate, design)
    return Choice(
        candidate, np.asarray(both.any(axis=0)), np.asarray((own < its) & ~fades), np.asarray((own > its) | fades)
    )


def _fades(latest: Fold, candidate: IntArray, design: Design) -> BoolArray:
    """(n_stores,): in the latest fold the model forecast less than half of what was sold, and the baseline did not.

    A trend that falls towards nothing may fit what a store was, and would forecast nothing for ever.
    """
    centre = latest.centre[candidate, np.arange(len(candidate))]
    judged = latest.counts & np.isfinite(centre)
    sold, own, its = (
        np.where(judged, sales, 0.0).sum(axis=1)
        for sales in (latest.actual, np.where(latest.closed, 0.0, design.back(centre)), latest.naive)
    )
    return np.asarray((own < sold / 2) & (its >= sold / 2))


def _scores(fold: Fold, design: Design, by_squares: BoolArray) -> FloatArray:
    """(n_candidates, n_stores)."""
    sales = np.where(fold.closed, 0.0, design.back(fold.centre))
    return np.stack([_score(fold, each, by_squares) for each in sales])


def _score(fold: Fold, forecast: FloatArray, by_squares: BoolArray) -> FloatArray:
    """(n_stores,) WAPE, or the mean squared error."""
    squares = metrics.mean_square(forecast, fold.actual, fold.counts)
    return np.where(by_squares, squares, metrics.wape(forecast, fold.actual, fold.counts))
