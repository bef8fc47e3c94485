"""The reference engine: stock Prophet a store, nothing left behind, a failing store a result."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from prophet import Prophet
from support.training import chains

from benchmarks.small_chains import fit_once
from fleet import Fleet
from fleet.arrays import as_dates
from training.backtest.assemble import assemble
from training.engines import stan
from training.engines.engine import Priors
from training.engines.features import design_of, regressor_table
from training.engines.stan import StanEngine
from training.errors import DataError
from training.history.history import History


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return chains.history(tmp_path_factory.mktemp("chain"), n_stores=12, n_days=420)


def test_a_store_is_fitted_as_stock_prophet_fits_it(history: History) -> None:
    design = design_of(history.calendar.columns)
    fits = fit_once(StanEngine(workers=2), history, design, Priors())
    fleet = Fleet.from_contents(assemble(history, design, fits, engine="stan", settings={}))
    row = 4
    on = history.fitted_days()[row]
    columns = regressor_table(history.calendar, design, np.array([row]), history.days)
    frame = pd.DataFrame(
        {"ds": as_dates(history.days[on]).astype("datetime64[ns]"), "y": np.log1p(history.sales[row, on])}
    )
    model = Prophet(yearly_seasonality=False, weekly_seasonality=False, uncertainty_samples=0)
    for season in design.seasonalities:
        model.add_seasonality(season.name, season.period_days, season.order)
    for regressor, values in zip(design.regressors, columns, strict=True):
        if np.ptp(values[0, on]):
            frame[regressor.name] = values[0, on]
            model.add_regressor(regressor.name, standardize=False)
    stock = model.fit(frame, seed=1).predict(frame)["yhat"]
    ours = fleet.predict([history.store_ids[row]], frame["ds"].to_numpy())
    np.testing.assert_allclose(np.log1p(ours.value[0]), stock, rtol=1e-9)


def test_short_stores_are_left_to_the_fallback_and_young_ones_have_no_year(history: History) -> None:
    design = design_of(history.calendar.columns)
    fits = fit_once(StanEngine(workers=2), history, design, Priors())
    short, young, new = 12 - 3, 12 - 4, 12 - 5
    assert fits.too_short == (new, short)
    assert not fits.failures
    yearly = slice(6, 6 + 8)
    assert (fits.parameters.beta[young, yearly] == 0).all()
    assert (fits.parameters.beta[0, yearly] != 0).any()
    constant = 12 - 2
    assert fits.fitted[constant]


def test_the_number_of_workers_changes_nothing(history: History) -> None:
    design = design_of(history.calendar.columns)
    one, two = (fit_once(StanEngine(workers=n), history, design, Priors()) for n in (1, 2))
    for name, values in vars(one.parameters).items():
        np.testing.assert_array_equal(values, getattr(two.parameters, name))


def test_a_store_that_fails_is_a_result(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    fit_store = stan._fit_store

    def scripted(task: stan.Task, *rest: object) -> object:
        if task.row == 2:
            raise RuntimeError("scripted fault")
        return fit_store(task, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(stan, "_fit_store", scripted)
    fits = fit_once(StanEngine(workers=1), history, design_of(history.calendar.columns), Priors())
    assert fits.failures == {2: "RuntimeError: scripted fault"}
    assert not fits.fitted[2]
    assert fits.fitted[3]


def test_a_run_leaves_no_temporary_file(tmp_path: Path) -> None:
    chains.files(tmp_path / "chain", n_stores=6, n_days=200)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    script = """
import sys
from pathlib import Path
from benchmarks.small_chains import fit_once, read_history
from training.engines.engine import Priors
from training.engines.features import design_of
from training.engines.stan import StanEngine
folder = Path(sys.argv[1])
history = read_history(folder / "train.csv", folder / "store.csv", folder / "calendar.csv", problems_in=folder)
fits = fit_once(StanEngine(workers=2), history, design_of(history.calendar.columns), Priors())
print(int(fits.fitted.sum()))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "chain")],
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.strip() == "6"
    assert list(scratch.rglob("*")) == []


def test_prophet_can_still_be_fitted_in_this_process_afterwards(history: History) -> None:
    fit_once(StanEngine(workers=1), history, design_of(history.calendar.columns), Priors())
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=60), "y": np.arange(60.0)})
    model = Prophet(yearly_seasonality=False, weekly_seasonality=False).fit(frame)
    assert np.isfinite(model.params["k"]).all()


def test_a_half_life_is_refused_because_prophet_weighs_all_days_alike(history: History) -> None:
    with pytest.raises(DataError, match="weighs all days alike"):
        fit_once(StanEngine(), history, design_of(history.calendar.columns), Priors(half_life_days=365))
