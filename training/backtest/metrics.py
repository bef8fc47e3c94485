"""How good a forecast was. error = forecast - actual, positive = over-forecast.

All functions take (n_stores, n_days) arrays and a mask of the days that count, and give one number a store,
(n_stores,), NaN where no day counts. Over a chain: one row that holds all stores' days.
"""

from collections.abc import Callable

import numpy as np

from fleet.arrays import DAYS_A_WEEK, BoolArray, FloatArray

Metric = Callable[[FloatArray, FloatArray, BoolArray], FloatArray]


def rmspe(forecast: FloatArray, actual: FloatArray, counts: BoolArray) -> FloatArray:
    """Root of the mean squared error relative to the actual, a share; the measure of Kaggle's Rossmann competition.

    Of the days with sales: an error has no share of nothing.
    """
    counts = counts & (actual > 0)
    with np.errstate(over="ignore"):  # of a day that sold next to nothing; infinite is what it then is
        relative = np.where(counts, (forecast - actual) / np.where(counts, actual, 1.0), 0.0)
        return np.asarray(np.sqrt(_ratio((relative**2).sum(axis=-1), counts.sum(axis=-1))))


def wape(forecast: FloatArray, actual: FloatArray, counts: BoolArray) -> FloatArray:
    """Sum of absolute errors over the sum of actuals, a share: money-weighted."""
    errors = np.abs(np.where(counts, forecast - actual, 0.0)).sum(axis=-1)
    return _ratio(errors, np.where(counts, actual, 0.0).sum(axis=-1))


def mean_square(forecast: FloatArray, actual: FloatArray, counts: BoolArray) -> FloatArray:
    """Mean squared error, in squared sales."""
    errors = np.where(counts, forecast - actual, 0.0)
    return _ratio((errors**2).sum(axis=-1), counts.sum(axis=-1))


def bias(forecast: FloatArray, actual: FloatArray, counts: BoolArray) -> FloatArray:
    """Sum of errors over the sum of actuals, a share; positive = over-forecast."""
    errors = np.where(counts, forecast - actual, 0.0).sum(axis=-1)
    return _ratio(errors, np.where(counts, actual, 0.0).sum(axis=-1))


def coverage(lower: FloatArray, upper: FloatArray, actual: FloatArray, counts: BoolArray) -> FloatArray:
    """Share of days whose actual lies within the interval, bounds included."""
    inside = counts & (lower <= actual) & (actual <= upper)
    return _ratio(inside.sum(axis=-1), counts.sum(axis=-1))


def width(lower: FloatArray, upper: FloatArray, actual: FloatArray, counts: BoolArray) -> FloatArray:
    """Sum of the intervals' widths over the sum of actuals, a share: what the coverage costs."""
    return wape(actual + (upper - lower), actual, counts)


def mase(forecast: FloatArray, actual: FloatArray, counts: BoolArray, seasonal_mae: FloatArray) -> FloatArray:
    """Mean absolute error over the history's mean absolute change from the week before; under 1 beats "as last week".

    Args: seasonal_mae: (n_stores,) as `seasonal_errors` gives it.  Source: Hyndman and Koehler, 2006.
    """
    errors = np.abs(np.where(counts, forecast - actual, 0.0)).sum(axis=-1)
    return _ratio(_ratio(errors, counts.sum(axis=-1)), seasonal_mae)


def mase_of_all(forecast: FloatArray, actual: FloatArray, counts: BoolArray, seasonal_mae: FloatArray) -> float:
    """MASE of several stores at once: each day's absolute error over its store's `seasonal_mae`, mean over all days.

    Every day of every store weighs alike, however much the store sells. A store whose `seasonal_mae` is 0 or NaN has no
    scale, and is left out.
    """
    scaled = np.isfinite(seasonal_mae) & (seasonal_mae > 0)
    on = counts & scaled[:, None]
    errors = np.where(on, np.abs(forecast - actual) / np.where(scaled, seasonal_mae, 1.0)[:, None], 0.0)
    return float(_ratio(errors.sum(), on.sum()))


def seasonal_errors(sales: FloatArray, counts: BoolArray) -> FloatArray:
    """Mean |sales - sales seven days before| over the days where both count, (n_stores,)."""
    both = counts[:, DAYS_A_WEEK:] & counts[:, :-DAYS_A_WEEK]
    changes = np.where(both, np.abs(sales[:, DAYS_A_WEEK:] - sales[:, :-DAYS_A_WEEK]), 0.0)
    return _ratio(changes.sum(axis=1), both.sum(axis=1))


METRICS: dict[str, Metric] = {"rmspe": rmspe, "wape": wape, "bias": bias}


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) != 0))
