"""Stores of which only a level is known: their group's curve, or the chain's, at the mean sales that somebody named."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fleet.arrays import AnyArray, BoolArray, FloatArray
from fleet.calendar import Window

LEAST_SPREAD = 0.5
"""Least standard deviation of log sales around such a curve: nothing of the store has been measured."""
WIDEST = math.log(5)
"""Most that a newcomer's interval is widened to either side, of log sales, where one store of the index is odd."""
CHAIN = ""
"""Stands for the whole chain where a group is named."""


@dataclass(frozen=True)
class Shapes:
    """What the curves of a chain have in common.

    `curves`: (n_stores, 7, 2) as a fleet keeps them.  `recent_sales`: (n_stores, n_days), NaN
    where closed or unknown.  `n_days`: (n_stores,) days of history.  `groups`: (n_stores,) names.
    """

    curves: FloatArray
    recent_sales: FloatArray
    n_days: npt.NDArray[np.integer]
    groups: npt.NDArray[np.str_]

    @cached_property
    def has_history(self) -> BoolArray:
        """(n_stores,): the store has sold something, so that its own curve is better than any hint."""
        return np.asarray((self.n_days > 0) | np.isfinite(self.recent_sales).any(axis=1))

    @cached_property
    def names(self) -> frozenset[str]:
        """The chain's groups."""
        return frozenset(self.groups.tolist()) - {CHAIN}

    def members(self, group: str) -> BoolArray:
        """(n_stores,): the stores of a group; every store for `CHAIN`."""
        return np.full(len(self.groups), fill_value=True) if group == CHAIN else np.asarray(self.groups == group)

    @cached_property
    def _shapes(self) -> dict[str, FloatArray]:
        return {name: self._shape(name) for name in (*self.names, CHAIN)}

    def shape(self, group: str) -> FloatArray:
        """(7, 2), by weekday and promo: sales relative to a mean open day; of the chain where the group never sold."""
        return self._shapes.get(group, self._shapes[CHAIN])

    @cached_property
    def _levels(self) -> FloatArray:
        return _means(self.recent_sales)

    def _shape(self, group: str) -> FloatArray:
        levels = self._levels
        for name in (group, CHAIN):
            known = self.members(name) & np.isfinite(levels) & (levels > 0)
            if known.any():
                return np.asarray((self.curves[known] / levels[known, None, None]).mean(axis=0))
        return np.ones(self.curves.shape[1:])


def _means(sales: FloatArray) -> FloatArray:
    """Mean of each row's numbers, NaN where it has none."""
    known = np.isfinite(sales)
    sums, counts = np.where(known, sales, 0.0).sum(axis=1), known.sum(axis=1)
    return np.asarray(np.divide(sums, counts, out=np.full(len(sales), np.nan), where=counts > 0))


def typical(window: Window) -> Window:
    """The calendar that most of some stores share, as one row; all of it is assumed."""
    columns: dict[str, AnyArray] = {}
    for name, values in window.columns.items():
        floats = values.dtype.kind == "f"
        middle = np.median(values.astype(np.float64), axis=0) if floats else _most_frequent(values)
        columns[name] = middle[None, :].astype(values.dtype)
    usual = window.usual_open.mean(axis=0, keepdims=True) > 1 / 2
    return Window(window.days, columns, window.labels, usual, np.ones((1, len(window.days)), dtype=np.bool_))


def joined(windows: Sequence[Window]) -> Window:
    """Windows over the same days, below one another."""
    first = windows[0]
    columns = {name: np.concatenate([window.columns[name] for window in windows]) for name in first.columns}
    usual, assumed = ([getattr(window, name) for window in windows] for name in ("usual_open", "assumed"))
    return Window(first.days, columns, first.labels, np.concatenate(usual), np.concatenate(assumed))


def _most_frequent(codes: AnyArray) -> AnyArray:
    counts = [(codes == code).sum(axis=0) for code in range(int(codes.max()) + 1)]
    return np.asarray(np.argmax(counts, axis=0))
