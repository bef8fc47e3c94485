"""Interval widths from backtest residuals: split conformal, a store's own scale times the chain's shape.

A residual is |log1p(actual) - forecast| in standard deviations of that forecast. A store has few of them in a horizon
bucket, and those of one fold rise and fall together, so each store gets one scale (its typical residual, drawn towards
its group's where days are few), and the chain's residuals, divided by those scales, give the quantiles by bucket and
level. The scale that divides a fold's residuals is taken from the other folds: what is divided has not helped to
choose the divisor, as it will be when the future comes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleet.arrays import BoolArray, FloatArray
from fleet.intervals import LEVELS, N_BUCKETS, buckets, normal_quantile

WEIGHT_DAYS = 30.0
"""Days of own residuals that count as much as the group's scale."""

MIN_DAYS_A_BUCKET = 200
"""Residuals of the chain below which a bucket is taken together with all others."""

MOST_TIMES_MEDIAN = 10.0
"""A residual counts in a scale as at most so many of the chain's median ones."""


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
    """The chain's quantiles of residuals over their store's scale, (N_BUCKETS, len(LEVELS)), never narrower later."""
    n_folds = len(residuals.size)
    relative = np.empty_like(residuals.size)
    for fold in range(n_folds):
        # One fold alone has no others to take the scale from; then its own must do.
        others = [other for other in range(n_folds) if other != fold] or [fold]
        scale = _scales(Residuals(residuals.size[others], residuals.counts[others]), groups)
        relative[fold] = residuals.size[fold] / scale[:, None]
    bucket = np.broadcast_to(buckets(np.arange(1, relative.shape[2] + 1)), relative.shape)
    parts = [relative[residuals.counts & (bucket == place)] for place in range(N_BUCKETS)]
    return np.stack([_never_narrower(parts, level) for level in LEVELS], axis=1)


def _never_narrower(parts: Sequence[FloatArray], level: float) -> FloatArray:
    """(n_buckets,) quantiles of the buckets' residuals at one level, none below that of an earlier bucket.

    A later bucket with smaller residuals had quieter weeks in the few folds that there are, it was not easier to
    forecast: both are taken together, and so is one of too few days with the one before it.
    """
    blocks: list[tuple[list[FloatArray], int]] = []
    for part in parts:
        blocks.append(([part], 1))
        while len(blocks) > 1 and _belongs_before(blocks[-2][0], blocks[-1][0], level):
            later, earlier = blocks.pop(), blocks.pop()
            blocks.append(([*earlier[0], *later[0]], earlier[1] + later[1]))
    return np.concatenate([np.full(count, _conformal(block, level)) for block, count in blocks])


def _belongs_before(earlier: Sequence[FloatArray], later: Sequence[FloatArray], level: float) -> bool:
    few = min(sum(map(len, block)) for block in (earlier, later)) < MIN_DAYS_A_BUCKET
    return few or _conformal(later, level) <= _conformal(earlier, level)


def _conformal(parts: Sequence[FloatArray], level: float) -> float:
    """A quantile with the finite-sample correction, the ceil((n + 1) level)-th smallest of n; the normal's of none."""
    sizes = np.concatenate(parts)
    if not len(sizes):
        return normal_quantile(level)
    rank = min(math.ceil((len(sizes) + 1) * level), len(sizes)) - 1
    return float(np.partition(sizes, rank)[rank])


def _scales(residuals: Residuals, groups: npt.NDArray[np.str_]) -> FloatArray:
    """Each store's typical residual, (n_stores,): its mean, drawn towards its group's by days."""
    known = residuals.size[residuals.counts]
    # A store that sold the same every day, and then did not, has residuals of any size; they are its own affair.
    most = MOST_TIMES_MEDIAN * float(np.median(known)) if len(known) else 0.0
    sums = np.where(residuals.counts, np.minimum(residuals.size, most), 0.0).sum(axis=(0, 2))
    days = residuals.counts.sum(axis=(0, 2)).astype(np.float64)
    whole = sums.sum() / max(days.sum(), 1.0) or 1.0
    scales = np.empty(len(sums))
    for group in np.unique(groups):
        members = groups == group
        weight = days[members].sum()
        mean = (sums[members].sum() + WEIGHT_DAYS * whole) / (weight + WEIGHT_DAYS)
        scales[members] = (sums[members] + WEIGHT_DAYS * mean) / (days[members] + WEIGHT_DAYS)
    return scales
