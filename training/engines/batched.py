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
from training.engines.design_groups import Layout, layouts
from training.engines.engine import CHANGEPOINTS, Fits, Way, empty_parameters, fits_of
from training.engines.priors import Expectation, Head, head_of
from training.engines.problem import Draft, draft_of
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

    def fit(self, history: History, design: Design, ways: Sequence[Way]) -> list[Fits]:
        """See `Engine.fit`. What the ways share is worked out once.

        Raises: DataError: a multiplicative term, which only the stan engine fits; a prior scale that is not positive.
        """
        return fit_expecting(history, design, ways, [None] * len(ways))


def fit_expecting(
    history: History,
    design: Design,
    ways: Sequence[Way],
    expected: Sequence[Expectation | None],
    only: BoolArray | None = None,
) -> list[Fits]:
    """Fit each store as the batched engine does: its difference from what is expected of it; None expects nothing.

    Args:   expected: one for each way.  only: (n_stores,) fit no others.
    Raises: DataError: a multiplicative term, a prior scale that is not positive.
    """
    waves = _waves(design, history.days)
    fitters = [_Fitter(history, design, way, expects, waves) for way, expects in zip(ways, expected, strict=True)]
    for layout in layouts(history, design, only):
        draft = draft_of(layout, history, design, waves)
        for fitter in fitters:
            fitter.fit(draft)
    return [fitter.fits() for fitter in fitters]


def _waves(design: Design, days: IntArray) -> FloatArray:
    """Fourier columns of all seasonalities, (n_fourier, n_days)."""
    return np.concatenate([np.zeros((0, len(days))), *(season.matrix(days).T for season in design.seasonalities)])


def _check(way: Way) -> None:
    modes = [(season.name, season.mode) for season in way.design.seasonalities]
    modes += [(regressor.name, regressor.mode) for regressor in way.design.regressors]
    multiplicative = [name for name, mode in modes if mode != "additive"]
    if multiplicative:
        raise DataError(
            f"the batched engine fits additive terms only, and {', '.join(multiplicative)} is multiplicative: "
            "make it additive (on the log1p scale additive terms multiply sales), or train with --engine stan"
        )
    scales = {name: getattr(way.priors, name) for name in ("changepoint", "seasonality", "regressor")}
    bad = [f"{name} {scale}" for name, scale in scales.items() if scale is not None and not 0 < scale < np.inf]
    if bad:
        raise DataError(f"wanted prior scales above 0, got {', '.join(bad)}: a small positive one holds a term back")


@dataclass(frozen=True)
class Solved:
    """What was found for the stores of a draft, in its order; `outcome`: of `solver`."""

    trend: FloatArray
    beta: FloatArray
    delta: FloatArray
    sigma: FloatArray
    outcome: IntArray


class _Fitter:
    """One way to fit, draft by draft, and what it has found so far."""

    def __init__(
        self, history: History, design: Design, way: Way, expected: Expectation | None, waves: FloatArray
    ) -> None:
        _check(way)
        n_stores = len(history.store_ids)
        self._way, self._expected = way, expected
        self._parameters = empty_parameters(n_stores, way.design, CHANGEPOINTS)
        self._fitted = np.zeros(n_stores, dtype=np.bool_)
        self._failures: dict[int, str] = {}
        self._n_trend = 2 if design.growth == "linear" else 1
        # Where the way's columns are in the whole design, and its waves.
        places = {name: place for place, name in enumerate(design.beta_names)}
        self._whole = np.array([places[name] for name in way.design.beta_names], dtype=np.int64)
        self._waves = waves[self._whole[: way.design.n_fourier]]

    def fit(self, draft: Draft) -> None:
        """Fit the stores of a draft."""
        layout = draft.layout.for_design(self._way.design)
        head = self._head(draft, layout, self._expected) if self._expected is not None else None
        solved = self._solve(draft, layout, head)
        self._put(draft, layout, head, solved)
        self._fitted[layout.rows] = solved.outcome == 0
        reasons = _reasons()
        outcomes = zip(layout.rows.tolist(), solved.outcome.tolist(), strict=True)
        self._failures |= {row: reasons[outcome] for row, outcome in outcomes if outcome in reasons}

    def fits(self) -> Fits:
        """All that was found."""
        return fits_of(self._parameters, self._fitted, self._failures)

    def _scales(self, layout: Layout) -> FloatArray:
        """(n_smooth,) the plain prior scales."""
        priors, n_regressors = self._way.priors, len(layout.regressors)
        n_waves = len(layout.beta_columns) - n_regressors
        parts = [TREND_PRIOR] * self._n_trend + [priors.seasonality] * n_waves + [priors.regressor] * n_regressors
        return np.array(parts)

    def _head(self, draft: Draft, layout: Layout, expected: Expectation) -> Head:
        """What is expected of a draft's stores; of a constant one, nothing is."""
        return head_of(
            expected.rows(layout.rows).without(draft.constant),
            layout,
            self._way.design,
            self._waves[:, layout.places],
            y_scale=draft.y_scale,
            plain_scales=self._scales(layout),
            centre=draft.centre,
            spread=draft.spread,
        )

    def _solve(self, draft: Draft, layout: Layout, head: Head | None) -> Solved:
        from training.engines import products, solver  # noqa: PLC0415 - the compiler's package loads slowly, and only a fit needs it

        sums, columns, varies = (
            draft.sums(self._way.priors.half_life_days),
            self._columns(draft, layout),
            ~draft.constant,
        )
        targets, of_targets, tau = draft.targets, sums.of_targets, self._way.priors.changepoint
        scales = np.tile(self._scales(layout), (len(targets), 1))
        if head is not None:
            targets, scales, tau = targets - head.offset, head.scales, tau * head.tau_factor
            of_targets = products.target_products(sums.weighed, sums.weights, draft.t, draft.hinges, targets)
        w, sigma = np.zeros((len(targets), len(columns) - 1)), np.full(len(targets), CONSTANT_SIGMA)
        outcome = np.zeros(len(targets), dtype=np.int64)
        w[:, self._n_trend - 1] = 1.0  # the level of a constant store
        w[varies], sigma[varies], outcome[varies] = solver.solve_layout(
            sums.products[columns[:, None], columns],
            of_targets[varies][:, columns].copy(),
            len(draft.t),
            targets[varies].var(axis=1),
            scales[varies] ** -2.0,
            tau,
        )
        outcome[(outcome == solver.FITTED) & ~np.isfinite(w).all(axis=1)] = solver.NOT_FINITE
        n_smooth = scales.shape[1]
        trend = np.zeros((len(targets), 2))
        trend[:, 2 - self._n_trend :] = w[:, : self._n_trend]
        return Solved(trend, w[:, self._n_trend : n_smooth], w[:, n_smooth:], sigma, outcome)

    def _columns(self, draft: Draft, layout: Layout) -> IntArray:
        """Where the way's columns are among a draft's: its smooth ones, the hinges and the target."""
        n_columns = len(draft.columns)
        place = np.zeros(int(draft.layout.beta_columns.max(initial=-1)) + 1, dtype=np.int64)
        place[draft.layout.beta_columns] = np.arange(self._n_trend, n_columns)
        smooth = place[self._whole[layout.beta_columns]]
        last = np.arange(n_columns, n_columns + len(draft.hinges) + 1)
        return np.concatenate([np.arange(self._n_trend), smooth, last])

    def _put(self, draft: Draft, layout: Layout, head: Head | None, solved: Solved) -> None:
        """Write the fitted stores' parameters into their rows."""
        into, fitted = self._parameters, solved.outcome == 0
        rows, days = layout.rows[fitted], layout.days
        trend, beta = solved.trend, solved.beta
        if head is not None:
            trend = trend + np.stack([head.slope, head.level], axis=1)
            beta = beta + head.beta[:, layout.beta_columns]
            into.beta[rows] = head.beta[fitted]
        span = np.tile([float(days[0]), float(days[-1] - days[0])], (len(trend), 1))
        found = np.column_stack([trend, solved.sigma, draft.y_scale, span])
        at = rows[:, None]  # as np.ix_, which takes longer than what it is for
        into.scalars[at, _FOUND] = found[fitted]
        into.beta[at, layout.beta_columns] = beta[fitted]
        into.delta[rows, : len(draft.hinges)] = solved.delta[fitted]
        into.changepoints_t[rows, : len(draft.places)] = draft.t[draft.places]
        into.centre[at, layout.regressors] = draft.centre
        into.spread[at, layout.regressors] = draft.spread


def _reasons() -> Mapping[int, str]:
    """What went wrong. A store too flexible for its few days is none of it: like a shorter one, it has a fallback."""
    from training.engines import solver  # noqa: PLC0415 - see `_Fitter._solve`

    return {
        solver.NOT_CONVERGED: f"no optimum found in {solver.MOST_ROUNDS} rounds",
        solver.NOT_FINITE: "its parameters are not finite: sales or a regressor are too large or too small",
    }
