"""Prophet's log posterior as its Stan model states it, plainly, for one store of a fleet; additive terms, no constants.

k, m ~ normal(0, 5); delta ~ double_exponential(0, tau); beta ~ normal(0, prior scale); sigma_obs ~ normal(0, 0.5) > 0;
y ~ normal(k t + m + sum delta max(t - s, 0) + X beta, sigma_obs).
"""

from dataclasses import dataclass

import numpy as np

from fleet import Design, Parameters
from fleet.arrays import FloatArray
from training.engines.engine import Priors
from training.engines.features import regressor_table
from training.history.history import History


@dataclass(frozen=True)
class Posterior:
    """One store's data on Prophet's scales: `y`, `t` (n_days,), `x` (n_days, n_beta), `kinks` of the trend."""

    y: FloatArray
    t: FloatArray
    x: FloatArray
    kinks: FloatArray
    scales: FloatArray
    tau: float

    def residual(self, one: Parameters) -> FloatArray:
        """y minus the model of one row of parameters."""
        trend = one.scalar("k")[0, 0] * self.t + one.scalar("m")[0, 0]
        hinges = np.maximum(self.t[:, None] - self.kinks, 0.0)
        return np.asarray(self.y - trend - hinges @ one.delta[0, : len(self.kinks)] - self.x @ one.beta[0])

    def log(self, one: Parameters) -> float:
        """The log posterior of one row of parameters."""
        k, m, sigma = (float(one.scalar(name)[0, 0]) for name in ("k", "m", "sigma_obs"))
        likelihood = -len(self.y) * np.log(sigma) - (self.residual(one) ** 2).sum() / (2 * sigma**2)
        trend = -(k**2) / 50 - m**2 / 50 - np.abs(one.delta).sum() / self.tau
        return float(likelihood + trend - sigma**2 / 0.5 - (one.beta[0] ** 2 / self.scales**2).sum() / 2)

    def slopes(self, one: Parameters) -> tuple[FloatArray, FloatArray, float]:
        """Derivatives at one row: by (k, m, beta...), by delta without its penalty, and by sigma_obs."""
        k, m, sigma = (float(one.scalar(name)[0, 0]) for name in ("k", "m", "sigma_obs"))
        residual = self.residual(one)
        columns = np.column_stack([self.t, np.ones(len(self.t)), self.x])
        held = np.concatenate([[k / 25, m / 25], one.beta[0] / self.scales**2])
        hinges = np.maximum(self.t[:, None] - self.kinks, 0.0)
        by_sigma = -len(self.y) / sigma + (residual**2).sum() / sigma**3 - 4 * sigma
        return columns.T @ residual / sigma**2 - held, hinges.T @ residual / sigma**2, float(by_sigma)


def posterior_of(history: History, design: Design, priors: Priors, one: Parameters, row: int) -> Posterior:
    """The posterior of the store at `row`; its scales, kinks and standardisation are those of `one`."""
    on = history.fitted_days()[row]
    days = history.days[on]
    waves = [season.matrix(days) for season in design.seasonalities]
    columns = [column[0, on] for column in regressor_table(history.calendar, design, np.array([row]), history.days)]
    changing = [column.min() != column.max() for column in columns]
    regressors = (np.array(columns).T - one.centre[0]) / one.spread[0] * changing
    scales = [priors.seasonality] * design.n_fourier + [priors.regressor] * len(columns)
    return Posterior(
        design.forward(history.sales[row, on]) / one.scalar("y_scale")[0, 0],
        (days - one.scalar("start_day")[0, 0]) / one.scalar("t_scale_days")[0, 0],
        np.concatenate([*waves, regressors], axis=1),
        one.changepoints_t[0, np.isfinite(one.changepoints_t[0])],
        np.array(scales, dtype=np.float64),
        priors.changepoint,
    )
