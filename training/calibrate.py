"""Interval widths from backtest residuals: split conformal, a store's own scale times the chain's shape.

A residual is |log1p(actual) - forecast| in standard deviations of that forecast. A store has few of them in a horizon
bucket, and those of one fold rise and fall together, so each store gets one scale (its typical residual, drawn towards
its group's where days are few), and the chain's residuals, divided by those scales, give the quantiles by bucket and
level. The scale that divides a fold's residuals is taken from the other folds: what is divided has not helped to
choose the divisor, as it will be when the future comes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleet.arrays import BoolArray, FloatArray
from fleet.intervals import LEVELS, N_BUCKETS, buckets

WEIGHT_DAYS = 30.0
"""Days of own residuals that count as much as the group's scale."""

MIN_DAYS_A_BUCKET = 200
"""Residuals of the chain below which a bucket is taken together with all others."""


@dataclass(frozen=True)
class Residuals:
    """Standardised absolute residuals of a backtest, (n_folds, n_stores, n_days); `counts`: the days that are judged.

    Day 0 of each fold is the first day after its cutoff.
    """

    size: FloatArray
    counts: BoolArray


def quantiles(residuals: Residuals, groups: npt.NDArray[np.str_]) -> FloatArray:
    """Half-widths in standard deviations, (n_stores, N_BUCKETS, len(LEVELS)), never decreasing with the level."""
    shape = _shape(residuals, groups)
    scales = _scales(residuals, groups)
    return np.maximum.accumulate(scales[:, None, None] * shape[None, :, :], axis=2)


def _shape(residuals: Residuals, groups: npt.NDArray[np.str_]) -> FloatArray:
    """The chain's quantiles of residuals over their store's scale, (N_BUCKETS, len(LEVELS))."""
    n_folds = len(residuals.size)
    relative = np.empty_like(residuals.size)
    for fold in range(n_folds):
        # One fold alone has no others to take the scale from; then its own must do.
        others = [other for other in range(n_folds) if other != fold] or [fold]
        scale = _scales(Residuals(residuals.size[others], residuals.counts[others]), groups)
        relative[fold] = residuals.size[fold] / scale[:, None]
    bucket = np.broadcast_to(buckets(np.arange(1, relative.shape[2] + 1)), relative.shape)
    everything = _conformal(relative[residuals.counts])
    rows = []
    for place in range(N_BUCKETS):
        part = relative[residuals.counts & (bucket == place)]
        rows.append(_conformal(part) if len(part) >= MIN_DAYS_A_BUCKET else everything)
    return np.array(rows)


def _conformal(sizes: FloatArray) -> FloatArray:
    """Quantiles at all levels with the finite-sample correction: the ceil((n + 1) level)-th smallest of n."""
    if not len(sizes):
        return np.ones(len(LEVELS))
    ordered = np.sort(sizes)
    ranks = np.ceil((len(ordered) + 1) * np.asarray(LEVELS)).astype(np.int64)
    return np.asarray(ordered[np.minimum(ranks, len(ordered)) - 1])


def _scales(residuals: Residuals, groups: npt.NDArray[np.str_]) -> FloatArray:
    """Each store's typical residual, (n_stores,): its mean, drawn towards its group's by days."""
    sums = np.where(residuals.counts, residuals.size, 0.0).sum(axis=(0, 2))
    days = residuals.counts.sum(axis=(0, 2)).astype(np.float64)
    whole = sums.sum() / max(days.sum(), 1.0) or 1.0
    scales = np.empty(len(sums))
    for group in np.unique(groups):
        members = groups == group
        weight = days[members].sum()
        mean = (sums[members].sum() + WEIGHT_DAYS * whole) / (weight + WEIGHT_DAYS)
        scales[members] = (sums[members] + WEIGHT_DAYS * mean) / (days[members] + WEIGHT_DAYS)
    return scales
