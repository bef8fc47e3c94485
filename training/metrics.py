"""How good a forecast was. error = forecast - actual, positive = over-forecast. Days without sales are never judged.

All functions take (n_stores, n_days) arrays and a mask of the days that count, and give one number a store,
(n_stores,), NaN where no day counts; the same over a chain by `chain(...)`.
"""

from collections.abc import Callable

import numpy as np

from fleet.arrays import BoolArray, FloatArray

Metric = Callable[[FloatArray, FloatArray, BoolArray], FloatArray]


def rmspe(forecast: FloatArray, actual: FloatArray, counts: BoolArray) -> FloatArray:
    """Root of the mean squared error relative to the actual, a share; the measure of Kaggle's Rossmann competition."""
    relative = np.where(counts, (forecast - actual) / np.where(counts, actual, 1.0), 0.0)
    return np.asarray(np.sqrt(_ratio((relative**2).sum(axis=-1), counts.sum(axis=-1))))


def wape(forecast: FloatArray, actual: FloatArray, counts: BoolArray) -> FloatArray:
    """Sum of absolute errors over the sum of actuals, a share: money-weighted."""
    errors = np.abs(np.where(counts, forecast - actual, 0.0)).sum(axis=-1)
    return _ratio(errors, np.where(counts, actual, 0.0).sum(axis=-1))


def bias(forecast: FloatArray, actual: FloatArray, counts: BoolArray) -> FloatArray:
    """Sum of errors over the sum of actuals, a share; positive = over-forecast."""
    errors = np.where(counts, forecast - actual, 0.0).sum(axis=-1)
    return _ratio(errors, np.where(counts, actual, 0.0).sum(axis=-1))


def coverage(lower: FloatArray, upper: FloatArray, actual: FloatArray, counts: BoolArray) -> FloatArray:
    """Share of days whose actual lies within the interval, bounds included."""
    inside = counts & (lower <= actual) & (actual <= upper)
    return _ratio(inside.sum(axis=-1), counts.sum(axis=-1))


METRICS: dict[str, Metric] = {"rmspe": rmspe, "wape": wape, "bias": bias}


def chain(metric: Metric, forecast: FloatArray, actual: FloatArray, counts: BoolArray) -> float:
    """The metric over all stores' days at once."""
    return float(metric(forecast.reshape(1, -1), actual.reshape(1, -1), counts.reshape(1, -1))[0])


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) != 0))
