"""Array types that the fleet's signatures share, and the one place that turns dates into day numbers."""

import datetime as dt
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
AnyArray = npt.NDArray[np.generic]

DAYS_A_WEEK = 7
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


def day_numbers(dates: npt.ArrayLike | dt.date | Sequence[object]) -> IntArray:
    """Days since 1970-01-01, int64, of anything numpy reads as dates; shape is kept."""
    return np.asarray(dates, dtype="datetime64[D]").astype(np.int64)


def as_dates(days: IntArray) -> npt.NDArray[np.datetime64]:
    """The inverse of `day_numbers`: datetime64[D]."""
    return days.astype("datetime64[D]")


def weekdays(days: IntArray) -> IntArray:
    """Weekday of day numbers, Monday 0 to Sunday 6."""
    return (days + _EPOCH_WEEKDAY) % DAYS_A_WEEK
