"""What is odd in a store's own rows: gaps, ends, what its calendar leaves out."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fleet.arrays import DAYS_A_WEEK, BoolArray, IntArray, weekdays
from fleet.calendar import OPEN, UNKNOWN
from training.checks.notices import (
    ASSUMED,
    CALENDAR_HOLES,
    ENDED,
    GAP,
    NO_CALENDAR,
    NO_HISTORY,
    NO_SALES,
    SALES_ENDED,
    SHORT_CALENDAR,
    Notice,
    Notices,
    date_of,
    days_in_words,
    merged,
)
from training.history.history import History
from training.history.opening_days import within
from training.history.zero_sales import run_lengths

ENDED_DAYS = 28
"""Days without a row at a history's end, or without sales, from which a store may have been given up."""

SPARSE_SHARE = 0.2
"""Share of a store's open days without a row from which they may be days on which it sold nothing."""


def notices_of_stores(history: History, horizon_days: int) -> Notices:
    """Notices that a store's own rows give rise to; of a chain or of a part of it."""
    has_row = np.isfinite(history.sales)
    told = _told(history, has_row, horizon_days)
    ahead = told[:, has_row.shape[1] :]
    found = [_no_history(history, has_row), _no_sales(history, has_row), _gaps(history, has_row)]
    found += [_ended(history, has_row), _sales_ended(history, has_row)]
    found += [_calendar_of_stores(history, ahead), _calendar_holes(history, ahead)]
    columns = [column.name for column in history.calendar.columns]
    found += [_assumed(history, told, name) for name in columns if name != OPEN or history.open_told]
    return merged(found)


def _of(stores: npt.ArrayLike, notice: Callable[[int], Notice]) -> Notices:
    return Notices(tuple(notice(int(row)) for row in np.flatnonzero(np.asarray(stores))))


def _no_history(history: History, has_row: BoolArray) -> Notices:
    none = np.asarray(~has_row.any(axis=1))
    what = "no row of sales: it has no model, and is answered by the curve of its group"
    return _of(none, lambda row: Notice(NO_HISTORY, history.store_ids[row], "", "y", what))


def _no_sales(history: History, has_row: BoolArray) -> Notices:
    none = np.asarray(has_row.any(axis=1) & ~history.fitted_days().any(axis=1))
    what = "no open day with sales: it has no model, and is answered by the curve of its group"
    return _of(none, lambda row: Notice(NO_SALES, history.store_ids[row], "", "y", what))


def _gaps(history: History, has_row: BoolArray) -> Notices:
    """Days without a row within a store's history, the longest run first.

    Not on weekdays and kinds of day on which it never has one, nor on days on which hardly anybody of its group has.
    """
    rows = np.arange(len(has_row))
    is_open = history.calendar.window(rows, history.first_day, history.last_day).is_open
    missing = within(has_row) & ~has_row & is_open
    weekday = weekdays(history.days)
    for day in range(DAYS_A_WEEK):
        on = weekday == day
        missing[:, on] &= has_row[:, on].any(axis=1, keepdims=True)
    return _of(missing.any(axis=1), lambda row: _gap(history, row, missing[row], np.flatnonzero(has_row[row])))


def _gap(history: History, row: int, missing: BoolArray, with_row: IntArray) -> Notice:
    """Args: missing: (n_days,) days without a row.  with_row: places of the days that have one."""
    # Closed days between two missing ones do not end a run.
    places = np.sort(np.concatenate([with_row, np.flatnonzero(missing)]))
    lengths = run_lengths(missing[places])
    longest = places[np.flatnonzero(lengths == lengths.max())[: lengths.max()]]
    first, last, count = int(longest[0]), int(longest[-1]), int(missing.sum())
    run = days_in_words(last - first + 1)
    what = f"no row for {run}, from this day to {date_of(history.first_day + last)}"
    if count > len(longest):
        what += f", its longest gap; {count} open days in all"
    what += ": left out of the fit, not filled"
    if count - len(longest) > SPARSE_SHARE * len(places):
        what += ". If nothing was sold on them, write them with 0: without these days the forecast is too high"
    return Notice(GAP, history.store_ids[row], date_of(history.first_day + first), "ds", what, last - first + 1)


def _ended(history: History, has_row: BoolArray) -> Notices:
    silent = np.where(has_row.any(axis=1), np.argmax(has_row[:, ::-1], axis=1), 0)

    def notice(row: int) -> Notice:
        what = f"no row in the last {silent[row]} days of the chain's history: it is forecast as if it went on"
        date = date_of(history.last_day - int(silent[row]) + 1)
        return Notice(ENDED, history.store_ids[row], date, "ds", what)

    return _of(silent >= ENDED_DAYS, notice)


def _sales_ended(history: History, has_row: BoolArray) -> Notices:
    """Stores whose rows go on, and whose sales do not, although nobody says that they are closed."""
    sold = history.sales > 0
    since = np.where(sold.any(axis=1), np.argmax(sold[:, ::-1], axis=1), 0)
    rows_since = (has_row & (np.arange(has_row.shape[1]) >= has_row.shape[1] - since[:, None])).sum(axis=1)
    told_closed = history.open_told & ~history.judged_days()[:, -ENDED_DAYS:].any(axis=1)

    def notice(row: int) -> Notice:
        what = f"nothing sold on its last {rows_since[row]} days: "
        fits = history.judged_days()[row, -int(since[row]) :].any()
        what += "they count as open, and lower its forecast" if fits else "they count as closed"
        what += "; if it was given up, leave it out; if it was shut, say so in the column open"
        return Notice(SALES_ENDED, history.store_ids[row], date_of(history.last_day - int(since[row]) + 1), "y", what)

    return _of((rows_since >= ENDED_DAYS) & ~told_closed, notice)


def _calendar_of_stores(history: History, ahead: BoolArray) -> Notices:
    """Stores of which the calendar says less than of others; what it says of nobody is the chain's notice."""
    if not ahead.any():
        return Notices()
    none = ~ahead.any(axis=1)
    known = ahead.shape[1] - np.argmax(ahead[:, ::-1], axis=1)
    short = ahead.any(axis=1) & (known < ahead.shape[1])
    usual = "is forecast with its usual opening by weekday, without promotions and holidays"
    first = history.last_day + 1

    def without(row: int) -> Notice:
        what = f"not in the calendar of the days ahead: it {usual}"
        return Notice(NO_CALENDAR, history.store_ids[row], date_of(first), "ds", what)

    def shorter(row: int) -> Notice:
        what = f"its calendar ends before that of other stores: from this day on it {usual}"
        return Notice(SHORT_CALENDAR, history.store_ids[row], date_of(first + int(known[row])), "ds", what)

    return merged([_of(none, without), _of(short, shorter)])


def _calendar_holes(history: History, ahead: BoolArray) -> Notices:
    """Days ahead of which no table has a row, though it has one of later days."""
    later = np.logical_or.accumulate(ahead[:, ::-1], axis=1)[:, ::-1]
    holes = later & ~ahead

    def notice(row: int) -> Notice:
        date = date_of(history.last_day + 1 + int(np.argmax(holes[row])))
        count = days_in_words(int(holes[row].sum()))
        what = f"{count} that its calendar leaves out, this the first: its usual opening by weekday"
        return Notice(CALENDAR_HOLES, history.store_ids[row], date, "ds", what)

    return _of(holes.any(axis=1), notice)


def _told(history: History, has_row: BoolArray, horizon_days: int) -> BoolArray:
    """(n_stores, n_days and the days ahead) the days that some table has a row of."""
    n_days = has_row.shape[1]
    parts = [_known(history, column.name)[:, : n_days + horizon_days] for column in history.calendar.columns]
    told = np.logical_or.reduce(parts)
    told[:, :n_days] &= has_row
    return np.asarray(told)


def _known(history: History, name: str) -> BoolArray:
    values = history.calendar.values[name]
    return np.asarray(values != UNKNOWN if values.dtype == np.uint8 else np.isfinite(values.astype(np.float64)))


def _assumed(history: History, told: BoolArray, name: str) -> Notices:
    """Days that a table has a row of, but no value of one column: of the past, or of the days ahead."""
    calendar = history.calendar
    unknown = told & ~_known(history, name)[:, : told.shape[1]]
    usual = calendar.usual_numbers.get(name)

    def notice(row: int) -> Notice:
        instead = "its usual opening by weekday" if name == OPEN else "none"
        if usual is not None:
            instead = f"the store's usual, {usual[row]:g}"
        date = date_of(calendar.first_day + int(np.argmax(unknown[row])))
        count = days_in_words(int(unknown[row].sum()))
        what = f"{count} without a value, this is the first: treated as {instead}"
        return Notice(ASSUMED, history.store_ids[row], date, name, what)

    return _of(unknown.any(axis=1), notice)
