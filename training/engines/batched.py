"""The default engine: the exact optimum of Prophet's model for a whole chain in this process, no Stan, no files.

Without multiplicative terms Prophet's best parameters are the answer to a small convex problem; `solver` solves it from
sums of products. Most stores of a chain open on the same days, so most of these sums are made once for many stores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fleet import Design
from fleet.arrays import BoolArray, FloatArray, IntArray
from fleet.formula import SCALARS
from training.engines.design_groups import DesignGroup, design_groups
from training.engines.engine import CHANGEPOINTS, Fits, FitSpec, empty_parameters, fits_of
from training.engines.priors import EffectPrior, ShiftedProblem, shifted_problem
from training.engines.problem import FitProblem, fit_problem
from training.errors import DataError
from training.history.history import History

TREND_PRIOR = 5.0
"""Standard deviation of Prophet's normal prior of slope and level."""

CONSTANT_SIGMA = 1e-9
"""The noise that Prophet gives a store that sells the same every day."""


_FOUND = np.array([SCALARS.index(name) for name in ("k", "m", "sigma_obs", "y_scale", "start_day", "t_scale_days")])


@dataclass(frozen=True)
class BatchedEngine:
    """All stores in this process, one after the other."""

    name: str = "batched"

    def fit(self, history: History, design: Design, specs: Sequence[FitSpec]) -> list[Fits]:
        """See `Engine.fit`. What the fits share is worked out once.

        Raises: DataError: a multiplicative term, which only the stan engine fits; a prior scale that is not positive.
        """
        return fit_with_priors(history, design, specs, [None] * len(specs))


def fit_with_priors(
    history: History,
    design: Design,
    specs: Sequence[FitSpec],
    effect_priors: Sequence[EffectPrior | None],
    only: BoolArray | None = None,
) -> list[Fits]:
    """Fit each store as the batched engine does: its difference from its prior's mean; None is the plain prior.

    Args:   effect_priors: one for each specification.  only: (n_stores,) fit no others.
    Raises: DataError: a multiplicative term, a prior scale that is not positive.
    """
    waves = _waves(design, history.days)
    fitters = [_Fitter(history, design, spec, prior, waves) for spec, prior in zip(specs, effect_priors, strict=True)]
    for group in design_groups(history, design, only):
        problem = fit_problem(group, history, design, waves)
        for fitter in fitters:
            fitter.fit(problem)
    return [fitter.fits() for fitter in fitters]


def _waves(design: Design, days: IntArray) -> FloatArray:
    """Fourier columns of all seasonalities, (n_fourier, n_days)."""
    return np.concatenate([np.zeros((0, len(days))), *(season.matrix(days).T for season in design.seasonalities)])


def _check(spec: FitSpec) -> None:
    modes = [(season.name, season.mode) for season in spec.design.seasonalities]
    modes += [(regressor.name, regressor.mode) for regressor in spec.design.regressors]
    multiplicative = [name for name, mode in modes if mode != "additive"]
    if multiplicative:
        raise DataError(
            f"the batched engine fits additive terms only, and {', '.join(multiplicative)} is multiplicative: "
            "make it additive (on the log1p scale additive terms multiply sales), or train with --engine stan"
        )
    scales = {name: getattr(spec.priors, name) for name in ("changepoint", "seasonality", "regressor")}
    bad = [f"{name} {scale}" for name, scale in scales.items() if scale is not None and not 0 < scale < np.inf]
    if bad:
        raise DataError(f"wanted prior scales above 0, got {', '.join(bad)}: a small positive one holds a term back")


@dataclass(frozen=True)
class Solution:
    """What was found for the stores of a problem, in its order; `outcome`: of `solver`."""

    trend: FloatArray
    beta: FloatArray
    delta: FloatArray
    sigma: FloatArray
    outcome: IntArray


class _Fitter:
    """Fits one specification, problem by problem, and holds the results so far."""

    def __init__(
        self, history: History, design: Design, spec: FitSpec, prior: EffectPrior | None, waves: FloatArray
    ) -> None:
        _check(spec)
        n_stores = len(history.store_ids)
        self._spec, self._prior = spec, prior
        self._parameters = empty_parameters(n_stores, spec.design, CHANGEPOINTS)
        self._fitted = np.zeros(n_stores, dtype=np.bool_)
        self._failures: dict[int, str] = {}
        self._n_trend = 2 if design.growth == "linear" else 1
        # Where the specification's columns are in the whole design, and its waves.
        places = {name: place for place, name in enumerate(design.beta_names)}
        self._whole = np.array([places[name] for name in spec.design.beta_names], dtype=np.int64)
        self._waves = waves[self._whole[: spec.design.n_fourier]]

    def fit(self, problem: FitProblem) -> None:
        """Fit the stores of a problem."""
        group = problem.group.for_design(self._spec.design)
        shifted = self._shifted(problem, group, self._prior) if self._prior is not None else None
        solution = self._solve(problem, group, shifted)
        self._put(problem, group, shifted, solution)
        self._fitted[group.rows] = solution.outcome == 0
        reasons = _reasons()
        outcomes = zip(group.rows.tolist(), solution.outcome.tolist(), strict=True)
        self._failures |= {row: reasons[outcome] for row, outcome in outcomes if outcome in reasons}

    def fits(self) -> Fits:
        """All that was found."""
        return fits_of(self._parameters, self._fitted, self._failures)

    def _scales(self, group: DesignGroup) -> FloatArray:
        """(n_smooth,) the plain prior scales."""
        priors, n_regressors = self._spec.priors, len(group.regressors)
        n_waves = len(group.beta_columns) - n_regressors
        parts = [TREND_PRIOR] * self._n_trend + [priors.seasonality] * n_waves + [priors.regressor] * n_regressors
        return np.array(parts)

    def _shifted(self, problem: FitProblem, group: DesignGroup, prior: EffectPrior) -> ShiftedProblem:
        """The problem shifted by its stores' prior; a constant store keeps the plain one."""
        return shifted_problem(
            prior.rows(group.rows).without(problem.constant),
            group,
            self._spec.design,
            self._waves[:, group.places],
            y_scale=problem.y_scale,
            plain_scales=self._scales(group),
            centre=problem.centre,
            spread=problem.spread,
        )

    def _solve(self, problem: FitProblem, group: DesignGroup, shifted: ShiftedProblem | None) -> Solution:
        from training.engines import products, solver  # noqa: PLC0415 - the compiler's package loads slowly, and only a fit needs it

        sums, columns, varies = (
            problem.sums(self._spec.priors.half_life_days),
            self._columns(problem, group),
            ~problem.constant,
        )
        targets, of_targets, tau = problem.targets, sums.of_targets, self._spec.priors.changepoint
        scales = np.tile(self._scales(group), (len(targets), 1))
        if shifted is not None:
            targets, scales, tau = targets - shifted.offset, shifted.scales, tau * shifted.tau_factor
            of_targets = products.target_products(sums.weighed, sums.weights, problem.t, problem.hinges, targets)
        w, sigma = np.zeros((len(targets), len(columns) - 1)), np.full(len(targets), CONSTANT_SIGMA)
        outcome = np.zeros(len(targets), dtype=np.int64)
        w[:, self._n_trend - 1] = 1.0  # the level of a constant store
        w[varies], sigma[varies], outcome[varies] = solver.solve_group(
            sums.products[columns[:, None], columns],
            of_targets[varies][:, columns].copy(),
            len(problem.t),
            targets[varies].var(axis=1),
            scales[varies] ** -2.0,
            tau,
        )
        outcome[(outcome == solver.FITTED) & ~np.isfinite(w).all(axis=1)] = solver.NOT_FINITE
        n_smooth = scales.shape[1]
        trend = np.zeros((len(targets), 2))
        trend[:, 2 - self._n_trend :] = w[:, : self._n_trend]
        return Solution(trend, w[:, self._n_trend : n_smooth], w[:, n_smooth:], sigma, outcome)

    def _columns(self, problem: FitProblem, group: DesignGroup) -> IntArray:
        """Where the specification's columns are among a problem's: its smooth ones, the hinges and the target."""
        n_columns = len(problem.columns)
        place = np.zeros(int(problem.group.beta_columns.max(initial=-1)) + 1, dtype=np.int64)
        place[problem.group.beta_columns] = np.arange(self._n_trend, n_columns)
        smooth = place[self._whole[group.beta_columns]]
        last = np.arange(n_columns, n_columns + len(problem.hinges) + 1)
        return np.concatenate([np.arange(self._n_trend), smooth, last])

    def _put(self, problem: FitProblem, group: DesignGroup, shifted: ShiftedProblem | None, solution: Solution) -> None:
        """Write the fitted stores' parameters into their rows."""
        into, fitted = self._parameters, solution.outcome == 0
        rows, days = group.rows[fitted], group.days
        trend, beta = solution.trend, solution.beta
        if shifted is not None:
            trend = trend + np.stack([shifted.slope, shifted.level], axis=1)
            beta = beta + shifted.beta[:, group.beta_columns]
            into.beta[rows] = shifted.beta[fitted]
        span = np.tile([float(days[0]), float(days[-1] - days[0])], (len(trend), 1))
        found = np.column_stack([trend, solution.sigma, problem.y_scale, span])
        at = rows[:, None]  # as np.ix_, which takes longer than what it is for
        into.scalars[at, _FOUND] = found[fitted]
        into.beta[at, group.beta_columns] = beta[fitted]
        into.delta[rows, : len(problem.hinges)] = solution.delta[fitted]
        into.changepoints_t[rows, : len(problem.places)] = problem.t[problem.places]
        into.centre[at, group.regressors] = problem.centre
        into.spread[at, group.regressors] = problem.spread


def _reasons() -> Mapping[int, str]:
    """What went wrong. A store too flexible for its few days is none of it: like a shorter one, it has a fallback."""
    from training.engines import solver  # noqa: PLC0415 - see `_Fitter._solve`

    return {
        solver.NOT_CONVERGED: f"no optimum found in {solver.MOST_ROUNDS} rounds",
        solver.NOT_FINITE: "its parameters are not finite: sales or a regressor are too large or too small",
    }
