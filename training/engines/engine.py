"""What an engine is: history and design in, every store's parameters out. A store that fails is a result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from fleet import Design, Parameters
from fleet.arrays import BoolArray
from fleet.formula import SCALARS
from training.history.history import History

MIN_DAYS = 28
"""Open days below which no model is fitted: the fallback's curve is better than a fit to so little."""

MIN_DAYS_FOR_YEARLY = 300
"""Days of history below which the yearly wave is left out: less than a year says nothing of the year."""

CHANGEPOINTS = 25
"""Places where a trend may bend; fewer in a history too short for so many."""


@dataclass(frozen=True)
class Priors:
    """Prophet's prior scales: of the changepoints (Laplace), the Fourier terms and the regressors (normal).

    `half_life_days`: a day that much older than the last counts half; None weighs all days alike, as Prophet does.
    """

    changepoint: float = 0.05
    seasonality: float = 10.0
    regressor: float = 10.0
    half_life_days: float | None = None


@dataclass(frozen=True)
class FitSpec:
    """What to fit: a design, and its prior scales."""

    design: Design
    priors: Priors


@dataclass(frozen=True)
class Fits:
    """Parameters of every store in the history's order; rows of stores without a model hold zeros.

    `too_short`: rows left to the fallback by rule.  `failures`: row -> why its fit failed.
    """

    parameters: Parameters
    fitted: BoolArray
    too_short: tuple[int, ...]
    failures: Mapping[int, str]


def without(fits: Fits, reasons: Mapping[int, str]) -> Fits:
    """The same fits, but for some rows that are failures."""
    if not reasons:
        return fits
    fitted = fits.fitted.copy()
    fitted[list(reasons)] = False
    too_short = tuple(row for row in fits.too_short if row not in reasons)
    return replace(fits, fitted=fitted, too_short=too_short, failures={**fits.failures, **reasons})


class Engine(Protocol):
    """Fits every store of a chain. The same input gives the same parameters, whatever the workers and their order."""

    @property
    def name(self) -> str:
        """What the fleet records as its engine."""
        ...

    def fit(self, history: History, design: Design, specs: Sequence[FitSpec]) -> list[Fits]:
        """Fit each store that has at least `MIN_DAYS` open days, by each of some specifications.

        Args: specs: their designs are `design`, or have the same regressors and fewer waves.
        """
        ...


def fits_of(parameters: Parameters, fitted: BoolArray, failures: Mapping[int, str]) -> Fits:
    """The result of an engine; a store that is neither fitted nor a failure was too short."""
    known = fitted.copy()
    known[list(failures)] = True
    too_short = tuple(int(row) for row in np.flatnonzero(~known))
    return Fits(parameters, fitted, too_short, dict(sorted(failures.items())))


def empty_parameters(n_stores: int, design: Design, n_changepoints: int) -> Parameters:
    """Rows to fill; unused ones are harmless: no trend, no noise, a scale of one."""
    scalars = np.zeros((n_stores, len(SCALARS)))
    scalars[:, SCALARS.index("y_scale")] = scalars[:, SCALARS.index("t_scale_days")] = 1.0
    n_beta, n_regressors = len(design.beta_names), len(design.regressors)
    return Parameters(
        scalars,
        np.zeros((n_stores, n_beta)),
        np.zeros((n_stores, n_changepoints)),
        np.full((n_stores, n_changepoints), np.inf),
        np.zeros((n_stores, n_regressors)),
        np.ones((n_stores, n_regressors)),
    )


def put(into: Parameters, row: int, one: Parameters, columns: list[int]) -> None:
    """Write one store's parameters into its row; `columns` says where its betas belong in the design."""
    width = one.delta.shape[1]
    into.scalars[row] = one.scalars[0]
    into.beta[row, columns] = one.beta[0]
    into.delta[row, :width], into.changepoints_t[row, :width] = one.delta[0], one.changepoints_t[0]
    first = into.beta.shape[1] - into.centre.shape[1]
    regressors = [column - first for column in columns if column >= first]
    into.centre[row, regressors], into.spread[row, regressors] = one.centre[0], one.spread[0]
