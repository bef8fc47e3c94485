"""Rolling-origin backtest: fit on what was known at a cutoff, forecast the days after, judge against what came.

The same cutoffs for all stores, one horizon apart, the last fold ending with the history. Every variant, their blend
and the naive baseline forecast the same days, so that what a model is worth is seen, not assumed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fleet import Design, Fleet, Parameters, formula
from fleet.arrays import BoolArray, FloatArray, IntArray, as_dates
from fleet.features import CLOSURE_REACH_DAYS, padded_window
from training.assemble import assemble
from training.engine import Engine, Fits, Progress
from training.errors import DataError
from training.history import History
from training.lending import Lessons
from training.variants import Variant, blend, fit_variants

MIN_HISTORY_DAYS = 60
"""Days that must be known before the first cutoff."""


@dataclass(frozen=True)
class Fold:
    """One cutoff's forecasts, first axis the candidate (the blend, then each variant), then (n_stores, horizon_days).

    `centre`, `spread`: on the fitted scale, NaN where a store had no model.  `naive`: the baseline's sales, and
    `naive_spread`, (n_stores,), its deviation on the log scale.  `actual`: 0 where `counts` is false.
    """

    cutoff: int
    centre: FloatArray
    spread: FloatArray
    naive: FloatArray
    naive_spread: FloatArray
    actual: FloatArray
    counts: BoolArray


@dataclass(frozen=True)
class Trial:
    """One cutoff's forecasts as the fleet would have given them: a fold of the candidates chosen.

    Arrays (n_stores, horizon_days), but `naive_spread`; see `Fold`.
    """

    cutoff: int
    centre: FloatArray
    spread: FloatArray
    naive: FloatArray
    naive_spread: FloatArray
    actual: FloatArray
    counts: BoolArray


def settle(fold: Fold, candidate: IntArray) -> Trial:
    """Keep each store's own candidate, (n_stores,) positions."""
    stores = np.arange(len(candidate))
    centre, spread = fold.centre[candidate, stores], fold.spread[candidate, stores]
    return Trial(fold.cutoff, centre, spread, fold.naive, fold.naive_spread, fold.actual, fold.counts)


def cutoffs_of(first_day: int, last_day: int, horizon_days: int, n_folds: int) -> tuple[int, ...]:
    """Every cutoff that a history is long enough for, the latest first, at most `n_folds`; none for no horizon.

    Raises: DataError: the history is too short for one.
    """
    if not horizon_days:
        return ()
    n_days = last_day - first_day + 1
    possible = (n_days - MIN_HISTORY_DAYS) // horizon_days
    if possible < 1:
        raise DataError(
            f"wanted at least {MIN_HISTORY_DAYS + horizon_days} days of history to hold {horizon_days} back, "
            f"got {n_days}: give more, or fewer days with --test-days (0 for none)"
        )
    return tuple(last_day - horizon_days * (fold + 1) for fold in range(min(n_folds, possible)))


def roll(
    history: History,
    design: Design,
    engine: Engine,
    variants: Sequence[Variant],
    *,
    cutoffs: Sequence[int],
    horizon_days: int,
    progress: Progress,
    lessons: Lessons | None = None,
) -> list[Fold]:
    """A fold for every cutoff, in their order.

    Args: lessons: what short histories borrow, of each cutoff and variant.
    """
    learnt = lessons or {}
    return [_fold(history, design, engine, variants, cutoff, horizon_days, progress, learnt) for cutoff in cutoffs]


def _fold(
    history: History,
    design: Design,
    engine: Engine,
    variants: Sequence[Variant],
    cutoff: int,
    horizon_days: int,
    progress: Progress,
    lessons: Lessons,
) -> Fold:
    known = history.until(cutoff)
    learnt = [lessons.get((cutoff, variant.name)) for variant in variants]
    fits = fit_variants(engine, known, design, variants, progress, learnt if lessons else ())
    days = np.arange(cutoff + 1, cutoff + 1 + horizon_days)
    candidates = [blend([fit.parameters for fit in fits]), *(fit.parameters for fit in fits)]
    fitted = np.logical_and.reduce([fit.fitted for fit in fits])
    centre, spread = _forecasts(known, design, candidates, days)
    centre[:, ~fitted], spread[:, ~fitted] = np.nan, np.nan
    none = Fits(candidates[0], np.zeros_like(fitted), (), {})
    naive = assemble(known, design, none, engine=engine.name, settings={})
    baseline = Fleet.from_contents(naive).fallback(history.store_ids, as_dates(days))
    columns = days - history.first_day
    counts = history.fitted_days()[:, columns]
    actual = np.where(counts, history.sales[:, columns], 0.0)
    return Fold(cutoff, centre, spread, baseline.value, naive.fallback_sigma, actual, counts)


def _forecasts(
    known: History, design: Design, candidates: Sequence[Parameters], days: "np.typing.NDArray[np.int64]"
) -> tuple[FloatArray, FloatArray]:
    """Centre and standard deviation of each candidate on the fitted scale, (n_candidates, n_stores, n_days)."""
    rows = np.arange(len(known.store_ids))
    window = padded_window(known.calendar, rows, int(days[0]), int(days[-1]), None)
    positions = np.arange(len(days)) + CLOSURE_REACH_DAYS
    centre = [formula.yhat(candidate, design, window, positions) for candidate in candidates]
    spread = [formula.standard_deviation(candidate, design, days) for candidate in candidates]
    return np.stack(centre), np.stack(spread)
