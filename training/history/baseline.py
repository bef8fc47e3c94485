"""The naive baseline, which is the fallback too: a store's mean sales by weekday and promo over the last eight weeks.

A cell that a store has not lived through gets its level times its group's shape; a store without history its group's
level. So every store of the index has a curve, and every cell of it is a number. A store that often sells nothing
needs more days to tell its cells apart: it has half a year of them, and each is drawn towards its level.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from fleet.arrays import DAYS_A_WEEK, BoolArray, FloatArray, weekdays
from fleet.calendar import UNKNOWN
from training.history.history import GroupCurve, History
from training.history.opening_days import PROMO

WINDOW_DAYS = 56
SPARSE_WINDOW_DAYS = 182
SPARSE_CELL_DAYS = 8.0
"""Days that a cell of a store that often sells nothing is drawn towards its level by."""

UNKNOWN_SPREAD = 0.5
"""Standard deviation of log sales that is assumed where no store of the chain can be measured."""
MIN_DAYS_FOR_SPREAD = 10
LEVEL_DAYS = 7.0
"""Days that tell of a store's level as much as one that stands alone: those of a week rise and fall together."""

_CELLS = DAYS_A_WEEK * 2


@dataclass(frozen=True)
class Cells:
    """What some stores sold in their window. First axis: the store.

    `sums`, `days`: (n_stores, 14) sum of sales and number of days by weekday and promo.  `squares`: sum of the squared
    residuals of log1p(sales) around each cell's mean, and `free`: days less one for each cell, (n_stores,) both.
    """

    sums: FloatArray
    days: FloatArray
    squares: FloatArray
    free: FloatArray

    def spreads(self) -> FloatArray:
        """(n_stores,) standard deviation around the cells' means; NaN where there are too few days for one."""
        measured = self.free >= MIN_DAYS_FOR_SPREAD
        return np.where(measured, np.sqrt(self.squares / np.maximum(self.free, 1)), np.nan)


CELLS = tuple(field.name for field in fields(Cells))


@dataclass(frozen=True)
class Curves:
    """The baseline of some stores.

    `sales`: (n_stores, 7, 2) mean sales of an open day by weekday and promo.  `noise`: (n_stores,) standard deviation
    of a day's log1p(sales) around log1p of that.  `level`: (n_stores,) that of the curve itself, of a store too young
    to know its level; 0 else.
    """

    sales: FloatArray
    noise: FloatArray
    level: FloatArray


def curves(history: History) -> Curves:
    """The baseline of every store; a store of few days has its noise from its group."""
    cells = cells_of(history)
    by_group = group_curves(history.groups, cells) if history.snapshot is None else history.snapshot.curves
    of_group = [by_group[str(group)] for group in history.groups]
    from_group = _from_group(of_group, cells)
    own = np.divide(cells.sums, cells.days, out=np.full(cells.sums.shape, np.nan), where=cells.days > 0)
    curve = np.where(np.isnan(own), from_group, own)
    drawn = (cells.sums + SPARSE_CELL_DAYS * from_group) / (cells.days + SPARSE_CELL_DAYS)
    curve = np.where(history.sells_zeros[:, None], drawn, curve)
    noise, level = _spreads(of_group, cells)
    return Curves(curve.reshape(-1, DAYS_A_WEEK, 2), noise, level)


def _spreads(of_group: list[GroupCurve], cells: Cells) -> tuple[FloatArray, FloatArray]:
    usual = np.array([group.noise for group in of_group])
    missing = np.maximum(MIN_DAYS_FOR_SPREAD - cells.free, 0.0)
    # A store of three weeks lies close to means of one or two days each.
    squares = cells.squares + missing * usual**2
    noise = np.sqrt(squares / np.maximum(cells.free, MIN_DAYS_FOR_SPREAD))
    n_days = cells.days.sum(axis=1)
    young = np.maximum(1 / np.maximum(n_days, 1) - 1 / WINDOW_DAYS, 0.0)
    between = np.array([group.level_spread for group in of_group])
    return noise, np.where(n_days > 0, noise * np.sqrt(LEVEL_DAYS * young), between)


def cells_of(history: History) -> Cells:
    """What each store sold in its window."""
    sales, cells, counts = _window(history)
    sums, days = _by_cell(np.where(counts, sales, 0.0), cells, counts)
    means = np.divide(sums, days, out=np.zeros(sums.shape), where=days > 0)
    fitted = np.take_along_axis(means, cells, axis=1)
    residual = np.where(counts, np.log1p(np.where(counts, sales, 0.0)) - np.log1p(fitted), 0.0)
    free = counts.sum(axis=1) - (days > 0).sum(axis=1)
    return Cells(sums, days, (residual**2).sum(axis=1), free.astype(np.float64))


def group_curves(groups: npt.NDArray[np.str_], cells: Cells) -> dict[str, GroupCurve]:
    """What each group's stores sell; the chain's where the group does not know."""
    levels, spreads = _levels(cells.sums, cells.days), cells.spreads()
    chain = _group_curve(levels, spreads, cells, np.ones(len(levels), dtype=np.bool_))
    everywhere = GroupCurve(
        chain.level,
        np.where(np.isnan(chain.shape), 1.0, chain.shape),
        *(UNKNOWN_SPREAD if np.isnan(spread) else spread for spread in (chain.noise, chain.level_spread)),
    )
    return {
        str(group): _filled(_group_curve(levels, spreads, cells, groups == group), everywhere)
        for group in np.unique(groups)
    }


def _filled(own: GroupCurve, chain: GroupCurve) -> GroupCurve:
    numbers = (getattr(own, name) for name in ("level", "noise", "level_spread"))
    level, noise, level_spread = (
        instead if np.isnan(number) else number
        for number, instead in zip(numbers, (chain.level, chain.noise, chain.level_spread), strict=True)
    )
    return GroupCurve(level, np.where(np.isnan(own.shape), chain.shape, own.shape), noise, level_spread)


def _window(history: History) -> tuple[FloatArray, "np.typing.NDArray[np.intp]", BoolArray]:
    """Sales, cell of each day (weekday and promo) and whether it counts, over each store's own last weeks."""
    counts = history.fitted_days()
    n_days = counts.shape[1]
    last = np.where(counts.any(axis=1), n_days - 1 - np.argmax(counts[:, ::-1], axis=1), 0)
    length = np.where(history.sells_zeros, SPARSE_WINDOW_DAYS, WINDOW_DAYS)
    counts &= np.arange(n_days)[None, :] > (last - length)[:, None]
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


def _from_group(of_group: list[GroupCurve], cells: Cells) -> FloatArray:
    """Each store's level, or its group's where it has none, times the shape of its group."""
    level = np.array([group.level for group in of_group])
    shape = np.array([group.shape for group in of_group])
    own = _levels(cells.sums, cells.days)
    return np.asarray(np.where(np.isnan(own), level, own)[:, None] * shape)


def _group_curve(levels: FloatArray, spreads: FloatArray, cells: Cells, members: BoolArray) -> GroupCurve:
    """Of the members with history: mean level, mean sales by cell relative to their own levels, spreads; NaN: none."""
    known = members & (levels > 0)
    if not known.any():
        return GroupCurve(float("nan"), np.full(_CELLS, np.nan), float("nan"), float("nan"))
    relative, n_days = (cells.sums[known] / levels[known, None]).sum(axis=0), cells.days[known].sum(axis=0)
    shape = np.divide(relative, n_days, out=np.full(_CELLS, np.nan), where=n_days > 0)
    measured = spreads[members & np.isfinite(spreads)]
    noise = float(np.median(measured)) if len(measured) else float("nan")
    between = float(np.log1p(levels[known]).std(ddof=1)) if known.sum() > 1 else float("nan")
    return GroupCurve(float(levels[known].mean()), shape, noise, between)
