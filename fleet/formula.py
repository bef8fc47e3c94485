"""Prophet's formula in numpy, for many stores and days at once.

yhat = trend * (1 + multiplicative terms) + additive terms * y_scale
trend = (k t + m + sum_j delta_j max(t - s_j, 0)) * y_scale + y_floor,  t = (day - start_day) / t_scale_days

The interval's width is closed form, not sampled: Prophet draws future changepoints as a Poisson process with the
history's rate (n changepoints over t in 0..1) and Laplace sizes of scale mean|delta|, so the trend's variance after
t = 1 is n * 2 scale^2 * (t - 1)^3 / 3; the observation noise sigma_obs adds to it.
"""

from dataclasses import dataclass

import numpy as np

from fleet.arrays import FloatArray, IntArray
from fleet.calendar import Window
from fleet.design import Design
from fleet.features import columns_of

SCALARS = ("k", "m", "sigma_obs", "y_scale", "y_floor", "start_day", "t_scale_days")

_SMALLEST_LAPLACE_SCALE = 1e-8  # what Prophet adds to mean |delta|


@dataclass(frozen=True)
class Parameters:
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
    for delta, start in zip(parameters.delta.T, parameters.changepoints_t.T, strict=True):
        line += delta[:, None] * np.maximum(t - start[:, None], 0.0)
    return np.asarray(line * parameters.scalar("y_scale") + parameters.scalar("y_floor"))


def yhat(parameters: Parameters, design: Design, window: Window, positions: IntArray) -> FloatArray:
    """Fitted-scale forecast at some of the window's days, shape (n_stores, n_positions)."""
    days = window.days[positions]
    shape = (len(parameters.scalars), len(days))
    terms = {"additive": np.zeros(shape), "multiplicative": np.zeros(shape)}
    column = 0
    for season in design.seasonalities:
        width = 2 * season.order
        terms[season.mode] += parameters.beta[:, column : column + width] @ season.matrix(days).T
        column += width
    for index, (regressor, values) in enumerate(
        zip(design.regressors, columns_of(window, design.regressors), strict=True)
    ):
        centred = (values[:, positions] - parameters.centre[:, index, None]) / parameters.spread[:, index, None]
        terms[regressor.mode] += parameters.beta[:, column + index, None] * centred
    growth = trend(parameters, days)
    return np.asarray(growth * (1 + terms["multiplicative"]) + terms["additive"] * parameters.scalar("y_scale"))


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
