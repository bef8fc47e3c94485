"""A chain's history as a panel: one row a store, one column a day, nothing missing but what is NaN or unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fleet import Calendar, Column
from fleet.arrays import DAYS_A_WEEK, AnyArray, BoolArray, FloatArray, IntArray, weekdays
from fleet.calendar import OPEN, UNKNOWN


@dataclass(frozen=True)
class History:
    """What is known of a chain.

    `sales`: (n_stores, n_days), from `first_day` to `last_day`, NaN where there is no row.  `groups`: (n_stores,) store
    attributes in one word.  `calendar` begins on `first_day` too and goes on into the days ahead.
    """

    store_ids: tuple[str, ...]
    groups: npt.NDArray[np.str_]
    sales: FloatArray
    calendar: Calendar

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

    def until(self, cutoff: int) -> "History":
        """The same chain as it was known at the end of day `cutoff`: later sales gone, the calendar kept as a plan."""
        kept = self.sales[:, : cutoff - self.first_day + 1]
        n_days = kept.shape[1]
        past = {name: values[:, :n_days] for name, values in self.calendar.values.items()}
        usual = usual_opening(past[OPEN], self.first_day, self.groups)
        return replace(self, sales=kept, calendar=replace(self.calendar, usual_open=usual))


def natural_order(store_ids: npt.NDArray[np.str_]) -> IntArray:
    """Order in which people list stores: 2 before 10, numbers before words."""
    keys = [(0, int(text), text) if text.isdecimal() else (1, 0, text) for text in store_ids.tolist()]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


def build_calendar(
    columns: tuple[Column, ...], values: Mapping[str, AnyArray], first_day: int, groups: npt.NDArray[np.str_]
) -> Calendar:
    """The fleet's calendar of a panel: its usual opening by weekday and usual numbers are read off the known days."""
    usual_numbers = {c.name: _usual_number(values[c.name]) for c in columns if c.type == "number"}
    usual = usual_opening(values[OPEN], first_day, groups)
    return Calendar(first_day, columns, values, usual, usual_numbers)


def usual_opening(opening: AnyArray, first_day: int, groups: npt.NDArray[np.str_]) -> BoolArray:
    """(n_stores, 7) whether a store opens on that weekday more often than not; its group's habit where nobody knows."""
    weekday = weekdays(np.arange(first_day, first_day + opening.shape[1]))
    opened, known = np.zeros((len(opening), DAYS_A_WEEK)), np.zeros((len(opening), DAYS_A_WEEK))
    for day in range(DAYS_A_WEEK):
        part = opening[:, weekday == day]
        opened[:, day], known[:, day] = (part == 1).sum(axis=1), (part != UNKNOWN).sum(axis=1)
    for group in np.unique(groups):
        members = groups == group
        unknown = members[:, None] & (known == 0)
        totals = np.broadcast_to(known[members].sum(axis=0), known.shape)
        opens = np.broadcast_to(opened[members].sum(axis=0), known.shape)
        known[unknown], opened[unknown] = totals[unknown], opens[unknown]
    return np.asarray(opened * 2 >= np.maximum(known, 1))


def _usual_number(values: AnyArray) -> FloatArray:
    numbers = values.astype(np.float64)
    everywhere = float(np.nanmedian(numbers)) if np.isfinite(numbers).any() else 0.0
    usual = np.full(len(numbers), everywhere)
    known = np.isfinite(numbers).any(axis=1)
    usual[known] = np.nanmedian(numbers[known], axis=1)
    return usual
