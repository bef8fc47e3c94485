"""The naive baseline against a plain loop, and what it borrows where a store knows too little."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.training import chains
from support.training.daily import daily

from training.history import baseline


def test_a_cell_is_the_mean_of_its_days_in_the_last_eight_weeks(tmp_path: Path) -> None:
    history = chains.history(tmp_path, n_days=300)
    curves = baseline.curves(history)
    row = 3
    on = np.flatnonzero(history.fitted_days()[row])
    recent = on[on > on[-1] - baseline.WINDOW_DAYS]
    weekday = (history.days[recent] + 3) % 7
    promo = history.calendar.values["promo"][row][recent]
    for day in range(6):
        for flag in (0, 1):
            cell = history.sales[row][recent[(weekday == day) & (promo == flag)]]
            if len(cell):
                assert curves.sales[row, day, flag] == pytest.approx(cell.mean())
    fitted = curves.sales[row, weekday, promo]
    residual = np.log1p(history.sales[row][recent]) - np.log1p(fitted)
    n_cells = len({(int(day), int(flag)) for day, flag in zip(weekday, promo, strict=True)})
    assert curves.noise[row] == pytest.approx(np.sqrt((residual**2).sum() / (len(recent) - n_cells)))


def test_every_store_has_a_number_in_every_cell_and_one_without_history_the_spreads_of_its_group(
    tmp_path: Path,
) -> None:
    history = chains.history(tmp_path, n_stores=15, n_days=300)
    curves = baseline.curves(history)
    assert np.isfinite(curves.sales).all()
    assert (curves.sales > 0).all()
    new_store = 15 - 5
    assert not history.fitted_days()[new_store].any()
    assert (curves.sales[new_store, 0, 1] > curves.sales[new_store, 0, 0]).all()
    # What it sells is any store's guess; how its days differ is not.
    others = np.log1p(curves.sales[np.arange(15) != new_store].mean(axis=(1, 2))).std()
    assert 0.5 * others < curves.level[new_store] < 2 * others
    assert curves.noise.min() <= curves.noise[new_store] <= curves.noise.max()


def test_a_store_of_three_weeks_is_not_sure_of_its_level(tmp_path: Path) -> None:
    history = chains.history(tmp_path, n_stores=30, n_days=300)
    short, old = 30 - 3, 3
    assert 10 < history.fitted_days()[short].sum() < 21
    curves = baseline.curves(history)
    assert 0.3 * curves.noise[short] < curves.level[short] < curves.noise[short]
    assert curves.level[old] < 0.2 * curves.noise[old]


def test_where_no_store_can_be_measured_half_is_assumed(tmp_path: Path) -> None:
    history = chains.history(tmp_path, n_stores=2, n_days=300)
    young = replace(history, sales=np.where(np.arange(history.sales.shape[1]) < 10, history.sales, np.nan))
    assert baseline.curves(young).noise == pytest.approx([baseline.UNKNOWN_SPREAD] * 2, rel=0.3)


def test_a_store_that_often_sells_nothing_has_its_cells_drawn_towards_its_level() -> None:
    rng = np.random.default_rng(4)
    history = daily(rng.poisson(0.4, (3, 400)).astype(float))
    assert history.sells_zeros.all()
    curves = baseline.curves(history)
    assert curves.sales.mean() == pytest.approx(0.4, rel=0.15)
    assert curves.sales.std() < 0.1


def test_a_missing_cell_is_the_stores_level_times_its_groups_shape(tmp_path: Path) -> None:
    history = chains.history(tmp_path, n_stores=30, n_days=300)
    short = 30 - 3
    curves = baseline.curves(history)
    own = history.sales[short][history.fitted_days()[short]].mean()
    assert 0.4 * own < curves.sales[short].mean() < 2.5 * own
