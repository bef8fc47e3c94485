"""The naive baseline against a plain loop, and what it borrows where a store knows too little."""

from pathlib import Path

import numpy as np
import pytest
from support import chains

from training import baseline


def test_a_cell_is_the_mean_of_its_days_in_the_last_eight_weeks(tmp_path: Path) -> None:
    history = chains.history(tmp_path, n_days=300)
    curves, spread = baseline.curves(history)
    row = 3
    on = np.flatnonzero(history.fitted_days()[row])
    recent = on[on > on[-1] - baseline.WINDOW_DAYS]
    weekday = (history.days[recent] + 3) % 7
    promo = history.calendar.values["promo"][row][recent]
    for day in range(6):
        for flag in (0, 1):
            cell = history.sales[row][recent[(weekday == day) & (promo == flag)]]
            if len(cell):
                assert curves[row, day, flag] == pytest.approx(cell.mean())
    fitted = curves[row, weekday, promo]
    residual = np.log1p(history.sales[row][recent]) - np.log1p(fitted)
    n_cells = len({(int(day), int(flag)) for day, flag in zip(weekday, promo, strict=True)})
    assert spread[row] == pytest.approx(np.sqrt((residual**2).sum() / (len(recent) - n_cells)))


def test_every_store_has_a_number_in_every_cell_and_a_wide_spread_where_nothing_is_known(tmp_path: Path) -> None:
    history = chains.history(tmp_path, n_stores=15, n_days=300)
    curves, spread = baseline.curves(history)
    assert np.isfinite(curves).all()
    assert (curves > 0).all()
    new_store = 15 - 5
    assert not history.fitted_days()[new_store].any()
    assert spread[new_store] == baseline.UNKNOWN_SPREAD
    assert (curves[new_store, 0, 1] > curves[new_store, 0, 0]).all()


def test_a_store_of_three_weeks_is_not_sure_of_itself(tmp_path: Path) -> None:
    history = chains.history(tmp_path, n_stores=30, n_days=300)
    short = 30 - 3
    assert 10 < history.fitted_days()[short].sum() < 21
    _, spread = baseline.curves(history)
    assert spread[short] >= baseline.UNKNOWN_SPREAD


def test_a_missing_cell_is_the_stores_level_times_its_groups_shape(tmp_path: Path) -> None:
    history = chains.history(tmp_path, n_stores=30, n_days=300)
    short = 30 - 3
    curves, _ = baseline.curves(history)
    own = history.sales[short][history.fitted_days()[short]].mean()
    assert 0.4 * own < curves[short].mean() < 2.5 * own
