"""Days on which nothing was sold: closed, or open without a customer?

Where a chain says when its stores open, an open day without sales is one. Where it does not, a day without sales is a
closed one if the pattern of the store or of its group says so: a weekday or a kind of day on which the store never
sells, a day on which hardly anybody of the group does, a long run of them, or a single one in a store that never
comes near zero.
"""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fleet import Calendar
from fleet.arrays import DAYS_A_WEEK, AnyArray, BoolArray, FloatArray, IntArray, weekdays
from fleet.calendar import OPEN, UNKNOWN
from training.history.opening_days import CERTAIN, absent_days, divergence

REGULAR_SHARE = 0.05
"""Share of a store's open days from which those without sales belong to how it sells."""

MIN_ZEROS = 3
"""Days without sales below which a share of them says nothing."""

LOW_QUANTILE, NEAR_ZERO = 0.02, 0.25
"""A store comes near zero where this quantile of its selling days is under that share of their median."""

FEW_A_DAY = 10
"""Median of a store that sells whole numbers up to which a day without sales is chance."""

LONG_RUN_DAYS = 7
"""Open days in a row without sales from which they may be a closure."""


def sells_zeros(sales: FloatArray, is_open: BoolArray) -> BoolArray:
    """(n_stores,): open days without sales are a part of how the store sells, and belong into its fit.

    Of the others, a day without sales has another reason, which no wave and no promotion explains: it is judged, and
    not fitted.
    """
    zero = is_open & (sales == 0)
    regular = np.zeros(len(sales), dtype=np.bool_)
    for row in np.flatnonzero(zero.any(axis=1)):
        positive = sales[row, is_open[row] & (sales[row] > 0)]
        regular[row] = _is_regular(int(zero[row].sum()), positive)
    return regular


def _is_regular(n_zeros: int, positive: FloatArray) -> bool:
    if not len(positive):
        return False
    often = n_zeros >= MIN_ZEROS and n_zeros >= REGULAR_SHARE * (n_zeros + len(positive))
    low, middle = np.quantile(positive, [LOW_QUANTILE, 0.5])
    return bool(often or low < NEAR_ZERO * middle or sells_few(positive, FEW_A_DAY))


def sells_few(positive: FloatArray, most: float) -> bool:
    """Whether a store sells a few a day, whole numbers with a median of at most so many.  Args: its selling days."""
    return bool(len(positive) and np.median(positive) <= most and (positive == np.round(positive)).all())


def day_counts(sales: FloatArray, first_day: int) -> FloatArray:
    """(n_days, 2) of some stores: those that sold on a day, and those that could have, for they have rows that week."""
    known = np.isfinite(sales) | absent_days(sales, first_day)
    return np.stack([(sales > 0).sum(axis=0), known.sum(axis=0)], axis=1).astype(np.float64)


def quiet_days(counts: FloatArray, first_day: int) -> BoolArray:
    """(n_days,): hardly anybody of a group sold, of those that usually sell on that weekday.  Args: `day_counts`."""
    weekday = weekdays(np.arange(first_day, first_day + len(counts)))
    sold, known = counts[:, 0], counts[:, 1]
    share = sold / np.maximum(known, 1)
    usual = np.zeros(DAYS_A_WEEK)
    for day in range(DAYS_A_WEEK):
        on = (weekday == day) & (known > 0)
        # With one more day, on which half of a store sold, so that nothing is beyond doubt.
        usual[day] = (sold[on].sum() + 1 / 2) / (known[on].sum() + 1)
    expected = usual[weekday]
    return np.asarray((share < expected / 2) & (known * divergence(share, expected) > CERTAIN))


def settled(calendar: Calendar, sales: FloatArray, quiet: BoolArray) -> AnyArray:
    """(n_stores, n_days) `open` of the past, where neither a word nor sales say it: by the patterns of store and group.

    Args: quiet: (n_stores, n_days) hardly anybody of the store's group sold.
    """
    opening = calendar.values[OPEN][:, : sales.shape[1]].copy()
    opening[absent_days(sales, calendar.first_day) & quiet & (opening == UNKNOWN)] = 0
    zero = sales == 0
    if not calendar.open_told and zero.any():
        # As if nobody had said: what is closed then is closed by a pattern.
        usual = replace(calendar, values={**calendar.values, OPEN: np.full_like(opening, UNKNOWN)})
        last = calendar.first_day + sales.shape[1] - 1
        window = usual.window(np.arange(len(sales)), calendar.first_day, last)
        opening[zero] = open_without_sales(sales, window.is_open & ~quiet)[zero]
    return opening


def open_without_sales(sales: FloatArray, usually_open: BoolArray) -> BoolArray:
    """(n_stores, n_days): a row without sales, on a day that no pattern says was a closed one.

    Args: usually_open: (n_stores, n_days) neither weekday, kind of day nor the group says that the store was closed.
    """
    zero = (sales == 0) & usually_open
    found = np.zeros(sales.shape, dtype=np.bool_)
    for row in np.flatnonzero(zero.any(axis=1)):
        places = np.flatnonzero(usually_open[row] & np.isfinite(sales[row]))
        ordinary = places[~_in_long_run(sales[row, places] == 0)]
        positive = sales[row, ordinary][sales[row, ordinary] > 0]
        if _is_regular(len(ordinary) - len(positive), positive):
            found[row, ordinary] = sales[row, ordinary] == 0
    return found


def _in_long_run(nothing: BoolArray) -> BoolArray:
    """(n_days,) of a store's open days: in a run without sales longer than chance makes one anywhere in its history."""
    length, ordinary = run_lengths(nothing), np.ones(len(nothing), dtype=np.bool_)
    for _ in range(len(nothing)):  # with every closure that is found, a day without sales is less usual
        chance = (float(nothing[ordinary].sum()) + 1 / 2) / (ordinary.sum() + 1)
        by_chance = (length < LONG_RUN_DAYS) | (length * -math.log(chance) <= math.log(len(nothing)) + CERTAIN)
        if (by_chance == ordinary).all():
            break
        ordinary = by_chance
    return ~ordinary


def run_lengths(days: npt.NDArray[np.bool_]) -> IntArray:
    """(n_days,) the length of the run of true days that each of them belongs to, 0 for the others."""
    edges = np.diff(np.concatenate([[0], days.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    lengths = np.zeros(len(days), dtype=np.int64)
    lengths[days] = np.repeat(ends - starts, ends - starts)
    return lengths
