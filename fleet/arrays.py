"""Array types that the fleet's signatures share, rows of stores, and dates as day numbers."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
AnyArray = npt.NDArray[np.generic]

DAYS_A_WEEK = 7
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


@dataclass(frozen=True)
class StoreRows:
    """A data class whose arrays have one row a store, also those in its mappings and in data classes within it.

    Parts of a chain are put together in an object that has room for all of it, so that memory holds the whole once,
    and one part.
    """

    def room_for(self, n_stores: int) -> Self:
        """The same with rows of zeros for `n_stores` stores, which `put` fills; what is no array stays as it is."""
        return replace(self, **{field.name: _room(getattr(self, field.name), n_stores) for field in fields(self)})

    def put(self, rows: IntArray, part: Self) -> None:
        """Write the stores of a part, in its order, to those rows of this."""
        for field in fields(self):
            _put(getattr(self, field.name), rows, getattr(part, field.name))


def _room(value: Any, n_stores: int) -> Any:  # noqa: ANN401 - whatever a field holds
    if isinstance(value, np.ndarray):
        return np.zeros((n_stores, *value.shape[1:]), dtype=value.dtype)
    if isinstance(value, StoreRows):
        return value.room_for(n_stores)
    if isinstance(value, Mapping):
        return {key: _room(one, n_stores) for key, one in value.items()}
    return value


def _put(whole: Any, rows: IntArray, part: Any) -> None:  # noqa: ANN401 - whatever a field holds
    if isinstance(part, np.ndarray):
        whole[rows] = part
    elif isinstance(part, StoreRows):
        whole.put(rows, part)
    elif isinstance(part, Mapping):
        for key, one in part.items():
            _put(whole[key], rows, one)


def day_numbers(dates: npt.ArrayLike | dt.date | Sequence[object]) -> IntArray:
    """Days since 1970-01-01, int64, of anything numpy reads as dates; shape is kept."""
    return np.asarray(dates, dtype="datetime64[D]").astype(np.int64)


def as_dates(days: IntArray) -> npt.NDArray[np.datetime64]:
    """The inverse of `day_numbers`: datetime64[D]."""
    return days.astype("datetime64[D]")


def weekdays(days: IntArray) -> IntArray:
    """Weekday of day numbers, Monday 0 to Sunday 6."""
    return (days + _EPOCH_WEEKDAY) % DAYS_A_WEEK
