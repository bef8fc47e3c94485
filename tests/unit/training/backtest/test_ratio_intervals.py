"""Bounds as multiples of the forecast, for stores that often sell nothing."""

import numpy as np
import pytest

from fleet.intervals import LEVELS, by_ratios
from training.backtest.ratio_intervals import GROUP_DAYS, ratio_quantiles

N_DAYS = 4_000
GROUPS = np.array(["a", "a", "b", "b"])
ALL = np.ones(4, dtype=np.bool_)


def poisson(rates: list[float], seed: int = 1) -> np.ndarray:
    rates_ = np.asarray(rates)[:, None]
    return np.asarray(np.random.default_rng(seed).poisson(rates_, (len(rates), N_DAYS)) / rates_)


def test_bounds_hold_the_share_of_the_days_that_a_level_says_in_steps_of_one_sold() -> None:
    rates = [0.4, 1.0, 3.0, 40.0]
    ratios = poisson(rates)
    bounds = ratio_quantiles(ratios, np.ones(ratios.shape, dtype=np.bool_), np.array(list("abcd")), ALL)
    for place, level in enumerate(LEVELS):
        inside = (bounds[:, place, :1] <= ratios) & (ratios <= bounds[:, place, 1:])
        assert (inside.mean(axis=1) > level - 0.02).all()
    at_80 = bounds[:, LEVELS.index(0.8)] * np.asarray(rates)[:, None]
    assert at_80[:3].tolist() == [
        [0.0, pytest.approx(1.0)],
        [0.0, pytest.approx(2.0)],
        [pytest.approx(1), pytest.approx(5)],
    ]
    inside = (at_80[3, 0] <= ratios[3] * 40) & (ratios[3] * 40 <= at_80[3, 1])
    assert inside.mean() == pytest.approx(0.8, abs=0.04)


def test_bounds_widen_with_the_level_and_hold_the_forecast() -> None:
    bounds = ratio_quantiles(poisson([0.3, 1.0, 2.0, 6.0]), np.ones((4, N_DAYS), dtype=np.bool_), GROUPS, ALL)
    assert (np.diff(bounds[:, :, 0], axis=1) <= 0).all()
    assert (np.diff(bounds[:, :, 1], axis=1) >= 0).all()
    assert (bounds[:, :, 0] <= 1).all()
    assert (bounds[:, :, 1] >= 1).all()


def test_a_store_without_days_has_those_of_its_group_or_else_of_the_chain() -> None:
    ratios = poisson([1.0, 1.0, 0.5, 0.5])
    counts = np.ones(ratios.shape, dtype=np.bool_)
    counts[0] = False
    counts[2:] = False
    bounds = ratio_quantiles(ratios, counts, GROUPS, ALL)
    assert bounds[0].tolist() == bounds[1].tolist() == bounds[2].tolist()
    assert np.isnan(ratio_quantiles(ratios, np.zeros_like(counts), GROUPS, ALL)).all()
    assert GROUP_DAYS > 0


def test_other_stores_keep_their_bounds() -> None:
    some = np.array([True, False, False, False])
    bounds = ratio_quantiles(poisson([1.0] * 4), np.ones((4, N_DAYS), dtype=np.bool_), GROUPS, some)
    value = np.full((4, 2), 3.0)
    lower, upper = by_ratios(bounds, 0.82, value, value - 1, value + 1)
    assert lower[1:].tolist() == [[2.0, 2.0]] * 3
    assert upper[1:].tolist() == [[4.0, 4.0]] * 3
    assert lower[0].tolist() == [0.0, 0.0]
    assert 6.0 <= upper[0, 0] <= 9.0
