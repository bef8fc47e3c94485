"""The batched engine against stock Prophet in one plain posterior: never a worse optimum, the same forecasts."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from support.training import chains, edge_chains
from support.training.edge_chains import CASES, some_stores
from support.training.posterior import Posterior, posterior_of

from benchmarks.small_chains import fit_once, read_history
from fleet import Design, Fleet, Parameters, formula
from fleet.arrays import FloatArray, as_dates, weekdays
from fleet.features import Regressor, padded_window
from fleet.formula import SCALARS
from fleet.prophet.convert import future_frame, to_prophet
from training.engines.batched import CONSTANT_SIGMA, BatchedEngine
from training.engines.engine import Fits, Priors
from training.engines.features import design_of
from training.engines.stan import StanEngine
from training.errors import DataError
from training.history.history import History

PRIORS = Priors()
AHEAD_DAYS = 42


@dataclass(frozen=True)
class Pair:
    """One chain fitted by both engines."""

    history: History
    design: Design
    ours: Fits
    stan: Fits

    def rows(self) -> Iterator[tuple[int, Parameters, Parameters]]:
        """Each store that has an optimum: its row, our parameters and Stan's.

        A store that sells the same every day or week has none: the less noise, the higher the posterior.
        """
        for row in np.flatnonzero(self.ours.fitted).tolist():
            if self.ours.parameters.scalar("sigma_obs")[row, 0] > 1e-5:
                at = np.array([row])
                yield row, self.ours.parameters.rows(at), self.stan.parameters.rows(at)

    def posterior(self, row: int, one: Parameters) -> Posterior:
        """The posterior of a store, by its own scales."""
        return posterior_of(self.history, self.design, PRIORS, one, row)


def fitted(history: History, design: Design | None = None) -> Pair:
    design = design or design_of(history.calendar.columns)
    ours = fit_once(BatchedEngine(), history, design, PRIORS)
    return Pair(history, design, ours, fit_once(StanEngine(workers=2), history, design, PRIORS))


def real_chain() -> History:
    folder = os.environ.get("STORECAST_ROSSMANN")
    if not folder:
        pytest.skip("STORECAST_ROSSMANN does not name a folder with train.csv.gz, store.csv and calendar.csv.gz")
    paths = [Path(folder) / name for name in ("train.csv.gz", "store.csv", "calendar.csv.gz")]
    return read_history(*paths, problems_in=Path(folder))


@pytest.fixture(scope="module")
def edges(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return fitted(edge_chains.edge_chain(tmp_path_factory.mktemp("edges")))


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    history = some_stores(edge_chains.edge_chain(tmp_path_factory.mktemp("flat")), range(6))
    return fitted(history, design_of(history.calendar.columns, growth="flat", transform="identity"))


@pytest.fixture(scope="module")
def real() -> Pair:
    history = real_chain()
    gap = np.flatnonzero(~np.isfinite(history.sales).any(axis=0) | (np.isfinite(history.sales).sum(axis=0) < 1000))
    with_gap = np.flatnonzero(~np.isfinite(history.sales[:, gap]).any(axis=1))[:6]
    spread = np.linspace(0, len(history.store_ids) - 1, 18).astype(int)
    return fitted(some_stores(history, sorted({*with_gap.tolist(), *spread.tolist()})))


@pytest.fixture(params=["edges", "flat", "real"])
def pair(request: pytest.FixtureRequest) -> Pair:
    chosen: Pair = request.getfixturevalue(request.param)
    return chosen


def forecast(pair: Pair, fits: Fits) -> FloatArray:
    """Forecasts of the days ahead in units of y_scale, NaN on weekdays of which the store's history says nothing."""
    history, last = pair.history, pair.history.last_day
    window = padded_window(history.calendar, np.arange(len(fits.fitted)), last + 1, last + AHEAD_DAYS, None)
    inside = np.flatnonzero((window.days > last) & (window.days <= last + AHEAD_DAYS))
    values = formula.yhat(fits.parameters, pair.design, window, inside) / fits.parameters.scalar("y_scale")
    on, weekday = history.fitted_days(), weekdays(history.days)
    seen = np.array([np.isin(weekdays(window.days[inside]), weekday[row]) for row in on])
    return np.where(seen, values, np.nan)


def test_no_store_has_a_lower_posterior_than_stan_finds(pair: Pair) -> None:
    gains = {
        row: pair.posterior(row, ours).log(ours) - pair.posterior(row, ours).log(s) for row, ours, s in pair.rows()
    }
    assert len(gains) >= 6
    assert {row: gain for row, gain in gains.items() if gain < -1e-6} == {}


def test_forecasts_lie_within_a_hundredth_of_the_scale_of_stans(pair: Pair) -> None:
    assert pair.ours.fitted.tolist() == pair.stan.fitted.tolist()
    apart = np.nanmax(np.abs(forecast(pair, pair.ours) - forecast(pair, pair.stan)), axis=1)
    assert apart.max() < 0.01, apart


def test_every_slope_is_zero_at_the_optimum_or_held_by_the_penalty(pair: Pair) -> None:
    for row, ours, _ in pair.rows():
        smooth, delta, sigma = pair.posterior(row, ours).slopes(ours)
        used = np.concatenate([[pair.design.growth == "linear", True], ours.beta[0] != 0])
        assert np.abs(smooth[used]).max() < 1e-5
        assert abs(sigma) < 1e-3
        steps = ours.delta[0, : len(delta)]
        penalty = 1 / PRIORS.changepoint
        if pair.design.growth == "linear":
            np.testing.assert_allclose(delta[steps != 0], penalty * np.sign(steps[steps != 0]), rtol=1e-6)
            assert (np.abs(delta) <= penalty * (1 + 1e-6)).all()
        else:
            assert (steps == 0).all()


def test_scales_places_and_standards_are_prophets_own(pair: Pair) -> None:
    ours, stan = pair.ours.parameters, pair.stan.parameters
    first = SCALARS.index("y_scale")
    np.testing.assert_allclose(ours.scalars[:, first:], stan.scalars[:, first:], rtol=1e-14)
    np.testing.assert_array_equal(ours.changepoints_t, stan.changepoints_t)
    np.testing.assert_allclose(ours.centre, stan.centre, rtol=1e-12)
    np.testing.assert_allclose(ours.spread, stan.spread, rtol=1e-12)
    for _, one, other in pair.rows():
        np.testing.assert_array_equal(one.beta == 0, other.beta == 0)


def test_all_real_stores_are_fitted() -> None:
    history = real_chain()
    fits = fit_once(BatchedEngine(), history, design_of(history.calendar.columns), PRIORS)
    assert fits.fitted.all()
    assert (fits.parameters.scalar("sigma_obs") > 1e-3).all()


def test_a_constant_store_gets_prophets_fixed_answer(edges: Pair) -> None:
    row = CASES.index("constant")
    ours, stan = (fits.parameters.rows(np.array([row])) for fits in (edges.ours, edges.stan))
    assert ours.scalar("sigma_obs")[0, 0] == CONSTANT_SIGMA
    np.testing.assert_array_equal(ours.scalars, stan.scalars)
    assert not ours.delta.any()
    assert not ours.beta.any()


def test_the_fleet_forecasts_what_its_stock_prophet_forecasts(edges: Pair) -> None:
    fleet = Fleet.from_contents(edge_chains.fleet_of(edges.history, edges.ours))
    dates = as_dates(edges.history.last_day + np.arange(1, AHEAD_DAYS + 1))
    for case in ("ordinary", "few days", "constant", "one weekday"):
        store_id = edges.history.store_ids[CASES.index(case)]
        model = to_prophet(fleet, store_id)
        model.uncertainty_samples = 0
        stock = np.expm1(model.predict(future_frame(fleet, store_id, dates))["yhat"].to_numpy())
        ours = fleet.predict([store_id], dates)
        is_open = ~ours.closed[0]
        np.testing.assert_allclose(ours.value[0, is_open], np.maximum(stock, 0)[is_open], rtol=1e-9)


def test_order_and_company_change_no_byte(edges: Pair) -> None:
    n_stores = len(CASES)
    back = np.arange(n_stores)[::-1]
    reversed_fits = fit_once(BatchedEngine(), some_stores(edges.history, back.tolist()), edges.design, PRIORS)
    alone = fit_once(BatchedEngine(), some_stores(edges.history, [1]), edges.design, PRIORS)
    for name, values in vars(edges.ours.parameters).items():
        np.testing.assert_array_equal(getattr(reversed_fits.parameters, name)[back], values)
        np.testing.assert_array_equal(getattr(alone.parameters, name)[0], values[1])


def test_stores_that_share_their_days_are_fitted_as_if_alone(tmp_path: Path) -> None:
    history = chains.history(tmp_path, n_stores=3, n_days=400)
    calendar = history.calendar
    same = {name: np.broadcast_to(values[:1], values.shape) for name, values in calendar.values.items()}
    usual = np.broadcast_to(calendar.usual_open[:1], calendar.usual_open.shape)
    sales = np.where(history.fitted_days()[0], history.sales[0] * np.array([[1.0], [1.5], [2.0]]), np.nan)
    sales[1:] *= np.random.default_rng(5).uniform(0.8, 1.2, sales[1:].shape)
    history = replace(history, calendar=replace(calendar, values=same, usual_open=usual), sales=sales)
    design = design_of(history.calendar.columns)
    together = fit_once(BatchedEngine(), history, design, PRIORS)
    for row in range(3):
        alone = fit_once(BatchedEngine(), some_stores(history, [row]), design, PRIORS)
        np.testing.assert_array_equal(alone.parameters.beta[0], together.parameters.beta[row])
        np.testing.assert_array_equal(alone.parameters.scalars[0], together.parameters.scalars[row])


def test_short_stores_are_left_to_the_fallback_and_young_ones_have_no_year(tmp_path: Path) -> None:
    history = chains.history(tmp_path, n_stores=12, n_days=420)
    design = design_of(history.calendar.columns)
    fits = fit_once(BatchedEngine(), history, design, PRIORS)
    short, young, new = 12 - 3, 12 - 4, 12 - 5
    assert fits.too_short == (new, short)
    assert not fits.failures
    yearly = [name.startswith("yearly") for name in design.beta_names]
    assert (fits.parameters.beta[young, yearly] == 0).all()
    assert (fits.parameters.beta[0, yearly] != 0).any()


def test_a_store_with_more_columns_than_days_is_too_short_not_a_failure(edges: Pair) -> None:
    sales = edges.history.sales.copy()
    known = np.flatnonzero(edges.history.fitted_days()[0])
    sales[0, : known[-28]] = np.nan
    dice = tuple(Regressor(f"dice_{i}", "flag", {"column": f"dice_{i}"}) for i in range(25))
    calendar = edges.history.calendar
    rng = np.random.default_rng(4)
    shape = calendar.values["open"].shape
    values = {f"dice_{i}": rng.integers(0, 2, shape).astype(np.uint8) for i in range(25)}
    columns = calendar.columns + tuple(replace(calendar.columns[0], name=name) for name in values)
    calendar = replace(calendar, columns=columns, values={**calendar.values, **values})
    history = replace(edges.history, sales=sales, calendar=calendar)
    fits = fit_once(BatchedEngine(), history, replace(edges.design, regressors=dice), PRIORS)
    assert fits.too_short == (0,)
    assert not fits.failures


def test_a_store_that_cannot_be_computed_is_a_failure_with_the_reason(edges: Pair) -> None:
    price = np.array(edges.history.calendar.values["price"])
    price[3, np.flatnonzero(edges.history.fitted_days()[3])[20]] = np.inf
    calendar = replace(edges.history.calendar, values={**edges.history.calendar.values, "price": price})
    fits = fit_once(BatchedEngine(), replace(edges.history, calendar=calendar), edges.design, PRIORS)
    assert list(fits.failures) == [3]
    assert "not finite" in fits.failures[3]
    assert fits.fitted.sum() == len(CASES) - 1
    assert not fits.parameters.beta[3].any()


def test_what_it_cannot_fit_is_refused_by_name(edges: Pair) -> None:
    first = replace(edges.design.regressors[0], mode="multiplicative")
    design = replace(edges.design, regressors=(first, *edges.design.regressors[1:]))
    with pytest.raises(DataError, match=rf"{first.name} is multiplicative.*--engine stan"):
        fit_once(BatchedEngine(), edges.history, design, PRIORS)
    with pytest.raises(DataError, match="above 0, got changepoint 0"):
        fit_once(BatchedEngine(), edges.history, edges.design, Priors(changepoint=0))
