"""Stores with short histories, fitted with the effects of their group."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from support.training import chains
from support.training.edge_chains import fleet_of
from support.training.posterior import posterior_of

from benchmarks.small_chains import fit_once
from fleet import Design, Fleet, Parameters, formula
from fleet.arrays import BoolArray, FloatArray, as_dates
from fleet.features import CLOSURE_REACH_DAYS, padded_window
from fleet.formula import SCALARS
from fleet.prophet.convert import future_frame, to_prophet
from training.engines.batched import BatchedEngine, fit_with_priors
from training.engines.engine import Fits, FitSpec, Priors
from training.engines.features import design_of
from training.engines.priors import LEAST_SCALE, EffectPrior
from training.history.history import History
from training.pooling.group_effects import (
    CONSTANT_NOISE,
    SHORT_HISTORY_DAYS,
    GroupEffects,
    group_effects_of,
    long_histories,
    open_weekdays,
    refit,
    short_histories,
    with_group_noise,
)

PRIORS = Priors()
AHEAD_DAYS = 42
SHORT_DAYS = 70


@dataclass(frozen=True)
class Case:
    """A chain whose stores in `short` were opened `SHORT_DAYS` ago; `full` is what came in the weeks after."""

    full: History
    history: History
    design: Design
    short: BoolArray
    plain: Fits
    effects: GroupEffects
    pooled: Fits


def shortened(history: History, short: BoolArray) -> History:
    sales = history.sales.copy()
    sales[short, :-SHORT_DAYS] = np.nan
    return replace(history, sales=sales)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    full = chains.history(tmp_path_factory.mktemp("chain"), n_stores=50, n_days=760)
    enough = full.until(full.last_day - AHEAD_DAYS).fitted_days().sum(axis=1) > 500
    short = enough & (np.arange(50) % 3 == 0)
    history = shortened(full.until(full.last_day - AHEAD_DAYS), short)
    design = design_of(history.calendar.columns)
    plain = fit_once(BatchedEngine(), history, design, PRIORS)
    long = long_histories(history, plain.fitted)
    effects = group_effects_of(plain.parameters, design, history.groups, long, open_weekdays(history))
    assert effects is not None
    pooled = refit([plain], history, design, [FitSpec(design, PRIORS)], [effects], short)[0]
    return Case(full, history, design, short, plain, effects, pooled)


def expecting(case: Case, expected: EffectPrior, only: BoolArray | None = None) -> Fits:
    return fit_with_priors(case.history, case.design, [FitSpec(case.design, PRIORS)], [expected], only)[0]


def errors(case: Case, parameters: Parameters) -> FloatArray:
    """Mean absolute error of log sales in the weeks after, by store."""
    rows, last = np.arange(len(case.short)), case.history.last_day
    window = padded_window(case.full.calendar, rows, last + 1, last + AHEAD_DAYS, None)
    ahead = formula.yhat(parameters, case.design, window, np.arange(AHEAD_DAYS) + CLOSURE_REACH_DAYS)
    counts = case.full.fitted_days()[:, -AHEAD_DAYS:]
    actual = np.log1p(np.where(counts, case.full.sales[:, -AHEAD_DAYS:], 0.0))
    return np.asarray(np.where(counts, np.abs(ahead - actual), 0.0).sum(axis=1) / np.maximum(counts.sum(axis=1), 1))


def test_a_short_history_forecasts_better_with_its_groups_effects(case: Case) -> None:
    plain, pooled = (errors(case, fits.parameters)[case.short] for fits in (case.plain, case.pooled))
    assert case.short.sum() >= 10
    assert np.median(pooled) < 0.6 * np.median(plain)
    assert (pooled < plain).mean() > 0.8


def test_the_others_keep_their_fits_bit_for_bit(case: Case) -> None:
    for name in vars(case.plain.parameters):
        plain, pooled = (getattr(fits.parameters, name)[~case.short] for fits in (case.plain, case.pooled))
        assert plain.tobytes() == pooled.tobytes()
    assert case.pooled.fitted.tolist() == case.plain.fitted.tolist()
    assert case.pooled.too_short == case.plain.too_short


def test_what_a_store_has_never_seen_is_the_groups(case: Case) -> None:
    row = int(np.flatnonzero(case.short)[0])
    scale = case.pooled.parameters.scalar("y_scale")[row, 0]
    expected = case.effects.of(case.history.groups)
    for name in ("yearly_s1", "yearly_c4", "christmas_eve"):
        column = case.design.beta_names.index(name)
        assert case.plain.parameters.beta[row, column] == 0
        assert case.pooled.parameters.beta[row, column] * scale == pytest.approx(expected.effects[row, column])


def test_the_fit_is_the_optimum_under_the_expectation(case: Case) -> None:
    expected = case.effects.of(case.history.groups)
    for row in np.flatnonzero(case.short)[:5].tolist():
        one = case.pooled.parameters.rows(np.array([row]))
        posterior = posterior_of(case.history, case.design, PRIORS, one, row)
        scale, sigma = one.scalar("y_scale")[0, 0], one.scalar("sigma_obs")[0, 0]
        seen = np.flatnonzero((posterior.x != 0).any(axis=0) & (np.ptp(posterior.x, axis=0) > 0))
        fitted = [column for column in seen if not case.design.beta_names[column].startswith("yearly")]
        # Columns that never change are a part of the level, which has taken their effect up.
        pull = posterior.x[:, fitted].T @ _residual(case, row, one) / sigma**2
        held = np.clip(expected.effect_spreads[row, fitted] / scale, LEAST_SCALE, PRIORS.regressor)
        back = (one.beta[0, fitted] - expected.effects[row, fitted] / scale) / held**2
        np.testing.assert_allclose(pull, back, rtol=1e-4, atol=1e-3 * np.abs(pull).max())


def _residual(case: Case, row: int, one: Parameters) -> FloatArray:
    on = case.history.fitted_days()[row]
    window = padded_window(case.history.calendar, [row], case.history.first_day, case.history.last_day, None)
    values = formula.yhat(one, case.design, window, np.flatnonzero(on) + CLOSURE_REACH_DAYS)[0]
    return np.asarray((np.log1p(case.history.sales[row, on]) - values) / one.scalar("y_scale")[0, 0])


def test_a_short_history_has_the_noise_of_its_group(case: Case) -> None:
    noisy = with_group_noise(case.pooled, case.history, case.effects)
    place = SCALARS.index("sigma_obs")
    before, after = (fits.parameters.scalars[:, place] for fits in (case.pooled, noisy))
    scale = case.pooled.parameters.scalar("y_scale")[:, 0]
    of_group = case.effects.noise_of(case.history.groups) / scale
    short = case.short & (before > CONSTANT_NOISE)
    assert short.sum() >= 10
    own, drawn = (np.log(noise[short] / of_group[short]) for noise in (before, after))
    # Most of what a few weeks could say of their noise, their own terms have followed.
    assert (own < -0.3).any()
    assert drawn.min() > own.min() / 2
    assert np.abs(drawn).max() < np.abs(own).max()
    constant = case.short & (before <= CONSTANT_NOISE)
    assert (before == after)[constant].all()
    n_days = case.history.fitted_days().sum(axis=1)
    assert (before == after)[n_days >= SHORT_HISTORY_DAYS].all()
    for name in vars(noisy.parameters):
        if name != "scalars":
            assert getattr(noisy.parameters, name) is getattr(case.pooled.parameters, name)


def test_a_pooled_row_is_a_stock_prophet(case: Case) -> None:
    fleet = Fleet.from_contents(fleet_of(case.history, case.pooled))
    store = case.history.store_ids[int(np.flatnonzero(case.short)[0])]
    dates = as_dates(np.arange(AHEAD_DAYS) + case.history.last_day + 1)
    theirs = to_prophet(fleet, store).predict(future_frame(fleet, store, dates))["yhat"].to_numpy()
    ours = fleet.predict([store], dates)
    np.testing.assert_allclose(np.expm1(theirs)[~ours.closed[0]], ours.value[0][~ours.closed[0]], rtol=1e-9)


def test_nothing_expected_changes_nothing(case: Case) -> None:
    n_stores, n_beta = case.plain.parameters.beta.shape
    nothing = EffectPrior(
        np.zeros((n_stores, n_beta)),
        np.full((n_stores, n_beta), np.inf),
        np.zeros(n_stores),
        np.full(n_stores, np.inf),
        1.0,
    )
    again = expecting(case, nothing)
    for name in vars(again.parameters):
        np.testing.assert_array_equal(getattr(again.parameters, name), getattr(case.plain.parameters, name))


def test_a_store_that_sells_the_same_every_day_is_not_pooled(case: Case) -> None:
    row = int(np.flatnonzero(case.short)[0])
    sales = case.history.sales.copy()
    sales[row] = np.where(np.isfinite(sales[row]), 5000.0, np.nan)
    constant = replace(case.history, sales=sales)
    fits = refit([case.plain], constant, case.design, [FitSpec(case.design, PRIORS)], [case.effects], case.short)[0]
    one = fits.parameters.rows(np.array([row]))
    assert not one.beta.any()
    assert one.scalars[0, SCALARS.index("m")] * one.scalar("y_scale")[0, 0] == pytest.approx(np.log1p(5000))


def test_short_histories_are_pooled_and_those_of_a_year_make_the_effects(case: Case) -> None:
    assert short_histories(case.history)[case.short].all()
    assert not long_histories(case.history, case.plain.fitted)[case.short].any()
    assert long_histories(case.history, case.plain.fitted).sum() >= 20


def test_a_flat_design_pools_effects_and_no_slope(case: Case) -> None:
    design = design_of(case.history.calendar.columns, growth="flat")
    plain = fit_once(BatchedEngine(), case.history, design, PRIORS)
    long = long_histories(case.history, plain.fitted)
    effects = group_effects_of(plain.parameters, design, case.history.groups, long, open_weekdays(case.history))
    assert effects is not None
    fits = refit([plain], case.history, design, [FitSpec(design, PRIORS)], [effects], case.short)[0]
    assert not fits.parameters.scalar("k").any()
    assert np.median(errors(case, fits.parameters)[case.short]) < np.median(errors(case, plain.parameters)[case.short])


def test_a_pooled_store_has_the_same_bytes_alone_and_among_others(case: Case) -> None:
    expected = case.effects.of(case.history.groups)
    together = expecting(case, expected, case.short)
    for row in np.flatnonzero(case.short):
        only = np.arange(len(case.short)) == row
        alone = expecting(case, expected, only)
        for name in vars(alone.parameters):
            mine, its = (getattr(fits.parameters, name)[row] for fits in (together, alone))
            assert mine.tobytes() == its.tobytes(), name
