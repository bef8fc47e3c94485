"""The default engine: the exact optimum of Prophet's model for a whole chain in this process, no Stan, no files.

Without multiplicative terms Prophet's best parameters are the answer to a small convex problem; `solver` solves it from
sums of products. Most stores of a chain open on the same days, so most of these sums are made once for many stores.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fleet import Design, Parameters
from fleet.arrays import BoolArray, FloatArray, IntArray
from fleet.formula import SCALARS
from training.engine import CHANGEPOINTS, Fits, Priors, Progress, empty_parameters, fits_of
from training.errors import DataError
from training.expectation import Expectation, Head, head_of
from training.history import History
from training.layout import Layout, changepoint_places, layouts

TREND_PRIOR = 5.0
"""Standard deviation of Prophet's normal prior of slope and level."""

CONSTANT_SIGMA = 1e-9
"""The noise that Prophet gives a store that sells the same every day."""


@dataclass(frozen=True)
class Problem:
    """The stores of a layout as arrays to solve.

    `columns`: (n_columns, n_days) slope and level, waves, regressors; without a slope where growth is flat.
    `targets`: (n_stores, n_days) in units of `y_scale`.  `centre`, `spread`: of the layout's regressors.
    `constant`: (n_stores,) sells the same every day.  `scales`: (n_stores, n_smooth) of the priors, `tau` of the
    changepoints'.  `head`: what was expected, and is taken off the targets.
    """

    columns: FloatArray
    t: FloatArray
    places: IntArray
    targets: FloatArray
    y_scale: FloatArray
    centre: FloatArray
    spread: FloatArray
    constant: BoolArray
    scales: FloatArray
    tau: float
    head: Head | None = None


@dataclass(frozen=True)
class Solved:
    """What was found for the stores of a layout, in its order; `outcome`: of `solver`."""

    trend: FloatArray
    beta: FloatArray
    delta: FloatArray
    sigma: FloatArray
    outcome: IntArray


@dataclass(frozen=True)
class BatchedEngine:
    """All stores in this process, one after the other; that is so quick that `workers` changes nothing."""

    workers: int | None = None
    name: str = "batched"

    def fit(self, history: History, design: Design, priors: Priors, progress: Progress) -> Fits:
        """See `Engine.fit`.

        Raises: DataError: a multiplicative term, which only the stan engine fits; a prior scale that is not positive.
        """
        return fit_expecting(history, design, priors, progress, None)


def fit_expecting(
    history: History,
    design: Design,
    priors: Priors,
    progress: Progress,
    expected: Expectation | None,
    only: BoolArray | None = None,
) -> Fits:
    """Fit each store as the batched engine does: its difference from what is expected of it; None expects nothing.

    Args:   only: (n_stores,) fit no others.
    Raises: DataError: a multiplicative term, a prior scale that is not positive.
    """
    _check(design, priors)
    reasons = _reasons()
    parameters = empty_parameters(len(history.store_ids), design, CHANGEPOINTS)
    fitted = np.zeros(len(history.store_ids), dtype=np.bool_)
    failures: dict[int, str] = {}
    waves = _waves(design, history.days)
    for layout in layouts(history, design, only):
        problem = _problem(layout, history, design, priors, waves)
        if expected is not None:
            problem = _expecting(problem, expected.rows(layout.rows), layout, design, waves)
        solved = _solve(problem, layout, design, priors)
        _put(parameters, layout, problem, solved)
        fitted[layout.rows] = solved.outcome == 0
        outcomes = zip(layout.rows.tolist(), solved.outcome.tolist(), strict=True)
        failed = {row: reasons[outcome] for row, outcome in outcomes if outcome in reasons}
        failures |= failed
        progress(len(layout.rows), len(failed))
    return fits_of(parameters, fitted, failures)


def _check(design: Design, priors: Priors) -> None:
    modes = {term.name: term.mode for term in design.seasonalities} | {
        term.name: term.mode for term in design.regressors
    }
    multiplicative = [name for name, mode in modes.items() if mode != "additive"]
    if multiplicative:
        raise DataError(
            f"the batched engine fits additive terms only, and {', '.join(multiplicative)} is multiplicative: "
            "make it additive (on the log1p scale additive terms multiply sales), or train with --engine stan"
        )
    scales = {name: getattr(priors, name) for name in ("changepoint", "seasonality", "regressor")}
    bad = [f"{name} {scale}" for name, scale in scales.items() if scale is not None and not 0 < scale < np.inf]
    if bad:
        raise DataError(f"wanted prior scales above 0, got {', '.join(bad)}: a small positive one holds a term back")


def _waves(design: Design, days: IntArray) -> FloatArray:
    """Fourier columns of all seasonalities, (n_fourier, n_days)."""
    return np.concatenate([np.zeros((0, len(days))), *(season.matrix(days).T for season in design.seasonalities)])


def _problem(layout: Layout, history: History, design: Design, priors: Priors, waves: FloatArray) -> Problem:
    days = layout.days
    t = (days - days[0]) / (days[-1] - days[0])
    fourier = waves[layout.beta_columns[: len(layout.beta_columns) - len(layout.regressors)]][:, layout.places]
    number = np.array([design.regressors[place].rule == "number" for place in layout.regressors], dtype=np.bool_)
    # As Prophet standardises: flags stay as they are.
    with np.errstate(all="ignore"):  # what overflows is found when the store is solved
        centre = np.where(number, layout.values.mean(axis=1), 0.0)
        spread = np.where(number, layout.values.std(axis=1, ddof=1), 1.0)
        regressors = (layout.values - centre[:, None]) / spread[:, None]
    linear = design.growth == "linear"
    trend = np.stack([t, np.ones(len(t))]) if linear else np.ones((1, len(t)))
    targets = layout.target(history, design)
    y_scale = np.abs(targets).max(axis=1)
    targets = targets / y_scale[:, None]
    scales = [TREND_PRIOR] * len(trend) + [priors.seasonality] * len(fourier) + [priors.regressor] * len(regressors)
    return Problem(
        np.concatenate([trend, fourier, regressors]),
        t,
        changepoint_places(len(t)),
        targets,
        y_scale,
        centre,
        spread,
        targets.min(axis=1) == targets.max(axis=1),
        np.tile(np.array(scales), (len(targets), 1)),
        priors.changepoint,
    )


def _expecting(problem: Problem, expected: Expectation, layout: Layout, design: Design, waves: FloatArray) -> Problem:
    """The problem of the difference to what is expected of its stores; of a constant one, nothing is."""
    head = head_of(
        expected.without(problem.constant),
        layout,
        design,
        waves[:, layout.places],
        y_scale=problem.y_scale,
        plain_scales=problem.scales[0],
        centre=problem.centre,
        spread=problem.spread,
    )
    targets, tau = problem.targets - head.offset, problem.tau * head.tau_factor
    return replace(problem, targets=targets, scales=head.scales, tau=tau, head=head)


def _weights(days: IntArray, half_life_days: float | None) -> FloatArray:
    """What each day counts in the fit: with a half-life, a day that much older than the last counts half.

    The mean is 1, which keeps the balance between the days and the priors.
    """
    if half_life_days is None:
        return np.ones(len(days))
    weights = 0.5 ** ((days[-1] - days) / half_life_days)
    return np.asarray(weights / weights.mean())


def _solve(problem: Problem, layout: Layout, design: Design, priors: Priors) -> Solved:
    from training import solver  # noqa: PLC0415 - the compiler's package takes a while to load, and only a fit needs it

    linear = design.growth == "linear"
    n_trend, places = (2, problem.places) if linear else (1, problem.places[:0])
    constant = problem.constant
    n_stores, n_smooth = problem.scales.shape
    w, sigma = np.zeros((n_stores, n_smooth + len(places))), np.full(n_stores, CONSTANT_SIGMA)
    outcome = np.zeros(n_stores, dtype=np.int64)
    w[:, n_trend - 1] = 1.0  # the level of a constant store
    targets = problem.targets[~constant]
    w[~constant], sigma[~constant], outcome[~constant] = solver.solve_layout(
        problem.columns,
        problem.t,
        places,
        targets,
        _weights(layout.days, priors.half_life_days),
        targets.var(axis=1),
        problem.scales[~constant] ** -2.0,
        problem.tau,
    )
    outcome[(outcome == solver.FITTED) & ~np.isfinite(w).all(axis=1)] = solver.NOT_FINITE
    trend = np.zeros((n_stores, 2))
    trend[:, 2 - n_trend :] = w[:, :n_trend]
    delta = w[:, n_smooth:] if linear else np.zeros((n_stores, len(problem.places)))
    return Solved(trend, w[:, n_trend:n_smooth], delta, sigma, outcome)


def _reasons() -> Mapping[int, str]:
    """What went wrong. A store too flexible for its few days is none of it: like a shorter one, it has a fallback."""
    from training import solver  # noqa: PLC0415 - see `_solve`

    return {
        solver.NOT_CONVERGED: f"no optimum found in {solver.MOST_ROUNDS} rounds",
        solver.NOT_FINITE: "its parameters are not finite: sales or a regressor are too large or too small",
    }


def _put(into: Parameters, layout: Layout, problem: Problem, solved: Solved) -> None:
    """Write the fitted stores' parameters into their rows."""
    fitted: BoolArray = solved.outcome == 0
    rows = layout.rows[fitted]
    days = layout.days
    trend, beta, head = solved.trend, solved.beta, problem.head
    if head is not None:
        trend = trend + np.stack([head.slope, head.level], axis=1)
        beta = beta + head.beta[:, layout.beta_columns]
        into.beta[rows] = head.beta[fitted]
    scalars = dict(zip(("k", "m"), trend.T, strict=True)) | {"sigma_obs": solved.sigma}
    scalars |= {"y_scale": problem.y_scale}
    for name, values in scalars.items():
        into.scalars[rows, SCALARS.index(name)] = values[fitted]
    into.scalars[rows, SCALARS.index("start_day")] = days[0]
    into.scalars[rows, SCALARS.index("t_scale_days")] = days[-1] - days[0]
    into.beta[np.ix_(rows, layout.beta_columns)] = beta[fitted]
    n_hinges = len(problem.places)
    into.delta[rows, :n_hinges] = solved.delta[fitted]
    into.changepoints_t[rows, :n_hinges] = problem.t[problem.places]
    into.centre[np.ix_(rows, layout.regressors)] = problem.centre
    into.spread[np.ix_(rows, layout.regressors)] = problem.spread
