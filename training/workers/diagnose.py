"""Where to look when a store's fit failed: the column and the day that stand out most in what it was fitted on.

An engine knows that a store has no optimum, not which cell of its rows is to blame. The cell named here is a suspicion,
and the reason says what was seen there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fleet import Design, Regressor
from fleet.arrays import FloatArray, IntArray, as_dates
from training.checks.validate import Problem
from training.engines.features import regressor_table
from training.history.history import History

SALES = "y"
LARGEST = 1e100
"""Beyond it squares and their sums leave the range of numbers."""


@dataclass(frozen=True)
class Failure:
    """A store without a fit; it is answered by its fallback. `column`: in our words, `date`: the day to look at."""

    store: str
    column: str
    date: str
    reason: str


@dataclass(frozen=True)
class _Outlier:
    """The furthest day of one column: how far from the others it is, in their typical distances."""

    column: str
    place: int
    value: float
    usual: float
    distance: float

    def __str__(self) -> str:
        if not np.isfinite(self.value):
            return f"{self.value} is no number to fit"
        if abs(self.value) > LARGEST:
            return f"{self.value:g} is too large to fit"
        return f"{self.value:g}, where {self.usual:g} is usual, lies furthest from its other days"


def failures_of(
    history: History, design: Design, reasons: Mapping[int, str], faulty: Mapping[int, Problem] | None = None
) -> list[dict[str, Any]]:
    """Failures, row -> reason, as entries of the result: store, column, date and reason.

    Args: faulty: what is wrong with the rows of those that were not fitted for it; the others' reasons are an engine's.
    """
    known = faulty or {}
    return [
        asdict(_told(known[row]) if row in known else explain(history, design, row, reason))
        for row, reason in sorted(reasons.items())
    ]


def _told(problem: Problem) -> Failure:
    what = "such rows are left out, and the store is answered by its fallback until they are corrected"
    return Failure(problem.store, problem.column, problem.date, f"{problem}; {what}")


def explain(history: History, design: Design, row: int, reason: str) -> Failure:
    """One store's failure with the cell that it may come from; the first day known where no day was fitted.

    Args: row: of the history.  reason: what the engine said.
    """
    store = history.store_ids[row]
    places = np.flatnonzero(history.fitted_days()[row])
    if not len(places):
        return Failure(store, SALES, _date(history.first_day), f"{reason}; it has no open day with sales")
    worst = max(_outliers(history, design, row, places), key=lambda outlier: outlier.distance)
    return Failure(store, worst.column, _date(history.first_day + worst.place), f"{reason}; {worst.column} {worst}")


def _outliers(history: History, design: Design, row: int, places: IntArray) -> Iterator[_Outlier]:
    """The furthest day of the sales and of each number; flags and kinds are 0 or 1, and harm no fit."""
    sales = history.sales[row, places]
    yield _furthest(SALES, design.forward(sales), sales, places)
    rows = np.array([row])
    numbers = tuple(regressor for regressor in design.regressors if regressor.rule == "number")
    table = regressor_table(history.calendar, _only(design, numbers), rows, history.days)
    for regressor, values in zip(numbers, table, strict=True):
        own = values[0, places]
        yield _furthest(str(regressor.arguments["column"]), own, own, places)


def _only(design: Design, regressors: tuple[Regressor, ...]) -> Design:
    return Design(design.seasonalities, regressors, design.growth, design.transform)


def _furthest(column: str, fitted: FloatArray, shown: FloatArray, places: IntArray) -> _Outlier:
    """The day whose value on the fitted scale lies furthest from the median, in median distances from it."""
    broken = ~np.isfinite(fitted) | (np.abs(fitted) > LARGEST)
    if broken.any():
        at = int(np.argmax(broken))
        return _Outlier(column, int(places[at]), float(shown[at]), float("nan"), np.inf)
    distance = np.abs(fitted - np.median(fitted))
    typical = np.median(distance) or distance.mean() or 1.0
    at = int(np.argmax(distance))
    usual = float(np.median(shown))
    return _Outlier(column, int(places[at]), float(shown[at]), usual, float(distance[at] / typical))


def _date(day: int) -> str:
    return str(as_dates(np.array([day]))[0])
