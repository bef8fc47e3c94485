"""Stores that sell something on every third day: the mean is right, and intervals hold what they say."""

from dataclasses import replace

import numpy as np
import pytest
from support.training.daily import PLAIN, daily

from benchmarks.small_chains import fit_once
from fleet import Design, Fleet
from fleet.arrays import BoolArray, FloatArray, as_dates
from training.backtest import metrics
from training.backtest.assemble import assemble, with_verdict
from training.backtest.choose import choose
from training.backtest.evaluate import evaluate
from training.backtest.folds import cutoffs_of, roll, trial_of
from training.engines.batched import BatchedEngine
from training.engines.bias_correction import unbiased
from training.engines.engine import Fits, Priors
from training.engines.features import design_of
from training.history.history import History
from training.pooling.variants import VARIANTS, combine, fit_variants

RATES = np.array([0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])
N_DAYS, AHEAD = 540, 42
MAPPED = replace(PLAIN, flags={"promo": "promo"})
WEEK = np.array([0.8, 0.9, 1.0, 1.0, 1.2, 1.4, 0.7])


def chain(seed: int, *, uneven: bool) -> tuple[History, FloatArray, BoolArray]:
    """A chain of ten slow sellers and what it sells in the weeks after; every third closes on Sundays.

    Args: uneven: days differ by more than chance.
    """
    rng = np.random.default_rng(100 + seed)
    days = np.arange(N_DAYS + AHEAD)
    promo = (days // 14) % 2
    mean = RATES[:, None] * WEEK[days % 7] * (1 + 0.3 * promo)
    sold = rng.poisson(mean * rng.gamma(5, 1 / 5, mean.shape) if uneven else mean).astype(float)
    closed = (np.arange(len(RATES)) % 3 == 0)[:, None] & (days % 7 == 6)
    sold[closed] = 0.0
    plans = np.tile(promo, (len(RATES), 1))
    known, ahead = ({"promo": plans[:, part]} for part in (slice(0, N_DAYS), slice(N_DAYS, None)))
    history = daily(sold[:, :N_DAYS], mapped=MAPPED, columns=known, ahead=ahead)
    return history, sold[:, N_DAYS:], ~closed[:, N_DAYS:]


def trained(history: History) -> Fleet:
    design = design_of(history.calendar.columns)
    cutoffs = cutoffs_of(history.first_day, history.last_day, AHEAD, 3)
    folds = roll(history, design, BatchedEngine(), VARIANTS, cutoffs=cutoffs, horizon_days=AHEAD)
    choice = choose(folds, design, history.sells_zeros)
    fits = combine(fit_variants(BatchedEngine(), history, design, VARIANTS), choice.candidate)
    verdict = evaluate(
        [trial_of(fold, choice.candidate) for fold in folds],
        choice,
        design,
        VARIANTS,
        groups=history.groups,
        seasonal_mae=metrics.seasonal_errors(history.sales, history.judged_days()),
        sells_zeros=history.sells_zeros,
    ).verdict
    return Fleet.from_contents(with_verdict(assemble(history, design, fits, engine="batched", settings={}), verdict))


@pytest.fixture(scope="module")
def judged() -> tuple[FloatArray, ...]:
    """Of ten chains: forecast, lower and upper bound, what was sold, and whether the store was open."""
    parts = []
    for seed in range(10):
        history, sold, was_open = chain(seed, uneven=bool(seed % 2))
        fleet = trained(history)
        dates = as_dates(history.last_day + 1 + np.arange(AHEAD))
        asked = [
            (fleet.predict if fleet.has_model[row] else fleet.fallback)([store_id], dates)
            for row, store_id in enumerate(fleet.store_ids)
        ]
        bounds = (np.concatenate([getattr(one, name) for one in asked]) for name in ("value", "lower", "upper"))
        parts.append((*bounds, sold, was_open))
    return tuple(np.stack(part) for part in zip(*parts, strict=True))


def test_the_forecast_is_the_mean_of_what_is_sold(judged: tuple[FloatArray, ...]) -> None:
    value, _, _, sold, _ = judged
    assert value.sum() / sold.sum() == pytest.approx(1.0, abs=0.05)
    by_rate = value.sum(axis=(0, 2)) / sold.sum(axis=(0, 2))
    assert by_rate == pytest.approx(np.ones(len(RATES)), abs=0.2)


def test_intervals_hold_the_days_that_they_say(judged: tuple[FloatArray, ...]) -> None:
    value, lower, upper, sold, was_open = judged
    inside = (lower <= sold) & (sold <= upper)
    assert 0.75 <= inside[was_open.astype(bool)].mean() <= 0.9
    by_rate = [inside[:, row][was_open[:, row].astype(bool)].mean() for row in range(len(RATES))]
    assert min(by_rate) > 0.7
    assert max(by_rate) < 0.93
    assert ((lower <= value) & (value <= upper) & (lower >= 0)).all()
    # None sold is what happens most to the slowest: their intervals begin there.
    assert not lower[:, :4].any()


def test_no_open_day_is_forecast_as_closed_and_no_closed_one_as_open(judged: tuple[FloatArray, ...]) -> None:
    value, _, _, _, was_open = judged
    assert ((value > 0) == was_open).all()


def test_the_mean_of_the_fitted_days_is_that_of_their_sales() -> None:
    history, _, _ = chain(1, uneven=True)
    design = design_of(history.calendar.columns)
    fits = unbiased(fit_once(BatchedEngine(), history, design, Priors()), history, design)
    again = unbiased(fits, history, design)
    np.testing.assert_allclose(again.parameters.scalars, fits.parameters.scalars, rtol=1e-9)
    fleet = Fleet.from_contents(assemble(history, design, fits, engine="batched", settings={}))
    for row, store_id in enumerate(fleet.store_ids):
        on = history.fitted_days()[row]
        forecast = fleet.predict([store_id], as_dates(history.days[on])).value[0]
        # What is forecast below zero is shown as zero.
        assert forecast.mean() == pytest.approx(history.sales[row, on].mean(), rel=0.03)


def test_one_mistyped_cell_does_not_lift_all_days_of_its_store() -> None:
    sold = np.random.default_rng(2).poisson(0.5, (6, 800)).astype(float)
    sold[:, -50] = 1e6
    fleet = trained(daily(sold))
    dates = as_dates(int(fleet.trained_through.astype(int)) + 1 + np.arange(28))
    for row, store_id in enumerate(fleet.store_ids):
        ask = fleet.predict if fleet.has_model[row] else fleet.fallback
        assert ask([store_id], dates).value.mean() < 5.0


def test_a_store_that_sells_ever_less_is_not_forecast_to_sell_nothing_for_ever() -> None:
    rng = np.random.default_rng(3)
    sold = 1000.0 * np.exp(rng.normal(0.0, 0.1, (12, 800)))
    sold[:4, -200:] = rng.poisson(0.5, (4, 200))
    fleet = trained(daily(sold))
    dates = as_dates(int(fleet.trained_through.astype(int)) + 1 + np.arange(42))
    for row in range(4):
        ask = fleet.predict if fleet.has_model[row] else fleet.fallback
        forecast = ask([fleet.store_ids[row]], dates)
        assert forecast.value.mean() > 0.1
        assert forecast.upper.min() > 0


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.1])
def test_a_store_that_sells_something_once_a_month_is_forecast_so(rate: float) -> None:
    sold = np.random.default_rng(4).poisson(rate, (20, 800)).astype(float)
    fleet = trained(daily(sold))
    dates = as_dates(int(fleet.trained_through.astype(int)) + 1 + np.arange(42))
    asked = [
        (fleet.predict if has else fleet.fallback)([name], dates)
        for name, has in zip(fleet.store_ids, fleet.has_model, strict=True)
    ]
    assert np.mean([one.value.mean() for one in asked]) == pytest.approx(rate, rel=0.6)


@pytest.mark.parametrize("rate", [4.0, 8.0, 20.0])
def test_stores_that_sell_a_few_a_day_are_forecast_by_their_mean_though_they_never_sell_nothing(rate: float) -> None:
    history = daily(np.random.default_rng(2).poisson(rate, (8, 500)).astype(float))
    design = design_of(history.calendar.columns)
    fits = unbiased(fit_once(BatchedEngine(), history, design, Priors()), history, design)
    fleet = Fleet.from_contents(assemble(history, design, fits, engine="batched", settings={}))
    ahead = fleet.predict(fleet.store_ids, as_dates(history.last_day + 1 + np.arange(28))).value
    assert ahead.mean() == pytest.approx(rate, rel=0.04)


def test_stores_that_never_sell_nothing_keep_their_fits_bit_for_bit() -> None:
    history = daily(np.random.default_rng(1).normal(1000.0, 50.0, (3, 200)))
    design: Design = design_of(history.calendar.columns)
    fits: Fits = fit_once(BatchedEngine(), history, design, Priors())
    assert unbiased(fits, history, design) is fits
