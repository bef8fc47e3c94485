"""What is known ahead: opening days, promo plan, holidays and further columns, one value a store and day.

Codes: a flag is 0 or 1, a kind is the position of its label (0 = none), `UNKNOWN` where nobody said; a number is a
float, NaN where nobody said. Unknown days are assumed, and marked so: the store's usual opening by weekday and kind of
day, no promo, no holiday, the store's usual number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from fleet.arrays import AnyArray, BoolArray, FloatArray, IntArray, StoreRows, day_numbers, weekdays
from fleet.cells import flag_of, kind_text, number_of
from fleet.errors import FeatureError

UNKNOWN = 255
OPEN = "open"

LARGEST_NUMBER = float(np.finfo(np.float32).max)
"""What a table of numbers can hold."""

Overrides = Mapping[str, Mapping[np.datetime64, float | str]]


@dataclass(frozen=True)
class Column:
    """One known-ahead column.

    A `flag` is 0 or 1; a `kind` has named values, `labels[0]` being none; a `number` is any finite float.
    """

    name: str
    type: Literal["flag", "kind", "number"]
    labels: tuple[str, ...] = ()

    def encode(self, value: float | str) -> float:
        """Code of one value, in any spelling that a table may have: True, "true", "1" and 1.0 are one flag.

        Raises: FeatureError: the value does not fit the column's type.
        """
        text = str(value)
        if self.type == "kind":
            return float(self._place_of(text))
        if self.type == "flag":
            flag = flag_of(text)
            if flag is None:
                raise FeatureError(f"column {self.name!r}: wanted 0 or 1 (or false, true), got {text!r}")
            return float(flag)
        number = number_of(text)
        if number is None or abs(number) > LARGEST_NUMBER:
            wanted = f"a finite number of at most {LARGEST_NUMBER:.1e}"
            raise FeatureError(f"column {self.name!r}: wanted {wanted}, got {text!r}")
        return number

    def _place_of(self, text: str) -> int:
        """Position of a kind among the labels: by its very text, or else by what that text says."""
        if text in self.labels:
            return self.labels.index(text)
        said = [kind_text(label) for label in self.labels]
        if kind_text(text) in said:
            return said.index(kind_text(text))
        raise FeatureError(f"column {self.name!r}: wanted one of {', '.join(self.labels)}, got {text!r}")


@dataclass(frozen=True)
class Window:
    """Known-ahead values of some stores over consecutive days, nothing unknown in them any more.

    `columns`: name -> (n_stores, n_days); `assumed`: the day's values were not all known; `usual_open`: (n_stores, 7),
    Monday first; `days`: (n_days,) day numbers.
    """

    days: IntArray
    columns: Mapping[str, AnyArray]
    labels: Mapping[str, tuple[str, ...]]
    usual_open: BoolArray
    assumed: BoolArray

    # Each of these is read by several rules.

    @cached_property
    def weekdays(self) -> IntArray:
        """(n_days,) Monday 0 to Sunday 6."""
        return weekdays(self.days)

    @cached_property
    def is_open(self) -> BoolArray:
        """(n_stores, n_days): the store sells on that day."""
        return np.asarray(self.columns[OPEN] != 0)

    @cached_property
    def unusually_closed(self) -> BoolArray:
        """(n_stores, n_days): closed on a weekday on which the store usually opens."""
        return np.asarray(~self.is_open & self.usual_open[:, self.weekdays])

    @cached_property
    def closure_days(self) -> IntArray:
        """(n_stores, n_days) length of the closed run that each closed day belongs to, 0 on open days."""
        closed, n_days = ~self.is_open, len(self.days)
        place = np.arange(n_days)
        open_before = np.maximum.accumulate(np.where(closed, -1, place), axis=1)
        open_after = np.minimum.accumulate(np.where(closed, n_days, place)[:, ::-1], axis=1)[:, ::-1]
        return np.asarray(np.where(closed, open_after - open_before - 1, 0))

    def select(self, positions: IntArray) -> "Window":
        """The same stores on some of the days, in the order asked."""
        columns = {name: values[:, positions] for name, values in self.columns.items()}
        return Window(self.days[positions], columns, self.labels, self.usual_open, self.assumed[:, positions])


@dataclass(frozen=True)
class Calendar(StoreRows):
    """The known-ahead table of a whole fleet.

    `values`: name -> (n_stores, n_days) codes or floats; the first column of the table is day `first_day`.
    `usual_numbers`: name of each number column -> (n_stores,) value used where nobody said.  `usually_closed`: name of
    a flag or kind -> (n_stores, n_codes), the store does not open on such days.  `open_told`: somebody says when stores
    open; else it is their habit, which is no assumption about a day.
    """

    first_day: int
    columns: tuple[Column, ...]
    values: Mapping[str, AnyArray]
    usual_open: BoolArray
    usual_numbers: Mapping[str, FloatArray]
    usually_closed: Mapping[str, BoolArray] = field(default_factory=dict)
    open_told: bool = True

    @property
    def last_day(self) -> int:
        """Last day number that the table covers."""
        return self.first_day + int(self.values[OPEN].shape[1]) - 1

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises: FeatureError: there is none; the message names those there are.
        """
        for column in self.columns:
            if column.name == name:
                return column
        known = ", ".join(column.name for column in self.columns)
        raise FeatureError(f"unknown calendar column {name!r}: this fleet has {known}")

    def rows(self, rows: IntArray) -> "Calendar":
        """The table of some of the stores."""
        return replace(
            self,
            values={name: values[rows] for name, values in self.values.items()},
            usual_open=self.usual_open[rows],
            usual_numbers={name: numbers[rows] for name, numbers in self.usual_numbers.items()},
            usually_closed={name: closed[rows] for name, closed in self.usually_closed.items()},
        )

    def room_for(self, n_stores: int) -> "Calendar":
        """See `StoreRows.room_for`; with room for every kind of day on which a store may usually be closed."""
        kinds = [column for column in self.columns if column.type != "number"]
        closed = {
            kind.name: np.zeros((n_stores, 2 if kind.type == "flag" else len(kind.labels)), dtype=np.bool_)
            for kind in kinds
        }
        return replace(super().room_for(n_stores), usually_closed=closed)

    def without_unused(self) -> "Calendar":
        """The same without kinds of days on which no store is usually closed."""
        closed = {name: closed for name, closed in self.usually_closed.items() if closed.any()}
        return replace(self, usually_closed=closed)

    def window(self, rows: IntArray, first: int, last: int, overrides: Overrides | None = None) -> Window:
        """Values of the stores at `rows` from day `first` to day `last`, inclusive, unknown ones assumed.

        `overrides` (column -> date -> value) replace what the table says, for every store asked, in this window only.

        Raises: FeatureError: an override names an unknown column or a value that does not fit.
        """
        days = np.arange(first, last + 1)
        usual = self.usual_open[rows]
        columns: dict[str, AnyArray] = {}
        assumed = np.zeros((len(rows), len(days)), dtype=np.bool_)
        opening_unknown = assumed
        encoded = self._encoded(overrides or {}, first, last)
        for column in self.columns:
            raw = self._slice(column, rows, first, last)
            for position, value in encoded.get(column.name, ()):
                raw[:, position] = value
            unknown = np.isnan(raw) if column.type == "number" else raw == UNKNOWN
            if column.name == OPEN:
                opening_unknown = unknown
            if column.name != OPEN or self.open_told:
                assumed = assumed | unknown
            columns[column.name] = np.where(unknown, self._usual(column, rows, usual, days), raw)
        for name, closed in self.usually_closed.items():
            shut = opening_unknown & np.take_along_axis(closed[rows], columns[name].astype(np.intp), axis=1)
            columns[OPEN] = np.where(shut, np.uint8(0), columns[OPEN])
        labels = {column.name: column.labels for column in self.columns}
        return Window(days, columns, labels, usual, assumed)

    def _slice(self, column: Column, rows: IntArray, first: int, last: int) -> AnyArray:
        """A copy of the table's part, unknown where the table does not reach."""
        table = self.values[column.name]
        blank = np.nan if column.type == "number" else UNKNOWN
        out = np.full((len(rows), last - first + 1), blank, dtype=table.dtype)
        low, high = max(first, self.first_day), min(last, self.last_day)
        if low <= high:
            part = table[:, low - self.first_day : high - self.first_day + 1]
            out[:, low - first : high - first + 1] = part[rows]
        return out

    def _usual(self, column: Column, rows: IntArray, usual: BoolArray, days: IntArray) -> npt.NDArray[np.generic]:
        if column.name == OPEN:
            return usual[:, weekdays(days)].astype(np.uint8)
        if column.type == "number":
            return self.usual_numbers[column.name][rows][:, None]
        return np.zeros((1, 1), dtype=np.uint8)

    def _encoded(self, overrides: Overrides, first: int, last: int) -> dict[str, list[tuple[int, float]]]:
        encoded: dict[str, list[tuple[int, float]]] = {}
        for name, by_date in overrides.items():
            column = self.column(name)
            pairs = [(int(day_numbers(date)) - first, column.encode(value)) for date, value in by_date.items()]
            encoded[name] = [(position, value) for position, value in pairs if 0 <= position <= last - first]
        return encoded
