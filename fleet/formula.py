"""Prophet's formula in numpy, for many stores and days at once.

yhat = trend * (1 + multiplicative terms) + additive terms * y_scale
trend = (k t + m + sum_j delta_j max(t - s_j, 0)) * y_scale + y_floor,  t = (day - start_day) / t_scale_days

The interval's width is closed form, not sampled: Prophet draws future changepoints as a Poisson process with the
history's rate (n changepoints over t in 0..1) and Laplace sizes of scale mean|delta|, so the trend's variance after
t = 1 is n * 2 scale^2 * (t - 1)^3 / 3; the observation noise sigma_obs adds to it.
"""

from dataclasses import dataclass

import numpy as np

from fleet.arrays import FloatArray, IntArray, StoreRows
from fleet.calendar import Window
from fleet.design import Design
from fleet.features import Mode, Tables, columns_of

SCALARS = ("k", "m", "sigma_obs", "y_scale", "y_floor", "start_day", "t_scale_days")

# Up to so many forecasts at once it is numpy's calls that cost, beyond them it is memory.
_FEW = 512
_SMALLEST_LAPLACE_SCALE = 1e-8  # what Prophet adds to mean |delta|


@dataclass(frozen=True)
class Parameters(StoreRows):
    """Fitted parameters of some stores, float64.

    `scalars`: (n_stores, 7), columns as in `SCALARS`; `beta`: (n_stores, n_columns) as in `Design.beta_names`, in units
    of y_scale; `delta`, `changepoints_t`: (n_stores, n_changepoints), unused places hold 0 and infinity.
    `centre`, `spread`: (n_stores, n_regressors), what a regressor is standardised by.
    """

    scalars: FloatArray
    beta: FloatArray
    delta: FloatArray
    changepoints_t: FloatArray
    centre: FloatArray
    spread: FloatArray

    def rows(self, rows: IntArray) -> "Parameters":
        """The stores at those rows."""
        parts = (self.scalars, self.beta, self.delta, self.changepoints_t, self.centre, self.spread)
        return Parameters(*(part[rows] for part in parts))

    def scalar(self, name: str) -> FloatArray:
        """One scalar, shape (n_stores, 1)."""
        return self.scalars[:, SCALARS.index(name), None]

    def times(self, days: IntArray) -> FloatArray:
        """Prophet's t of each store and day, (n_stores, n_days)."""
        return np.asarray((days[None, :] - self.scalar("start_day")) / self.scalar("t_scale_days"))


def trend(parameters: Parameters, days: IntArray) -> FloatArray:
    """Trend in fitted units, shape (n_stores, n_days)."""
    t = parameters.times(days)
    line = parameters.scalar("k") * t + parameters.scalar("m")
    deltas, starts = parameters.delta.T, parameters.changepoints_t.T
    if t.size <= _FEW:
        # One after the other, as below, so that a store has the same bytes alone and among others.
        bends = deltas[:, :, None] * np.maximum(t - starts[:, :, None], 0.0)
        line = _in_turn(line, bends)
    else:
        for delta, start in zip(deltas, starts, strict=True):
            line += delta[:, None] * np.maximum(t - start[:, None], 0.0)
    return np.asarray(line * parameters.scalar("y_scale") + parameters.scalar("y_floor"))


def yhat(
    parameters: Parameters, design: Design, window: Window, positions: IntArray, tables: Tables | None = None
) -> FloatArray:
    """Fitted-scale forecast at some of the window's days, shape (n_stores, n_positions).

    Args: tables: of this design and the window's calendar, where more windows of it will be asked.
    """
    days = window.days[positions]
    shape = (len(parameters.scalars), len(days))
    terms: dict[Mode, FloatArray] = {"additive": np.zeros(shape), "multiplicative": np.zeros(shape)}
    if shape[0] * shape[1] <= _FEW:
        _add_few(terms, parameters, design, window, positions, tables)
    else:
        _add_many(terms, parameters, design, window, positions)
    growth = trend(parameters, days)
    return np.asarray(growth * (1 + terms["multiplicative"]) + terms["additive"] * parameters.scalar("y_scale"))


def _add_many(
    terms: dict[Mode, FloatArray], parameters: Parameters, design: Design, window: Window, positions: IntArray
) -> None:
    column = 0
    for season in design.seasonalities:
        # Column by column: a matrix product adds in an order that depends on how many stores and days are asked.
        for wave in season.matrix(window.days[positions]).T:
            terms[season.mode] += parameters.beta[:, column, None] * wave
            column += 1
    for index, (regressor, values) in enumerate(
        zip(design.regressors, columns_of(window, design.regressors), strict=True)
    ):
        centred = (values[:, positions] - parameters.centre[:, index, None]) / parameters.spread[:, index, None]
        terms[regressor.mode] += parameters.beta[:, column + index, None] * centred


def _add_few(
    terms: dict[Mode, FloatArray],
    parameters: Parameters,
    design: Design,
    window: Window,
    positions: IntArray,
    tables: Tables | None,
) -> None:
    """The same sums in the same order, in a call for all columns instead of some for each."""
    waves = [season.matrix(window.days[positions]).T[:, None, :] for season in design.seasonalities]
    modes = [season.mode for season in design.seasonalities for _ in range(2 * season.order)]
    columns = [np.broadcast_to(wave, (len(wave), *terms["additive"].shape)) for wave in waves]
    if design.regressors:
        n_stores, n_days = window.assumed.shape
        # Of days that are asked years apart, the window is long and the forecasts are few.
        if tables is not None and n_stores == 1 and n_days <= _FEW:
            values = tables.of(window, design.regressors)
        else:
            values = np.stack(list(columns_of(window, design.regressors)))
        values = values[:, :, positions]
        columns.append((values - parameters.centre.T[:, :, None]) / parameters.spread.T[:, :, None])
        modes += [regressor.mode for regressor in design.regressors]
    if not modes:
        return
    products = parameters.beta.T[:, :, None] * np.concatenate(columns)
    for mode, start in list(terms.items()):
        mine = [place for place, each in enumerate(modes) if each == mode]
        terms[mode] = _in_turn(start, products if len(mine) == len(modes) else products[mine])


def _in_turn(start: FloatArray, parts: FloatArray) -> FloatArray:
    # numpy's sum adds in an order that depends on the shape.
    return np.asarray(np.add.accumulate(np.concatenate([start[None], parts]))[-1])


def standard_deviation(parameters: Parameters, design: Design, days: IntArray) -> FloatArray:
    """Standard deviation of the forecast in fitted units, shape (n_stores, n_days)."""
    variance = np.broadcast_to(parameters.scalar("sigma_obs") ** 2, (len(parameters.scalars), len(days)))
    if design.growth == "linear":
        known = np.isfinite(parameters.changepoints_t)
        counts = known.sum(axis=1)
        sizes = np.abs(parameters.delta).sum(axis=1) / np.maximum(counts, 1) + _SMALLEST_LAPLACE_SCALE
        ahead = np.maximum(parameters.times(days) - 1.0, 0.0)
        variance = variance + (counts * 2 * sizes**2 / 3)[:, None] * ahead**3
    return np.asarray(np.sqrt(variance) * parameters.scalar("y_scale"))
