"""A chain's history as a panel: one row a store, one column a day, nothing missing but what is NaN or unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fleet import Calendar, Column
from fleet.arrays import AnyArray, BoolArray, FloatArray, IntArray
from fleet.calendar import OPEN, UNKNOWN
from training.history.opening_days import (
    GroupHabits,
    Habits,
    absent_days,
    by_group,
    habits_of,
    usual_weekdays,
    usually_closed,
)
from training.history.zero_sales import sells_zeros, settled


@dataclass(frozen=True)
class ChainSnapshot:
    """What a whole chain knows at the end of a day, for stores that know too little themselves; by group.

    `habits`: when its stores open.  `curves`: what they sell.
    """

    habits: GroupHabits
    curves: Mapping[str, "GroupCurve"]


@dataclass(frozen=True)
class GroupCurve:
    """What the stores of a group sell on an open day.

    `level`: their mean.  `shape`: (14,) by weekday and promo, relative to it.  `noise`: the median store's standard
    deviation of log sales around its own curve.  `level_spread`: standard deviation of the stores' log levels.
    """

    level: float
    shape: FloatArray
    noise: float
    level_spread: float


@dataclass(frozen=True)
class ChainContext:
    """What a part of a chain needs of the rest. `snapshots`: by the last day of sales that is known.

    `first_day`, `last_day`: of all sales.  `through`: last day of the calendar.  `columns`: with the labels of all
    parts.  `usual_numbers`: a number where a store has none.  `quiet`: by group, (n_days,) days from `first_day` to
    `last_day` on which hardly anybody of it sold.  `open_told`: see `Calendar.open_told`.
    """

    first_day: int
    last_day: int
    through: int
    columns: tuple[Column, ...]
    usual_numbers: Mapping[str, float]
    snapshots: Mapping[int, ChainSnapshot]
    quiet: Mapping[str, BoolArray] = field(default_factory=dict)
    open_told: bool = True


@dataclass(frozen=True)
class History:
    """What is known of a chain, or of a part of it; `chain` then holds what the part needs of the rest.

    `sales`: (n_stores, n_days), from `first_day` to `last_day`, NaN where there is no row.  `groups`: (n_stores,) store
    attributes in one word.  `calendar` begins on `first_day` too and goes on into the days ahead.  `quiet`: as in
    `ChainContext`.
    `opening_said`: (n_stores, n_days) somebody says whether the store was open, beside the table of sales.
    """

    store_ids: tuple[str, ...]
    groups: npt.NDArray[np.str_]
    sales: FloatArray
    calendar: Calendar
    chain: ChainContext | None = None
    quiet: Mapping[str, BoolArray] = field(default_factory=dict)
    opening_said: BoolArray | None = None

    @property
    def open_told(self) -> bool:
        """The calendar says when stores open; else that was read off the sales."""
        return self.calendar.open_told

    @property
    def snapshot(self) -> ChainSnapshot | None:
        """What the whole chain knows at the end of this history; None where this is the whole chain."""
        return None if self.chain is None else self.chain.snapshots[self.last_day]

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

    def judged_days(self) -> BoolArray:
        """(n_stores, n_days): open, and with a row of sales, be they zero."""
        opening = self.calendar.values[OPEN][:, : self.sales.shape[1]]
        return np.asarray((opening == 1) & np.isfinite(self.sales))

    def fitted_days(self) -> BoolArray:
        """(n_stores, n_days): what models are fitted on, open days with sales.

        Open days without sales are among them where they belong to how the store sells; see `zeros.sells_zeros`.
        """
        return np.asarray(self.judged_days() & ((self.sales > 0) | self.sells_zeros[:, None]))

    @cached_property
    def sells_zeros(self) -> BoolArray:
        """(n_stores,): selling nothing on an open day belongs to how the store sells."""
        return sells_zeros(self.sales, self.judged_days())

    def closed_days(self) -> BoolArray:
        """(n_stores, n_days): closed, by a row or by the lack of one on a day on which the store never opens."""
        rows = np.arange(len(self.store_ids))
        window = self.calendar.window(rows, self.first_day, self.last_day)
        known = np.isfinite(self.sales) | absent_days(self.sales, self.first_day)
        return np.asarray(known & ~window.is_open)

    def rows(self, rows: IntArray) -> "History":
        """Some of the stores."""
        return replace(
            self,
            store_ids=tuple(self.store_ids[row] for row in rows),
            groups=self.groups[rows],
            sales=self.sales[rows],
            calendar=self.calendar.rows(rows),
            opening_said=None if self.opening_said is None else self.opening_said[rows],
        )

    def settled(self) -> "History":
        """The same, `open` of past days that nobody tells of decided by the patterns of all that is known here."""
        if not self.quiet:
            return self
        n_days = self.sales.shape[1]
        quiet = np.array([self.quiet[str(group)][:n_days] for group in self.groups])
        found, opening = settled(self.calendar, self.sales, quiet), self.calendar.values[OPEN].copy()
        said = np.zeros(found.shape, dtype=np.bool_) if self.opening_said is None else self.opening_said[:, :n_days]
        opening[:, :n_days] = np.where(said, opening[:, :n_days], found)
        return replace(self, calendar=replace(self.calendar, values={**self.calendar.values, OPEN: opening}))

    def until(self, cutoff: int) -> "History":
        """The same chain as it was known at the end of day `cutoff`: later sales gone, the calendar as it was then.

        Then as now, the calendar tells of so many days ahead; beyond them nobody has said yet.
        """
        cut = replace(self, sales=self.sales[:, : cutoff - self.first_day + 1])
        ahead = cutoff + self.calendar.last_day - self.last_day
        values = {
            name: _until(values, (cutoff if name == OPEN and not self.open_told else ahead) - self.first_day + 1)
            for name, values in self.calendar.values.items()
        }
        calendar = replace(self.calendar, values=values)
        # The days ahead tell of habits, too; a backtest does not go by them.
        habits = habits_of(calendar, cut.sales, cut.sales.shape[1], told=self.open_told)
        of_groups = None if cut.snapshot is None else cut.snapshot.habits
        known = replace(cut, calendar=with_habits(calendar, self.groups, habits, of_groups))
        # Where opening is read off the sales, later ones have had their say in it.
        return known if self.open_told else known.settled()


def with_habits(
    calendar: Calendar, groups: npt.NDArray[np.str_], habits: Habits, of_groups: GroupHabits | None
) -> Calendar:
    """A calendar that goes by its stores' habits where nobody said whether they open.

    Args: of_groups: of the whole chain; None where these stores are all of it.
    """
    of_group = (of_groups or by_group(habits, groups)).of(groups)
    weekdays_open = usual_weekdays(habits, of_group, told=calendar.open_told)
    return replace(calendar, usual_open=weekdays_open, usually_closed=usually_closed(habits, of_group, calendar))


def _until(values: AnyArray, n_days: int) -> AnyArray:
    """A calendar's column of which only the first days are known."""
    blank = np.nan if values.dtype.kind == "f" else UNKNOWN
    return np.where(np.arange(values.shape[1]) < n_days, values, np.array(blank, dtype=values.dtype))


def natural_order(store_ids: npt.NDArray[np.str_]) -> IntArray:
    """Order in which people list stores: 2 before 10, numbers before words."""
    keys = [(0, int(text), text) if text.isdecimal() else (1, 0, text) for text in store_ids.tolist()]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


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
