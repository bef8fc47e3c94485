"""Calendar values -> regressor columns: one table of rules, used by training and by serving alike.

A regressor is a rule's name and its arguments, kept in the fleet, so that what was fitted is what is evaluated.
Every rule returns float64, shape (n_stores, n_days).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np

from fleet.arrays import BoolArray, FloatArray
from fleet.calendar import Calendar, Overrides, Window
from fleet.errors import FeatureError

Mode = Literal["additive", "multiplicative"]
Arguments = Mapping[str, str | int]

CLOSURE_REACH_DAYS = 14
"""Days around the days asked for that rules look at: a longer closure is still seen as a long one."""

_MONTH_AND_DAY = "datetime64[M]"
# What the calendar alone decides is the same for every store, and clients ask for the same days again and again.
_DAYS_KEPT = 512


@dataclass(frozen=True)
class Regressor:
    """One regressor column: a rule of this module with its arguments, and how it enters the forecast."""

    name: str
    rule: str
    arguments: Arguments = field(default_factory=dict)
    mode: Mode = "additive"


def _flag(window: Window, column: str) -> FloatArray:
    return np.asarray(window.columns[column] != 0, dtype=np.float64)


def _flag_on_weekday(window: Window, column: str, weekday: int) -> FloatArray:
    return np.asarray(_flag(window, column) * (window.weekdays == weekday))


def _kind(window: Window, column: str, label: str) -> FloatArray:
    code = window.labels[column].index(label)
    return np.asarray(window.columns[column] == code, dtype=np.float64)


def _number(window: Window, column: str) -> FloatArray:
    return window.columns[column].astype(np.float64)


def _next_to_closure(window: Window, side: int, min_days: int) -> FloatArray:
    """1 on an open day whose neighbour (`side` 1: tomorrow, -1: yesterday) is closed though the store usually opens.

    A closure counts from `min_days` closed days in a row on.
    """
    unusual = window.unusually_closed
    if min_days > 1:
        unusual = unusual & (window.closure_days >= min_days)
    neighbour = np.zeros_like(unusual)
    if side > 0:
        neighbour[:, :-1] = unusual[:, 1:]
    else:
        neighbour[:, 1:] = unusual[:, :-1]
    return (neighbour & window.is_open).astype(np.float64)


def _before_kind(window: Window, column: str, label: str, first: int, last: int) -> FloatArray:
    """1 on an open day that has a day of that kind `first` to `last` days ahead of it."""
    coming = window.columns[column] == window.labels[column].index(label)
    # Days of that kind so far; none are known beyond the window.
    n_days = coming.shape[1]
    so_far = np.zeros((len(coming), n_days + last + 1), dtype=np.int32)
    np.cumsum(coming, axis=1, out=so_far[:, 1 : n_days + 1])
    so_far[:, n_days + 1 :] = so_far[:, n_days, None]
    near = so_far[:, last + 1 :] > so_far[:, first : first + n_days]
    return np.asarray(near & window.is_open, dtype=np.float64)


def _month_day(window: Window, first: int, last: int) -> FloatArray:
    """1 from the `first` to the `last` day of the month; negative days count from its end, -1 being the last day."""
    return _every_store(window, _days_of_month(window.days.tobytes(), first, last))


@lru_cache(_DAYS_KEPT)
def _days_of_month(days: bytes, first: int, last: int) -> FloatArray:
    dates = np.frombuffer(days, np.int64).astype("datetime64[D]")
    month = dates.astype(_MONTH_AND_DAY)
    from_start = (dates - month.astype("datetime64[D]")).astype(np.int64) + 1
    from_end = (dates - (month + 1).astype("datetime64[D]")).astype(np.int64)
    position = from_start if first > 0 else from_end
    return _unchanging((position >= first) & (position <= last))


def _around_date(window: Window, month: int, day: int, first: int, last: int) -> FloatArray:
    """1 from `first` to `last` days relative to the yearly date `month`-`day`; negative is before it."""
    return _every_store(window, _days_around_date(window.days.tobytes(), month, day, first, last))


@lru_cache(_DAYS_KEPT)
def _days_around_date(days: bytes, month: int, day: int, first: int, last: int) -> FloatArray:
    dates = np.frombuffer(days, np.int64).astype("datetime64[D]")
    years = dates.astype("datetime64[Y]")
    inside = np.zeros(len(dates), dtype=np.bool_)
    for year in (years - 1, years, years + 1):
        anchor = (year.astype(_MONTH_AND_DAY) + (month - 1)).astype("datetime64[D]") + (day - 1)
        distance = (dates - anchor).astype(np.int64)
        inside |= (distance >= first) & (distance <= last)
    return _unchanging(inside)


def _unchanging(days: BoolArray) -> FloatArray:
    column = days.astype(np.float64)
    column.setflags(write=False)  # it is kept
    return column


def _every_store(window: Window, days: FloatArray) -> FloatArray:
    n_stores = len(window.usual_open)
    return days[None, :] if n_stores == 1 else np.broadcast_to(days, (n_stores, len(days)))


RULES: Mapping[str, Callable[..., FloatArray]] = {
    "flag": _flag,
    "flag_on_weekday": _flag_on_weekday,
    "kind": _kind,
    "number": _number,
    "next_to_closure": _next_to_closure,
    "before_kind": _before_kind,
    "month_day": _month_day,
    "around_date": _around_date,
}


def padded_window(calendar: Calendar, rows: object, first: int, last: int, overrides: Overrides | None) -> Window:
    """The window from `first` to `last` with the days around it that rules look at."""
    positions = np.asarray(rows, dtype=np.int64)
    return calendar.window(positions, first - CLOSURE_REACH_DAYS, last + CLOSURE_REACH_DAYS, overrides)


def columns_of(window: Window, regressors: tuple[Regressor, ...]) -> Iterator[FloatArray]:
    """Each regressor's column over the whole window, shape (n_stores, n_days), in the order given.

    Raises: FeatureError: a rule, a column or a label is unknown to this window.
    """
    for regressor in regressors:
        rule = RULES.get(regressor.rule)
        if rule is None:
            raise FeatureError(f"regressor {regressor.name!r}: unknown rule {regressor.rule!r}, known: {sorted(RULES)}")
        try:
            yield rule(window, **regressor.arguments)
        except (KeyError, ValueError) as error:
            raise FeatureError(f"regressor {regressor.name!r}: the calendar has no {error}") from error


_TABLES_KEPT = 64


class Tables:
    """Columns of windows of one store, for one design and one calendar.

    On the days that are asked, most stores of a chain open, promote and celebrate alike: the columns of one are those
    of many. Some `_TABLES_KEPT` are kept, the others are worked out.
    """

    def __init__(self) -> None:
        self._kept: dict[bytes, FloatArray] = {}

    def of(self, window: Window, regressors: tuple[Regressor, ...]) -> FloatArray:
        """(n_regressors, 1, n_days), not to be written to.

        Raises: FeatureError: as `columns_of`.
        """
        parts = (window.days, window.usual_open, *window.columns.values())
        key = b"".join([part.tobytes() for part in parts])
        found = self._kept.get(key)
        if found is None:
            found = np.stack(list(columns_of(window, regressors)))
            found.setflags(write=False)
            if len(self._kept) >= _TABLES_KEPT:
                self._kept.clear()  # threads that ask meanwhile find nothing, and no harm is done
            self._kept[key] = found
        return found
