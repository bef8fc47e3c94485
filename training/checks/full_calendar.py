"""A calendar of all days, past and future, which is the usual table: its future part are the days ahead.

Its past part is taken where the history has no row; where it has one, the history's own columns count. An opening that
only the calendar tells of counts in the past as well, but for days with sales, which were open whatever it says.
Nothing in the past part is ever a problem: what cannot be used of it is left.
"""

from dataclasses import replace

import numpy as np

from fleet.arrays import BoolArray, IntArray
from fleet.calendar import OPEN
from training.checks import validate
from training.checks.validate import EARLIEST, LATEST, Report
from training.history.history import ChainContext
from training.sources.arrow_columns import Numbers
from training.sources.mapping import Mapped
from training.sources.tables import OPENING, NameArray, Table


def parted(ahead: Table, last_day: int) -> tuple[Table, Table]:
    """The days ahead, and the past part. `last_day`: of the history."""
    past = (ahead.days.days >= EARLIEST) & (ahead.days.days <= last_day)
    return ahead.keep(~past), ahead.keep(past)


def usable(past: Table, train: Table, ids: NameArray, mapped: Mapped, days: ChainContext) -> list[Table]:
    """What of the past part is taken: days without a row of sales, then opening of days that have one.

    Args: ids: all stores.  train: rows without a problem.
    """
    report = Report()
    good = validate.check(report, past, mapped) & ~report.bad_rows(past)
    good &= np.isin(np.array([*past.stores.words, ""], dtype=np.str_), ids)[past.stores.codes]
    past = past.keep(good & (past.days.days >= days.first_day))
    row = _row_in(train, past)
    found = [past.keep(row < 0)]
    if OPEN in past.numbers and OPEN not in train.raw.column_names and "y" in train.numbers:
        found.append(_opening(past.keep(row >= 0), train.numbers["y"].cells[row[row >= 0]] > 0))
    return found


def _opening(past: Table, sold: BoolArray) -> Table:
    """A table of nothing but opening. `sold`: (n_rows,) the day had sales."""
    told = past.numbers[OPEN].cells
    cells = np.where(sold, 1.0, told)
    only = replace(past, name=OPENING, numbers={OPEN: Numbers(cells, np.isfinite(cells))}, kinds={})
    return only.keep(np.isfinite(cells))


def _row_in(train: Table, table: Table) -> IntArray:
    """(n_rows,) the row of `train` with the same store and day, -1 where there is none."""
    codes = {word: code for code, word in enumerate(train.stores.words)}
    own = np.array([*(codes.get(word, -1) for word in table.stores.words), -1], dtype=np.int64)[table.stores.codes]
    keys, wanted = _keys(train.stores.codes, train.days.days), _keys(own, table.days.days)
    if not len(keys):
        return np.full(len(wanted), -1, dtype=np.int64)
    order = np.argsort(keys)
    at = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    return np.where((keys[at] == wanted) & (own >= 0), at, -1)


def _keys(codes: IntArray, days: IntArray) -> IntArray:
    return codes * (LATEST - EARLIEST + 1) + days - EARLIEST
