"""What the fits of a chain share: stores open on the same days under the same calendar differ by their sales only."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from fleet import Design, Seasonality
from fleet.arrays import BoolArray, FloatArray, IntArray
from fleet.features import CLOSURE_REACH_DAYS
from training.engines.engine import CHANGEPOINTS, MIN_DAYS, MIN_DAYS_FOR_YEARLY
from training.engines.features import YEARLY, regressor_table
from training.history.history import History

CHANGEPOINT_RANGE = 0.8
"""Share of the history's rows, from its first, in which Prophet lets the trend bend."""

GROUPS_AT_ONCE = 64


@dataclass(frozen=True)
class DesignGroup:
    """The days and columns that some stores are fitted on.

    `rows`: the stores.  `places`: (n_days,) positions in the history of the days fitted, `days` their numbers.
    `seasonalities`: without the yearly one where the history is short.  `regressors`: positions in the design of those
    that change in these days, `values`: (n_regressors, n_days) their values.  `first_values`: of all the design's
    regressors, on the first day fitted.  `beta_columns`: of the design, in order.
    """

    rows: IntArray
    places: IntArray
    days: IntArray
    seasonalities: tuple[Seasonality, ...]
    regressors: IntArray
    values: FloatArray
    first_values: FloatArray
    beta_columns: IntArray

    def target(self, history: History, design: Design) -> FloatArray:
        """Sales on the fitted scale, shape (n_rows, n_days)."""
        return design.forward(history.sales[np.ix_(self.rows, self.places)])

    def for_design(self, design: Design) -> "DesignGroup":
        """The same days and columns of a design with the same regressors, but other waves."""
        kept, columns = _columns(design, self.days, self.regressors)
        return replace(self, seasonalities=kept, beta_columns=columns)


def design_groups(history: History, design: Design, only: BoolArray | None = None) -> Iterator[DesignGroup]:
    """The groups of all stores that have at least `MIN_DAYS` open days; each such store is in exactly one.

    Args: only: (n_stores,) leave all others out.
    """
    on = history.fitted_days()
    enough = on.sum(axis=1) >= MIN_DAYS
    groups = _alike(history, on, enough if only is None else enough & only)
    for start in range(0, len(groups), GROUPS_AT_ONCE):
        some = groups[start : start + GROUPS_AT_ONCE]
        first = np.array([rows[0] for rows in some])
        table = np.stack(regressor_table(history.calendar, design, first, history.days), axis=1)
        for rows, values in zip(some, table, strict=True):
            yield _design_group(design, rows, np.flatnonzero(on[rows[0]]), history.first_day, values)


def changepoint_places(n_days: int) -> IntArray:
    """Rows of a history of `n_days` rows at which Prophet lets the trend bend: even steps, never the first row.

    Source: prophet/forecaster.py, set_changepoints.
    """
    rows = int(np.floor(n_days * CHANGEPOINT_RANGE))
    count = min(CHANGEPOINTS, rows - 1)
    return np.linspace(0, rows - 1, count + 1).round().astype(np.int64)[1:]


def _alike(history: History, on: BoolArray, wanted: BoolArray) -> list[IntArray]:
    """Rows of stores to fit, grouped by all that their columns are made of, in order of their first rows."""
    calendar = history.calendar
    reach = on.shape[1] + CLOSURE_REACH_DAYS
    parts = [on, calendar.usual_open, *(values[:, :reach] for values in calendar.values.values())]
    parts += [numbers[:, None] for numbers in calendar.usual_numbers.values()]
    parts += list(calendar.usually_closed.values())
    alike: dict[bytes, list[int]] = {}
    for row in np.flatnonzero(wanted):
        alike.setdefault(b"".join(part[row].tobytes() for part in parts), []).append(int(row))
    return [np.array(rows) for rows in alike.values()]


def _design_group(design: Design, rows: IntArray, places: IntArray, first_day: int, table: FloatArray) -> DesignGroup:
    values = table[:, places]
    changing = np.flatnonzero(values.min(axis=1) != values.max(axis=1))
    days = places + first_day
    kept, columns = _columns(design, days, changing)
    return DesignGroup(rows, places, days, kept, changing, values[changing], values[:, 0].copy(), columns)


def _columns(design: Design, days: IntArray, changing: IntArray) -> tuple[tuple[Seasonality, ...], IntArray]:
    """The seasonalities that those days are long enough for, and the columns of the design that are fitted."""
    long = days[-1] - days[0] + 1 >= MIN_DAYS_FOR_YEARLY
    kept = tuple(season for season in design.seasonalities if long or season.name != YEARLY.name)
    waves = [np.full(2 * season.order, season in kept) for season in design.seasonalities]
    fourier = np.flatnonzero(np.concatenate([np.zeros(0, dtype=np.bool_), *waves]))
    return kept, np.concatenate([fourier, design.n_fourier + changing])
