"""The compiled solver against a slow general optimiser, on random small problems."""

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize  # type: ignore[import-untyped]

from fleet.arrays import FloatArray, IntArray
from training.engines import products as gram
from training.engines import solver

PENALTY_SCALES = st.sampled_from([0.005, 0.05, 0.5])


@dataclass(frozen=True)
class Problem:
    """One store: columns (n_smooth, n_days), kinks, target, prior variances' inverses and the Laplace scale."""

    smooth: FloatArray
    t: FloatArray
    places: IntArray
    target: FloatArray
    ridge: FloatArray
    tau: float
    weights: FloatArray

    @property
    def columns(self) -> FloatArray:
        """All columns, written out."""
        return np.vstack([self.smooth, np.maximum(self.t - self.t[self.places][:, None], 0.0)])

    def cost(self, w: FloatArray, sigma: float) -> float:
        """Minus the log posterior."""
        residual = self.target - w @ self.columns
        n = len(self.ridge)
        held = (self.ridge * w[:n] ** 2).sum() / 2 + np.abs(w[n:]).sum() / self.tau
        squares = (self.weights * residual**2).sum()
        return float(len(self.t) * np.log(sigma) + squares / (2 * sigma**2) + held + 2 * sigma**2)

    def solved(self) -> tuple[FloatArray, float, int]:
        """Our answer."""
        target = self.target[None]
        weighed = self.smooth * self.weights
        products = gram.design_products(self.smooth, weighed, self.t, self.places)
        sums = gram.target_products(weighed, self.weights, self.t, self.places, target)
        w, sigma, outcome = solver.solve_group(
            products, sums, len(self.t), target.var(axis=1), self.ridge[None], self.tau
        )
        return w[0], float(sigma[0]), int(outcome[0])

    def searched(self, start: FloatArray) -> float:
        """The least cost that a general optimiser finds, steps split into up and down; start: w."""
        n, n_hinges = len(self.ridge), len(self.places)

        def unfolded(x: FloatArray) -> tuple[float, FloatArray]:
            w = np.concatenate([x[:n], x[n : n + n_hinges] - x[n + n_hinges : -1]])
            sigma = np.exp(x[-1])
            residual = self.target - w @ self.columns
            slope = -self.columns @ (self.weights * residual) / sigma**2
            up, down = slope[n:] + 1 / self.tau, -slope[n:] + 1 / self.tau
            by_sigma = len(self.t) - (self.weights * residual**2).sum() / sigma**2 + 4 * sigma**2
            cost = self.cost(w, sigma) + (x[n:-1].sum() - np.abs(w[n:]).sum()) / self.tau
            return cost, np.concatenate([slope[:n] + self.ridge * w[:n], up, down, [by_sigma]])

        x = np.concatenate([start[:n], np.maximum(start[n:], 0), np.maximum(-start[n:], 0), [np.log(0.1)]])
        bounds = [(None, None)] * n + [(0, None)] * (2 * n_hinges) + [(-12, 3)]
        found = minimize(unfolded, x, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 5000})
        return float(found.fun)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_days, n_more, n_hinges = draw(st.integers(50, 120)), draw(st.integers(0, 5)), draw(st.integers(0, 12))
    t = np.sort(rng.choice(400, n_days, replace=False)) / 400
    more = rng.normal(size=(n_more, n_days))
    if n_more and draw(st.booleans()):
        more[-1] = 1.0 if n_more == 1 else more[0]  # a column that is there twice
    places = np.sort(rng.choice(np.arange(1, int(n_days * 0.8)), n_hinges, replace=False))
    level = draw(st.sampled_from([0.0, 0.9]))
    steps = rng.laplace(0, 0.5, n_hinges) * (rng.random(n_hinges) < 0.4)
    bends = steps @ np.maximum(t - t[places][:, None], 0.0)
    noise = draw(st.sampled_from([0.003, 0.05, 0.3]))
    target = level + bends + rng.normal(0, 0.1, n_more) @ more + rng.normal(0, noise, n_days)
    ridge = np.concatenate([[0.04, 0.04], np.full(n_more, draw(st.sampled_from([0.01, 1.0])))])
    weights = 0.5 ** (t.max() - t) if draw(st.booleans()) else np.ones(n_days)
    smooth = np.vstack([t, np.ones(n_days), more])
    return Problem(smooth, t, places, target, ridge, draw(PENALTY_SCALES), weights / weights.mean())


@given(problems())
def test_no_search_finds_a_better_point(problem: Problem) -> None:
    w, sigma, outcome = problem.solved()
    assert outcome == solver.FITTED
    ours = problem.cost(w, sigma)
    start = np.zeros(len(w))
    start[1] = problem.target.mean()
    assert ours <= problem.searched(start) + 1e-7
    assert ours <= problem.searched(w) + 1e-7


@given(problems(), st.integers(0, 2**32 - 1))
def test_no_small_change_is_an_improvement(problem: Problem, seed: int) -> None:
    w, sigma, _ = problem.solved()
    rng = np.random.default_rng(seed)
    for size in (1e-2, 1e-4, 1e-6):
        other = w + size * rng.normal(size=len(w)) * (rng.random(len(w)) < 0.5)
        assert problem.cost(w, sigma) <= problem.cost(other, sigma * np.exp(size * rng.normal())) + 1e-9


def test_more_columns_than_days_are_told_from_a_store_without_noise() -> None:
    rng = np.random.default_rng(2)
    t = np.arange(28) / 27
    smooth = np.vstack([t, np.ones(28), rng.normal(size=(24, 28))])
    many = Problem(smooth, t, np.arange(1, 22), rng.normal(0.9, 0.01, 28), np.full(26, 0.01), 0.05, np.ones(28))
    assert many.solved()[2] == solver.TOO_FLEXIBLE
    exact = Problem(smooth[:3], t, np.arange(1, 22, 4), 0.5 + 0.1 * smooth[2], np.full(3, 0.01), 0.05, np.ones(28))
    w, sigma, outcome = exact.solved()
    assert outcome == solver.FITTED
    np.testing.assert_allclose(w[:3], [0, 0.5, 0.1], atol=1e-4)
    assert sigma < 1e-5


def test_numbers_that_are_none_are_an_outcome() -> None:
    t = np.arange(40) / 39
    smooth = np.vstack([t, np.ones(40), np.full(40, np.nan)])
    problem = Problem(smooth, t, np.array([10, 20]), 0.5 + t**2, np.full(3, 0.01), 0.05, np.ones(40))
    assert problem.solved()[2] == solver.NOT_FINITE
