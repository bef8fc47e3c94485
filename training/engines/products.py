"""Sums of products of a store's columns: all that the fit needs to know of its days.

Order of the columns: the smooth block (slope, level, waves, regressors), the changepoints' hinges, the target. A column
is a row of an array, so that its days lie side by side. Of symmetric matrices only the upper triangle is filled.
"""

import numpy as np

from fleet.arrays import FloatArray, IntArray
from training.engines.compiled import compiled, compiled_sums

SLOPE, LEVEL = 0, 1


@compiled_sums
def cross_products(left: FloatArray, right: FloatArray, symmetric: bool, products: FloatArray) -> None:  # noqa: FBT001 - compiled code takes positions
    """Write the sum over days of left i times right j to products[i, j]; of a symmetric result, where j >= i.

    Two by two: each value that is read is used twice.
    """
    n_left, n_right, n_days = len(left), len(right), left.shape[1]
    for i in range(0, n_left, 2):
        i_next = min(i + 1, n_left - 1)
        a, a_next = left[i], left[i_next]
        for j in range(i if symmetric else 0, n_right, 2):
            j_next = min(j + 1, n_right - 1)
            b, b_next = right[j], right[j_next]
            first = second = third = fourth = 0.0
            for day in range(n_days):
                first += a[day] * b[day]
                second += a[day] * b_next[day]
                third += a_next[day] * b[day]
                fourth += a_next[day] * b_next[day]
            products[i, j], products[i, j_next] = first, second
            products[i_next, j], products[i_next, j_next] = third, fourth


@compiled_sums
def hinge_products(columns: FloatArray, t: FloatArray, places: IntArray, products: FloatArray) -> None:
    """Write the sum over days of column i times hinge h to products[i, h].

    Hinge h is max(t - t[places[h]], 0), so the sum runs over the days after its kink only: one walk from the last day
    to the first gives those of all hinges.  t, places: ascending.
    """
    for i in range(len(columns)):
        total = moment = 0.0
        end = len(t)
        for hinge in range(len(places) - 1, -1, -1):
            start = places[hinge] + 1
            values, times = columns[i, start:end], t[start:end]
            for day in range(len(values)):
                total += values[day]
                moment += times[day] * values[day]
            products[i, hinge] = moment - t[places[hinge]] * total
            end = start


@compiled
def design_products(smooth: FloatArray, weighed: FloatArray, t: FloatArray, places: IntArray) -> FloatArray:
    """The products of the smooth block and the hinges, with room for the target's in the last column.

    Args: weighed: `smooth` times each day's weight.
    """
    n_smooth, n_hinges = len(smooth), len(places)
    size = n_smooth + n_hinges + 1
    products = np.zeros((size, size))
    cross_products(smooth, weighed, True, products[:n_smooth, :n_smooth])
    hinge_products(weighed, t, places, products[:n_smooth, n_smooth:])
    for later in range(n_hinges):
        column = n_smooth + later
        for earlier in range(later + 1):
            kink = t[places[earlier]]
            products[n_smooth + earlier, column] = products[SLOPE, column] - kink * products[LEVEL, column]
    return products


@compiled_sums
def target_products(
    weighed: FloatArray, weights: FloatArray, t: FloatArray, places: IntArray, targets: FloatArray
) -> FloatArray:
    """Each target's products with the smooth block, the hinges and itself: a row of n_smooth + n_hinges + 1 each.

    Args: weighed: the smooth block times each day's weight.  weights: (n_days,).
    """
    n_smooth, n_hinges = len(weighed), len(places)
    products = np.zeros((len(targets), n_smooth + n_hinges + 1))
    cross_products(targets, weighed, False, products[:, :n_smooth])
    hinge_products(targets * weights, t, places, products[:, n_smooth : n_smooth + n_hinges])
    for row in range(len(targets)):
        for day in range(targets.shape[1]):
            products[row, -1] += targets[row, day] * weights[day] * targets[row, day]
    return products
