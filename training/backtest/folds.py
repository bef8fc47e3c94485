"""Rolling-origin backtest: fit on what was known at a cutoff, forecast the days after, judge against what came.

The same cutoffs for all stores, one horizon apart, the last fold ending with the history. Every variant, their blend
and the naive baseline forecast the same days, so that what a model is worth is seen, not assumed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fleet import Design, Fleet, Parameters, formula
from fleet.arrays import BoolArray, FloatArray, IntArray, StoreRows, as_dates
from fleet.calendar import Window
from fleet.features import CLOSURE_REACH_DAYS, padded_window
from training.backtest.assemble import assemble
from training.engines.engine import Engine, Fits
from training.errors import DataError
from training.history.history import History
from training.pooling.collect import GroupPriors
from training.pooling.variants import Variant, blend, fit_variants

MIN_HISTORY_DAYS = 60
"""Days that must be known before the first cutoff."""


@dataclass(frozen=True)
class Fold:
    """One cutoff's forecasts, first axis the candidate (the blend, then each variant), then (n_stores, horizon_days).

    `centre`, `spread`: on the fitted scale, NaN where a store had no model.  `naive`: the baseline's sales, and
    `naive_spread`, `naive_level`, (n_stores,), its deviations on the log scale; see `baseline.Curves`.  `closed`: the
    forecast is 0, for the store was taken for closed.  `actual`: sales, 0 where it `was_open` on no row's word.
    `counts`: the days judged, open ones and those closed ones that were not forecast as such.
    """

    cutoff: int
    centre: FloatArray
    spread: FloatArray
    naive: FloatArray
    naive_spread: FloatArray
    naive_level: FloatArray
    closed: BoolArray
    was_open: BoolArray
    actual: FloatArray
    counts: BoolArray


@dataclass(frozen=True)
class Trial(Fold, StoreRows):
    """One cutoff's forecasts as the fleet would have given them: a fold of the candidates chosen.

    Arrays (n_stores, horizon_days), but `naive_spread` and `naive_level`; see `Fold`.
    """


def trial_of(fold: Fold, candidate: IntArray) -> Trial:
    """Keep each store's own candidate, (n_stores,) positions."""
    stores = np.arange(len(candidate))
    chosen = {"centre": fold.centre[candidate, stores], "spread": fold.spread[candidate, stores]}
    return Trial(**{**vars(fold), **chosen})


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
    group_priors: GroupPriors | None = None,
) -> list[Fold]:
    """A fold for every cutoff, in their order.

    Args: group_priors: of short histories, for each cutoff and variant.
    """
    effects = group_priors or {}
    return [_fold(history, design, engine, variants, cutoff, horizon_days, effects) for cutoff in cutoffs]


def _fold(
    history: History,
    design: Design,
    engine: Engine,
    variants: Sequence[Variant],
    cutoff: int,
    horizon_days: int,
    group_priors: GroupPriors,
) -> Fold:
    known = history.until(cutoff)
    effects = [group_priors.get((cutoff, variant.name)) for variant in variants]
    fits = fit_variants(engine, known, design, variants, effects if group_priors else ())
    days = np.arange(cutoff + 1, cutoff + 1 + horizon_days)
    candidates = [blend([fit.parameters for fit in fits]), *(fit.parameters for fit in fits)]
    fitted = np.logical_and.reduce([fit.fitted for fit in fits])
    window = padded_window(known.calendar, np.arange(len(fitted)), int(days[0]), int(days[-1]), None)
    centre, spread = _forecasts(window, design, candidates, days)
    centre[:, ~fitted], spread[:, ~fitted] = np.nan, np.nan
    none = Fits(candidates[0], np.zeros_like(fitted), (), {})
    naive = assemble(known, design, none, engine=engine.name, settings={})
    baseline = Fleet.from_contents(naive).fallback(history.store_ids, as_dates(days))
    columns = days - history.first_day
    was_open = history.judged_days()[:, columns]
    was_open &= _known(known)[:, None]
    counts = was_open | (history.closed_days()[:, columns] & ~baseline.closed & _known(known)[:, None])
    actual = np.where(was_open, history.sales[:, columns], 0.0)
    spreads = (naive.fallback_sigma, naive.fallback_level)
    return Fold(cutoff, centre, spread, baseline.value, *spreads, baseline.closed, was_open, actual, counts)


def _known(history: History) -> BoolArray:
    """(n_stores,): has a row. How a store is forecast that has none yet says nothing of how it will be answered."""
    return np.asarray(np.isfinite(history.sales).any(axis=1))


def _forecasts(
    window: Window, design: Design, candidates: Sequence[Parameters], days: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Centre and standard deviation of each candidate on the fitted scale, (n_candidates, n_stores, n_days)."""
    positions = np.arange(len(days)) + CLOSURE_REACH_DAYS
    centre = [formula.yhat(candidate, design, window, positions) for candidate in candidates]
    spread = [formula.standard_deviation(candidate, design, days) for candidate in candidates]
    return np.stack(centre), np.stack(spread)
