"""Priors of a store's effects and slope that are known before its own days are seen: a mean and a spread for each.

The prior of a plain fit has mean zero and is wide. With an effect prior the fit is of the difference from its mean,
held back by how much stores differ, and the sum of both is a plain Prophet row again: additive
terms are linear in their coefficients.
"""

from dataclasses import dataclass, replace

import numpy as np

from fleet import Design
from fleet.arrays import BoolArray, FloatArray, IntArray
from training.engines.design_groups import DesignGroup

LEAST_SCALE = 1e-3
"""Of a prior, in units of y_scale: however alike stores are, a store may differ a little."""


@dataclass(frozen=True)
class EffectPrior:
    """Of some stores, on the fitted scale (log sales, for log1p).

    `effects`, `effect_spreads`: (n_stores, n_beta) what one unit of a column adds, and how much stores differ in it;
    an infinite spread leaves the plain prior.  `slope`, `slope_spread`: (n_stores,) of the trend, a day.
    `trend_days`: length of the histories that the slopes come from; a shorter one may bend as much a day, not more.
    """

    effects: FloatArray
    effect_spreads: FloatArray
    slope: FloatArray
    slope_spread: FloatArray
    trend_days: float

    def rows(self, rows: IntArray) -> "EffectPrior":
        """Of the stores at those rows."""
        means, spreads = (self.effects[rows], self.slope[rows]), (self.effect_spreads[rows], self.slope_spread[rows])
        return EffectPrior(means[0], spreads[0], means[1], spreads[1], self.trend_days)

    def without(self, rows: BoolArray) -> "EffectPrior":
        """The same, with the plain prior for some stores."""
        column = rows[:, None]
        return replace(
            self,
            effects=np.where(column, 0.0, self.effects),
            effect_spreads=np.where(column, np.inf, self.effect_spreads),
            slope=np.where(rows, 0.0, self.slope),
            slope_spread=np.where(rows, np.inf, self.slope_spread),
        )


@dataclass(frozen=True)
class ShiftedProblem:
    """The fit problem of one design group's stores, shifted by their prior's mean; first axis the stores.

    `offset`: (n_stores, n_days) the mean of the fitted days, in units of y_scale.  `scales`: (n_stores,
    n_smooth) prior scales of the differences.  `tau_factor`: of the changepoints' prior scale.
    `slope`, `level`, `beta`: to add to what is fitted; `beta` is (n_stores, n_beta) of the whole design.
    """

    offset: FloatArray
    scales: FloatArray
    tau_factor: float
    slope: FloatArray
    level: FloatArray
    beta: FloatArray


def shifted_problem(
    prior: EffectPrior,
    group: DesignGroup,
    design: Design,
    waves: FloatArray,
    *,
    y_scale: FloatArray,
    plain_scales: FloatArray,
    centre: FloatArray,
    spread: FloatArray,
) -> ShiftedProblem:
    """Shift the fit problem of a design group's stores by the mean of their prior, in the group's order.

    Args: waves: (n_fourier, n_days of the group) of all seasonalities.  plain_scales: (n_smooth,) without a prior.
          centre, spread: (n_changing,) what the group's regressors are standardised by.
    """
    days = group.days
    length = float(days[-1] - days[0])
    units = np.ones(len(design.beta_names))
    units[design.n_fourier + group.regressors] = spread
    beta = prior.effects * units / y_scale[:, None]
    columns = np.concatenate([waves, np.zeros((len(design.regressors), len(days)))])
    columns[design.n_fourier + group.regressors] = (group.values - centre[:, None]) / spread[:, None]
    slope = prior.slope * length / y_scale if design.growth == "linear" else np.zeros(len(y_scale))
    offset = slope[:, None] * ((days - days[0]) / length)
    # Column by column: a matrix product adds in an order that depends on how many stores there are.
    for effect, values in zip(beta.T, columns, strict=True):
        offset += effect[:, None] * values
    # What never changes in these days is a part of the fitted level; with its effect added, it must go.
    constant = group.first_values.copy()
    constant[group.regressors] = 0.0
    level = -(beta[:, design.n_fourier :] * constant).sum(axis=1)
    own = prior.effect_spreads[:, group.beta_columns] * units[group.beta_columns] / y_scale[:, None]
    scales = np.tile(plain_scales, (len(y_scale), 1))
    if design.growth == "linear":
        scales[:, 0] = np.minimum(scales[:, 0], prior.slope_spread * length / y_scale)
    scales[:, -own.shape[1] :] = np.minimum(scales[:, -own.shape[1] :], own)
    # So many bends in a shorter time, with as much of them in all a day: see `EffectPrior.trend_days`.
    tau_factor = min((length / prior.trend_days) ** 1.5, 1.0)
    return ShiftedProblem(offset, np.maximum(scales, LEAST_SCALE), tau_factor, slope, level, beta)
