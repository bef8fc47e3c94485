"""A store model, kept without Prophet, forecasts what Prophet does, over the fleet's calendar."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from prophet import Prophet
from support.fleets import contents, small_fleet

from fleet import ConversionError, Fleet, FleetFormatError
from fleet.arrays import FloatArray
from fleet.intervals import LEVELS, N_BUCKETS
from fleet.prophet.convert import future_frame, to_prophet
from fleet.prophet.store_model import StoreModel, write_store_model

DAYS = np.arange("2015-06-20", "2015-08-10", dtype="datetime64[D]")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return Fleet.open(small_fleet(tmp_path_factory.mktemp("fleet") / "fleet", 3, without_model=[2]))


def sales_of(model: Prophet, fleet: Fleet, store_id: str, frame: pd.DataFrame) -> FloatArray:
    """Prophet's own predict, on the scale of sales, with the store's closed days at 0."""
    fitted = model.predict(frame)["yhat"].to_numpy()
    closed = fleet.fallback([store_id], DAYS).closed[0]
    return np.where(closed, 0.0, np.maximum(np.expm1(fitted), 0.0))


def test_a_model_with_changed_parameters_forecasts_what_prophet_does(opened: Fleet, tmp_path: Path) -> None:
    model = to_prophet(opened, "2")
    model.params["k"] *= 1.5
    model.params["beta"] *= 0.8
    write_store_model(tmp_path / "own", model, "log1p")
    own = StoreModel.open(tmp_path / "own").within(opened, "2")
    wanted = sales_of(model, opened, "2", future_frame(opened, "2", DAYS))

    np.testing.assert_allclose(own.predict(["2"], DAYS).value[0], wanted, rtol=1e-9)
    assert not np.allclose(wanted, opened.predict(["2"], DAYS).value[0], rtol=1e-3)


def test_a_prophet_fitted_by_hand_uses_the_calendars_columns(opened: Fleet, tmp_path: Path) -> None:
    days = np.arange("2014-01-01", "2015-06-20", dtype="datetime64[D]")
    frame = future_frame(opened, "3", days)[["ds", "promo", "temperature"]]
    rng = np.random.default_rng(3)
    frame["y"] = 5000 + 900 * frame["promo"] + 20 * frame["temperature"] + rng.normal(0, 50, len(frame))
    model = Prophet(yearly_seasonality=False, daily_seasonality=False, seasonality_mode="multiplicative")
    model.add_regressor("promo").add_regressor("temperature", mode="additive")
    model.fit(frame)
    write_store_model(tmp_path / "own", model, "identity")
    own = StoreModel.open(tmp_path / "own")
    forecast = own.within(opened, "3").predict(["3"], DAYS)
    stock = model.predict(future_frame(opened, "3", DAYS)[["ds", "promo", "temperature"]])["yhat"].to_numpy()
    is_open = ~forecast.closed[0]

    np.testing.assert_allclose(forecast.value[0][is_open], stock[is_open], rtol=1e-9)
    assert (forecast.value[0][~is_open] == 0).all()
    assert (forecast.lower <= forecast.value).all()
    assert (forecast.value <= forecast.upper).all()
    assert own.trained_through == np.datetime64("2015-06-19")


def test_the_fleets_model_of_a_store_registered_as_a_store_model_changes_nothing(tmp_path: Path) -> None:
    made = contents(3)
    rng = np.random.default_rng(5)
    measured = np.sort(rng.uniform(0.5, 3, (3, N_BUCKETS, len(LEVELS))), axis=2)
    fleet = Fleet.from_contents(dataclasses.replace(made, interval_quantiles=measured))
    write_store_model(tmp_path / "own", to_prophet(fleet, "2"), "log1p")
    own = StoreModel.open(tmp_path / "own").within(fleet, "2").predict(["2"], DAYS, 0.9)
    theirs = fleet.predict(["2"], DAYS, 0.9)

    for part in ("value", "lower", "upper"):
        np.testing.assert_allclose(getattr(own, part), getattr(theirs, part), rtol=1e-9)


def test_what_if_questions_change_a_store_model_too(opened: Fleet, tmp_path: Path) -> None:
    write_store_model(tmp_path / "own", to_prophet(opened, "1"), "log1p")
    own = StoreModel.open(tmp_path / "own").within(opened, "1")
    closed = own.predict(["1"], DAYS[:1], overrides={"open": {DAYS[0]: 0}})

    assert closed.value[0, 0] == 0.0


def test_a_regressor_that_the_calendar_does_not_know_is_named(opened: Fleet, tmp_path: Path) -> None:
    model = to_prophet(opened, "1")
    model.extra_regressors["rainfall"] = model.extra_regressors.pop("temperature")
    write_store_model(tmp_path / "own", model, "log1p")

    with pytest.raises(ConversionError, match=r"no regressor rainfall, it knows .*temperature"):
        StoreModel.open(tmp_path / "own").within(opened, "1")


def test_a_store_that_the_fleet_does_not_know_has_no_calendar(opened: Fleet, tmp_path: Path) -> None:
    write_store_model(tmp_path / "own", to_prophet(opened, "1"), "log1p")

    with pytest.raises(ConversionError, match="'77' is not in the fleet"):
        StoreModel.open(tmp_path / "own").within(opened, "77")


def test_what_a_fleet_cannot_hold_is_not_written(opened: Fleet, tmp_path: Path) -> None:
    model = to_prophet(opened, "1")
    model.growth = "logistic"
    with pytest.raises(ConversionError, match="logistic growth"):
        write_store_model(tmp_path / "own", model, "log1p")

    assert not list(tmp_path.iterdir())


def test_a_parameter_that_is_no_number_is_refused(opened: Fleet, tmp_path: Path) -> None:
    model = to_prophet(opened, "1")
    model.params["k"][:] = np.nan

    with pytest.raises(ConversionError, match="finite parameters, got others in scalars"):
        write_store_model(tmp_path / "own", model, "log1p")


def test_a_whole_fleet_is_no_store_s_model_and_damage_is_found(opened: Fleet, tmp_path: Path) -> None:
    contents(1).write(tmp_path / "fleet")
    with pytest.raises(ConversionError, match="something else"):
        StoreModel.open(tmp_path / "fleet")
    write_store_model(tmp_path / "own", to_prophet(opened, "1"), "log1p")
    raw = bytearray((tmp_path / "own" / "beta.npy").read_bytes())
    raw[-1] ^= 1
    (tmp_path / "own" / "beta.npy").write_bytes(raw)

    with pytest.raises(FleetFormatError, match="checksum"):
        StoreModel.open(tmp_path / "own").within(opened, "1")
