"""A chain's history as a panel: one row a store, one column a day, nothing missing but what is NaN or unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fleet import Calendar, Column
from fleet.arrays import DAYS_A_WEEK, AnyArray, BoolArray, FloatArray, IntArray, weekdays
from fleet.calendar import OPEN, UNKNOWN


@dataclass(frozen=True)
class Moment:
    """What a whole chain knows at the end of a day, for stores that know too little themselves; by group.

    `habits`: days opened and days known by weekday, (7,) each.  `curves`: mean sales of an open day and their shape,
    (14,) by weekday and promo, relative to it.
    """

    habits: Mapping[str, tuple[FloatArray, FloatArray]]
    curves: Mapping[str, tuple[float, FloatArray]]


@dataclass(frozen=True)
class Chain:
    """What a part of a chain must be told of the rest. `moments`: by the last day of sales that is known.

    `first_day`, `last_day`: of all sales.  `through`: last day of the calendar.  `columns`: with the labels of all
    parts.  `usual_numbers`: a number where a store has none.
    """

    first_day: int
    last_day: int
    through: int
    columns: tuple[Column, ...]
    usual_numbers: Mapping[str, float]
    moments: Mapping[int, Moment]


@dataclass(frozen=True)
class History:
    """What is known of a chain, or of a part of it, `chain` then telling of the rest.

    `sales`: (n_stores, n_days), from `first_day` to `last_day`, NaN where there is no row.  `groups`: (n_stores,) store
    attributes in one word.  `calendar` begins on `first_day` too and goes on into the days ahead.  `open_told`: it says
    when stores open; else that was read off the sales.
    """

    store_ids: tuple[str, ...]
    groups: npt.NDArray[np.str_]
    sales: FloatArray
    calendar: Calendar
    chain: Chain | None = None
    open_told: bool = True

    @property
    def moment(self) -> Moment | None:
        """What the whole chain knows at the end of this history; None where this is the whole chain."""
        return None if self.chain is None else self.chain.moments[self.last_day]

    @property
    def first_day(self) -> int:
        """Day number of the first column."""
        return self.calendar.first_day

    @property
    def last_day(self) -> int:
        """Day number of the last day with sales of any store."""
        return self.first_day + int(self.sales.shape[1]) - 1

    @property
    def days(self) -> IntArray:
        """(n_days,) day numbers of `sales`."""
        return np.arange(self.first_day, self.last_day + 1)

    @property
    def n_rows(self) -> int:
        """Known store days."""
        return int(np.isfinite(self.sales).sum())

    def fitted_days(self) -> BoolArray:
        """(n_stores, n_days): open with sales, the days that models are fitted on and judged by."""
        opening = self.calendar.values[OPEN][:, : self.sales.shape[1]]
        return np.asarray((opening == 1) & (self.sales > 0))

    def rows(self, rows: IntArray) -> "History":
        """Some of the stores."""
        return replace(
            self,
            store_ids=tuple(self.store_ids[row] for row in rows),
            groups=self.groups[rows],
            sales=self.sales[rows],
            calendar=self.calendar.rows(rows),
        )

    def until(self, cutoff: int) -> "History":
        """The same chain as it was known at the end of day `cutoff`: later sales gone, the calendar as it was then.

        Then as now, the calendar tells of so many days ahead; beyond them nobody has said yet.
        """
        cut = replace(self, sales=self.sales[:, : cutoff - self.first_day + 1])
        counts = opening_counts(self.calendar.values[OPEN][:, : cut.sales.shape[1]], self.first_day)
        habits = habits_of(self.groups, *counts) if cut.moment is None else cut.moment.habits
        ahead = cutoff + self.calendar.last_day - self.last_day
        values = {
            name: _until(values, (cutoff if name == OPEN and not self.open_told else ahead) - self.first_day + 1)
            for name, values in self.calendar.values.items()
        }
        usual = usual_opening(*counts, self.groups, habits)
        return replace(cut, calendar=replace(self.calendar, values=values, usual_open=usual))


def _until(values: AnyArray, n_days: int) -> AnyArray:
    """A calendar's column of which only the first days are known."""
    blank = np.nan if values.dtype.kind == "f" else UNKNOWN
    return np.where(np.arange(values.shape[1]) < n_days, values, np.array(blank, dtype=values.dtype))


def natural_order(store_ids: npt.NDArray[np.str_]) -> IntArray:
    """Order in which people list stores: 2 before 10, numbers before words."""
    keys = [(0, int(text), text) if text.isdecimal() else (1, 0, text) for text in store_ids.tolist()]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


def opening_counts(opening: AnyArray, first_day: int) -> tuple[FloatArray, FloatArray]:
    """Days that each store opened and days that are known, (n_stores, 7) each, Monday first."""
    weekday = weekdays(np.arange(first_day, first_day + opening.shape[1]))
    opened, known = np.zeros((len(opening), DAYS_A_WEEK)), np.zeros((len(opening), DAYS_A_WEEK))
    for day in range(DAYS_A_WEEK):
        part = opening[:, weekday == day]
        opened[:, day], known[:, day] = (part == 1).sum(axis=1), (part != UNKNOWN).sum(axis=1)
    return opened, known


def habits_of(
    groups: npt.NDArray[np.str_], opened: FloatArray, known: FloatArray
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """The counts of each group's stores together."""
    together = {str(group): groups == group for group in np.unique(groups)}
    return {group: (opened[there].sum(axis=0), known[there].sum(axis=0)) for group, there in together.items()}


def usual_opening(
    opened: FloatArray,
    known: FloatArray,
    groups: npt.NDArray[np.str_],
    habits: Mapping[str, tuple[FloatArray, FloatArray]],
) -> BoolArray:
    """(n_stores, 7) whether a store opens on that weekday more often than not; its group's habit where nobody knows."""
    its_opened, its_known = (np.array([habits[str(group)][place] for group in groups]) for place in (0, 1))
    nobody = known == 0
    return np.asarray(np.where(nobody, its_opened, opened) * 2 >= np.maximum(np.where(nobody, its_known, known), 1))


def usual_number(values: AnyArray) -> FloatArray:
    """(n_stores,) median of a number column, NaN where a store has none."""
    usual = np.full(len(values), np.nan)
    known = np.isfinite(values).any(axis=1)
    usual[known] = np.nanmedian(values[known].astype(np.float64), axis=1)
    return usual


def number_of_chain(usual: FloatArray) -> float:
    """What a store without that number gets: the median store's, 0 where nobody has one."""
    known = usual[np.isfinite(usual)]
    return float(np.median(known)) if len(known) else 0.0
