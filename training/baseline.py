"""The naive baseline, which is the fallback too: a store's mean sales by weekday and promo over the last eight weeks.

A cell that a store has not lived through gets its level times its group's shape; a store without history its group's
level. So every store of the index has a curve, and every cell of it is a number.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fleet.arrays import DAYS_A_WEEK, BoolArray, FloatArray, weekdays
from fleet.calendar import UNKNOWN
from training.features import PROMO
from training.history import History

WINDOW_DAYS = 56
UNKNOWN_SPREAD = 0.5
"""Standard deviation of log sales that is assumed where there is nothing to measure it on: wide and honest."""
MIN_DAYS_FOR_SPREAD = 10
_CELLS = DAYS_A_WEEK * 2


def curves(history: History) -> tuple[FloatArray, FloatArray]:
    """Mean sales of an open day, (n_stores, 7, 2) by weekday and promo; and the spread around it, (n_stores,).

    The spread is the standard deviation of log1p(sales) minus log1p(curve) over the window, of the days that are left
    when each cell's mean has taken one: a store of three weeks lies close to means of one or two days each.
    """
    sales, cells, counts = _window(history)
    sums, days = _by_cell(np.where(counts, sales, 0.0), cells, counts)
    by_group = group_curves(history.groups, sums, days) if history.moment is None else history.moment.curves
    own = np.divide(sums, days, out=np.full(sums.shape, np.nan), where=days > 0)
    curve = np.where(np.isnan(own), _borrowed(history.groups, by_group, sums, days), own)
    fitted = np.take_along_axis(curve, cells, axis=1)
    residual = np.where(counts, np.log1p(np.where(counts, sales, 0.0)) - np.log1p(fitted), 0.0)
    free = counts.sum(axis=1) - (days > 0).sum(axis=1)
    spread = np.sqrt((residual**2).sum(axis=1) / np.maximum(free, 1))
    spread = np.where(free >= MIN_DAYS_FOR_SPREAD, spread, np.maximum(spread, UNKNOWN_SPREAD))
    return curve.reshape(-1, DAYS_A_WEEK, 2), spread


def cells_of(history: History) -> tuple[FloatArray, FloatArray]:
    """Sum of sales and number of days of each store by weekday and promo, (n_stores, 14), in its last eight weeks."""
    sales, cells, counts = _window(history)
    return _by_cell(np.where(counts, sales, 0.0), cells, counts)


def group_curves(
    groups: npt.NDArray[np.str_], sums: FloatArray, days: FloatArray
) -> dict[str, tuple[float, FloatArray]]:
    """Each group's mean level and shape; the chain's where the group does not know."""
    levels = _levels(sums, days)
    chain_level, chain_shape = _level_and_shape(levels, sums, days, np.ones(len(sums), dtype=np.bool_))
    found = {}
    for group in np.unique(groups):
        level, shape = _level_and_shape(levels, sums, days, groups == group)
        shape = np.where(np.isnan(shape), chain_shape, shape)
        found[str(group)] = (chain_level if np.isnan(level) else level, np.where(np.isnan(shape), 1.0, shape))
    return found


def _window(history: History) -> tuple[FloatArray, "np.typing.NDArray[np.intp]", BoolArray]:
    """Sales, cell of each day (weekday and promo) and whether it counts, over each store's own last eight weeks."""
    counts = history.fitted_days()
    n_days = counts.shape[1]
    last = np.where(counts.any(axis=1), n_days - 1 - np.argmax(counts[:, ::-1], axis=1), 0)
    counts &= np.arange(n_days)[None, :] > (last - WINDOW_DAYS)[:, None]
    promo = np.zeros(counts.shape, dtype=np.intp)
    if PROMO in history.calendar.values:
        known = history.calendar.values[PROMO][:, :n_days]
        promo = np.where(known == UNKNOWN, 0, known).astype(np.intp)
    cells = weekdays(history.days)[None, :] * 2 + promo
    return history.sales, np.asarray(cells, dtype=np.intp), counts


def _by_cell(
    sales: FloatArray, cells: "np.typing.NDArray[np.intp]", counts: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Sum of sales and number of days of each store and cell, (n_stores, 14)."""
    n_stores = len(sales)
    places = (np.arange(n_stores)[:, None] * _CELLS + cells)[counts]
    sums = np.bincount(places, weights=sales[counts], minlength=n_stores * _CELLS)
    days = np.bincount(places, minlength=n_stores * _CELLS).astype(np.float64)
    shape = (n_stores, _CELLS)
    return np.asarray(sums.reshape(shape), np.float64), np.asarray(days.reshape(shape))


def _levels(sums: FloatArray, days: FloatArray) -> FloatArray:
    total_sums, total_days = sums.sum(axis=1), days.sum(axis=1)
    return np.asarray(np.divide(total_sums, total_days, out=np.full(len(sums), np.nan), where=total_days > 0))


def _borrowed(
    groups: npt.NDArray[np.str_],
    by_group: Mapping[str, tuple[float, FloatArray]],
    sums: FloatArray,
    days: FloatArray,
) -> FloatArray:
    """Each store's level, or its group's where it has none, times the shape of its group."""
    level = np.array([by_group[str(group)][0] for group in groups])
    shape = np.array([by_group[str(group)][1] for group in groups])
    own = _levels(sums, days)
    return np.asarray(np.where(np.isnan(own), level, own)[:, None] * shape)


def _level_and_shape(
    levels: FloatArray, sums: FloatArray, days: FloatArray, members: BoolArray
) -> tuple[float, FloatArray]:
    """Mean level of the members with history, and their mean sales by cell relative to their own levels (NaN: none)."""
    known = members & np.isfinite(levels)
    if not known.any():
        return float("nan"), np.full(_CELLS, np.nan)
    relative, n_days = (sums[known] / levels[known, None]).sum(axis=0), days[known].sum(axis=0)
    shape = np.divide(relative, n_days, out=np.full(_CELLS, np.nan), where=n_days > 0)
    return float(levels[known].mean()), shape
