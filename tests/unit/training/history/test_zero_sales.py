"""A day on which nothing was sold: closed, or open without a customer."""

from dataclasses import replace

import numpy as np
import pytest
from support.training.daily import PLAIN, daily

from fleet.arrays import BoolArray, FloatArray
from fleet.calendar import OPEN
from training.history.history import History

N_DAYS = 700
TOLD = replace(PLAIN, open="open")


def slow(rate: float, n_stores: int = 4, seed: int = 2) -> FloatArray:
    return np.random.default_rng(seed).poisson(rate, (n_stores, N_DAYS)).astype(float)


def brisk(n_stores: int = 4) -> FloatArray:
    return np.random.default_rng(3).normal(5000.0, 700.0, (n_stores, N_DAYS))


def open_days(history: History) -> BoolArray:
    return np.asarray(history.calendar.values[OPEN][:, : history.sales.shape[1]] == 1)


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.3, 0.6, 1.0, 2.0, 4.0, 6.0])
@pytest.mark.parametrize("told", [True, False])
def test_days_without_sales_of_a_slow_seller_are_open_and_fitted(rate: float, *, told: bool) -> None:
    sales = slow(rate)
    history = daily(sales, mapped=TOLD, columns={"open": np.ones(sales.shape)}) if told else daily(sales)
    assert open_days(history).mean() > 0.99
    assert history.fitted_days().mean() > 0.99
    assert history.sells_zeros.all()


def test_a_single_day_without_sales_of_a_store_that_never_comes_near_zero_was_closed() -> None:
    sales = brisk()
    sales[0, [100, 333]] = 0.0
    history = daily(sales)
    assert np.argwhere(~open_days(history)).tolist() == [[0, 100], [0, 333]]
    assert not history.sells_zeros.any()


def test_where_the_store_is_told_to_be_open_such_a_day_is_judged_and_not_fitted() -> None:
    sales = brisk()
    sales[0, [100, 333]] = 0.0
    history = daily(sales, mapped=TOLD, columns={"open": np.ones(sales.shape)})
    assert history.judged_days().all()
    assert np.argwhere(~history.fitted_days()).tolist() == [[0, 100], [0, 333]]


@pytest.mark.parametrize("rate", [0.5, 5000.0])
def test_a_long_time_without_sales_was_a_closure(rate: float) -> None:
    sales = slow(rate)
    sales[1, 200:300] = 0.0
    history = daily(sales)
    assert not open_days(history)[1, 200:300].any()
    others = np.delete(open_days(history)[1], np.arange(200, 300))
    assert others.mean() > 0.99


def test_a_day_on_which_a_whole_group_sold_nothing_was_closed() -> None:
    sales = slow(1.5, n_stores=30)
    sales[:, 400] = 0.0
    history = daily(sales)
    assert not open_days(history)[:, 400].any()
    assert open_days(history)[:, 401].all()


def test_a_weekday_without_sales_is_closed_where_days_without_sales_are_usual() -> None:
    sales = slow(0.5)
    sales[:, np.arange(N_DAYS) % 7 == 6] = 0.0
    history = daily(sales)
    sundays = np.arange(N_DAYS) % 7 == 6
    assert not open_days(history)[:, sundays].any()
    assert open_days(history)[:, ~sundays].mean() > 0.99


def test_a_store_that_never_sold_anything_sells_no_zeros() -> None:
    sales = brisk()
    sales[2] = 0.0
    history = daily(sales)
    assert not history.fitted_days()[2].any()
    assert not history.sells_zeros[2]


def test_a_kind_of_day_is_not_closed_because_a_slow_seller_sells_on_few_of_its_days() -> None:
    sales = slow(0.3)
    promo = np.tile((np.arange(N_DAYS) // 14) % 2, (len(sales), 1))
    mapped = replace(PLAIN, flags={"promo": "promo", "school": "school"})
    history = daily(sales, mapped=mapped, columns={"promo": promo, "school": 1 - promo})
    assert not history.calendar.usually_closed
    assert open_days(history).mean() > 0.99


def test_what_was_closed_at_a_cutoff_does_not_depend_on_what_came_after() -> None:
    sales = slow(0.5, n_stores=3)
    sales[0, 500:540] = 0.0  # a closure, of which ten days are not enough to tell
    sales[1, 200:260] = 0.0
    whole, cut = daily(sales), daily(sales[:, :510])
    known = whole.until(whole.first_day + 509)
    assert open_days(known).tolist() == open_days(cut).tolist()
    assert known.fitted_days().tolist() == cut.fitted_days().tolist()
    assert not open_days(whole)[0, 500:540].any()
    assert open_days(known)[0, 500:510].all()
    assert not open_days(known)[1, 200:260].any()
