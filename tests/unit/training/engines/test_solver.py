"""The pieces of the exact solver against plain linear algebra. They run uncompiled: the compiler takes seconds."""

from collections.abc import Callable
from inspect import unwrap

import numpy as np
import pytest

from fleet.arrays import FloatArray
from training.engines import compiled, solver
from training.engines import products as gram


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(8)


@pytest.fixture(autouse=True)
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (gram, solver):
        for name, value in vars(module).items():
            if hasattr(value, "py_func"):
                monkeypatch.setattr(module, name, unwrap(value))


def test_elimination_and_substitution_solve_a_system(rng: np.random.Generator) -> None:
    columns = rng.normal(size=(5, 30))
    target = rng.normal(size=30)
    augmented = np.vstack([columns, target])
    products = np.triu(augmented @ augmented.T)
    solver.eliminate(products, 5)
    w = np.zeros(5)
    solver.back_substitute(products, 5, w)
    best, squares, *_ = np.linalg.lstsq(columns.T, target)
    np.testing.assert_allclose(w, best, rtol=1e-10)
    np.testing.assert_allclose(products[5, 5], squares[0], rtol=1e-10)


def test_a_column_told_by_the_others_gets_no_coefficient(rng: np.random.Generator) -> None:
    columns = rng.normal(size=(3, 30))
    columns[2] = columns[0] - 2 * columns[1]
    augmented = np.vstack([columns, rng.normal(size=30)])
    products = np.triu(augmented @ augmented.T)
    solver.eliminate(products, 3)
    w = np.zeros(3)
    solver.back_substitute(products, 3, w)
    assert w[2] == 0
    np.testing.assert_allclose(w[:2], np.linalg.lstsq(columns[:2].T, augmented[3])[0], rtol=1e-10)


@pytest.mark.parametrize(("n_left", "n_right"), [(1, 1), (2, 4), (3, 4), (5, 3)])
def test_products_are_sums_over_days(rng: np.random.Generator, n_left: int, n_right: int) -> None:
    left, right = rng.normal(size=(n_left, 17)), rng.normal(size=(n_right, 17))
    found = np.zeros((n_left, n_right))
    gram.cross_products(left, right, False, found)
    np.testing.assert_allclose(found, left @ right.T, rtol=1e-12)


def test_all_products_of_a_design_are_those_of_its_columns_written_out(rng: np.random.Generator) -> None:
    t = np.sort(rng.random(40))
    smooth = np.vstack([t, np.ones(40), rng.normal(size=(3, 40))])
    targets = rng.normal(size=(2, 40))
    places = np.array([3, 10, 11, 30])
    hinges = np.maximum(t - t[places][:, None], 0.0)
    columns = np.vstack([smooth, hinges])
    weights = rng.random(40)
    weighed = smooth * weights
    found = gram.design_products(smooth, weighed, t, places)
    upper = np.triu_indices(len(columns))
    wanted = (columns * weights) @ columns.T
    np.testing.assert_allclose(found[:-1, :-1][upper], wanted[upper], rtol=1e-10, atol=1e-12)
    sums = gram.target_products(weighed, weights, t, places, targets)
    np.testing.assert_allclose(sums[:, :-1], (targets * weights) @ columns.T, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(sums[:, -1], (targets**2 * weights).sum(axis=1), rtol=1e-12)


def lasso_problem(rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
    columns = rng.normal(size=(n, 3 * n)).cumsum(axis=1)
    return columns @ columns.T, columns @ rng.normal(size=3 * n).cumsum()


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_a_lasso_ends_where_no_step_would_help(rng: np.random.Generator, share: float) -> None:
    quadratic, linear = lasso_problem(rng, 12)
    penalty = share * np.abs(linear).max()
    delta, signs = np.zeros(12), np.zeros(12)
    assert solver.lasso(quadratic, linear, penalty, delta, signs)
    slope = linear - quadratic @ delta
    np.testing.assert_allclose(slope[delta != 0], penalty * np.sign(delta[delta != 0]), rtol=1e-6)
    assert (np.abs(slope) <= penalty * (1 + 1e-6)).all()
    assert 0 < (delta != 0).sum() < 12


def test_a_lasso_ends_at_the_same_place_from_any_start(rng: np.random.Generator) -> None:
    quadratic, linear = lasso_problem(rng, 10)
    penalty = 0.1 * np.abs(linear).max()
    cold, warm = np.zeros(10), np.zeros(10)
    assert solver.lasso(quadratic, linear, penalty, cold, np.zeros(10))
    signs = np.zeros(10)
    assert solver.lasso(quadratic, linear, penalty * 0.2, warm, signs)
    assert solver.lasso(quadratic, linear, penalty, warm, signs)
    np.testing.assert_allclose(warm, cold, rtol=1e-8, atol=1e-12)


def test_a_penalty_over_every_slope_leaves_all_steps_zero(rng: np.random.Generator) -> None:
    quadratic, linear = lasso_problem(rng, 6)
    delta = np.zeros(6)
    assert solver.lasso(quadratic, linear, np.abs(linear).max() * 1.01, delta, np.zeros(6))
    assert not delta.any()


def test_code_is_compiled_each_time_where_no_folder_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def njit(function: Callable[[], int], *, cache: bool = False, **_: object) -> Callable[[], int]:
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return function

    monkeypatch.setattr("training.engines.compiled.numba.njit", njit)
    assert compiled.compiled(lambda: 7)() == 7
    assert asked == [True, False]
