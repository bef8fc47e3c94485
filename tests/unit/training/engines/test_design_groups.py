"""What stores share when they are fitted."""

from dataclasses import replace

import numpy as np
import pytest
from support.training import chains

from training.engines.design_groups import changepoint_places, design_groups
from training.engines.engine import MIN_DAYS
from training.engines.features import design_of, regressor_table
from training.history.history import History


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return chains.history(tmp_path_factory.mktemp("chain"), n_stores=12, n_days=420)


def test_each_store_with_enough_days_is_in_one_layout(history: History) -> None:
    counts = history.fitted_days().sum(axis=1)
    found = [row for group in design_groups(history, design_of(history.calendar.columns)) for row in group.rows]
    assert sorted(found) == np.flatnonzero(counts >= MIN_DAYS).tolist()


def test_a_layout_has_the_days_and_changing_columns_of_all_its_stores(history: History) -> None:
    design = design_of(history.calendar.columns)
    shared = 0
    for group in design_groups(history, design):
        shared += len(group.rows) - 1
        for row in group.rows:
            on = history.fitted_days()[row]
            np.testing.assert_array_equal(group.days, history.days[on])
            table = np.array(regressor_table(history.calendar, design, np.array([row]), history.days))[:, 0, on]
            changing = np.flatnonzero(np.ptp(table, axis=1))
            np.testing.assert_array_equal(group.regressors, changing)
            np.testing.assert_array_equal(group.values, table[changing])
            assert group.beta_columns.tolist()[-len(changing) :] == (design.n_fourier + changing).tolist()
    assert shared > 0


def test_stores_with_other_plans_share_nothing(history: History) -> None:
    promo = history.calendar.values["promo"].copy()
    promo[:, 100:110] = np.random.default_rng(1).integers(0, 2, (12, 10))
    calendar = replace(history.calendar, values={**history.calendar.values, "promo": promo})
    found = list(design_groups(replace(history, calendar=calendar), design_of(calendar.columns)))
    assert max(len(group.rows) for group in found) < 12
    for group in found:
        assert (promo[group.rows] == promo[group.rows[0]]).all()


def test_stores_that_close_on_other_kinds_of_day_share_nothing(history: History) -> None:
    closed = {"school_holiday": np.array([[False, row % 2 == 0] for row in range(12)])}
    calendar = replace(history.calendar, usually_closed=closed)
    for group in design_groups(replace(history, calendar=calendar), design_of(calendar.columns)):
        assert len(set(group.rows % 2)) == 1


@pytest.mark.parametrize(("n_days", "count", "last"), [(28, 21, 21), (33, 25, 25), (100, 25, 79), (942, 25, 752)])
def test_a_trend_may_bend_in_the_first_four_fifths(n_days: int, count: int, last: int) -> None:
    places = changepoint_places(n_days)
    assert len(places) == count
    assert places[0] > 0
    assert places[-1] == last
    assert (np.diff(places) > 0).all()
