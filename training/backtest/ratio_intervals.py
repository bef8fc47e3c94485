"""Intervals of stores that often sell nothing: what they sold as multiples of what was forecast.

Their sales are counts, or nothing and then a lot: no symmetric interval fits them on any scale. The quantiles of
actual / forecast in a backtest do, be the forecast 0.4 or 6: at a mean of 0.4 they are 0 and 2.5, none and one sold.
"""

import numpy as np
import numpy.typing as npt

from fleet.arrays import BoolArray, FloatArray
from fleet.intervals import LEVELS

GROUP_DAYS = 30.0
"""Days that all such stores of a group, or of the chain, count for beside a store's own."""

_POINTS = 200
_TINY = 1e-9
_SHARES = (np.arange(_POINTS) + 1 / 2) / _POINTS


def ratio_quantiles(ratios: FloatArray, counts: BoolArray, groups: npt.NDArray[np.str_], who: BoolArray) -> FloatArray:
    """(n_stores, len(LEVELS), 2) lower and upper multiples of the forecast; NaN where nothing says, or not in `who`.

    Args: ratios: (n_stores, n_days) actual over forecast.  counts: (n_stores, n_days) the days that tell.
          who: (n_stores,) the stores that often sell nothing.
    """
    bounds = np.full((len(ratios), len(LEVELS), 2), np.nan)
    everybody = _summary(ratios[who][counts[who]])
    for group in np.unique(groups[who]):
        members = np.flatnonzero(who & (groups == group))
        own = ratios[members][counts[members]]
        shared = _summary(own) if len(own) >= _POINTS else everybody
        for row in members:
            bounds[row] = _bounds(ratios[row, counts[row]], shared)
    return bounds


def _summary(ratios: FloatArray) -> FloatArray:
    """Some points that are spread as all the ratios; none of none."""
    return np.quantile(ratios, _SHARES, method="inverted_cdf") if len(ratios) else ratios


def _bounds(own: FloatArray, shared: FloatArray) -> FloatArray:
    """(len(LEVELS), 2) quantiles of a store's ratios together with those of its group.

    The lower one leaves out at most half of what a level may; counts come in steps, and what it leaves in of that half
    the upper one need not hold: at a mean of 2, an interval from 0 to 3 holds 86 % of the days, one to 4 would 95 %.
    """
    values = np.concatenate([own, shared])
    if not len(values):
        return np.full((len(LEVELS), 2), np.nan)
    weights = np.concatenate([np.ones(len(own)), np.full(len(shared), GROUP_DAYS / max(len(shared), 1))])
    order = np.argsort(values, kind="stable")
    ordered, shares = values[order], np.cumsum(weights[order]) / weights.sum()
    levels = np.asarray(LEVELS)
    low = np.searchsorted(shares, (1 - levels) / 2 - _TINY)
    left_out = np.append(0.0, shares)[np.searchsorted(ordered, ordered[low])]
    high = np.searchsorted(shares, np.minimum(levels + left_out, 1.0) - _TINY)
    found = np.stack([ordered[low], ordered[np.minimum(high, len(values) - 1)]], axis=1)
    # The forecast itself is always inside, and a higher level's interval holds a lower one's.
    return np.stack([np.minimum(found[:, 0], 1.0), np.maximum.accumulate(np.maximum(found[:, 1], 1.0))], axis=1)
