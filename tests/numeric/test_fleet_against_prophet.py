"""The fleet's formula against stock Prophet, for the same parameters."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prophet import Prophet
from prophet.serialize import model_from_json, model_to_json
from support import fleets

from fleet import Calendar, Column, ConversionError, Fleet
from fleet.contents import FleetContents
from fleet.prophet.convert import from_prophet, future_frame, to_prophet

logging.getLogger("prophet").setLevel(logging.WARNING)
DAYS = np.arange("2014-03-01", "2015-09-01", dtype="datetime64[D]")


@settings(max_examples=12)
@given(
    seed=st.integers(0, 10_000),
    growth=st.sampled_from(["linear", "flat"]),
    mode=st.sampled_from(["additive", "multiplicative"]),
    n_changepoints=st.sampled_from([6, 25]),
)
def test_every_store_equals_its_stock_prophet(seed: int, growth: str, mode: str, n_changepoints: int) -> None:
    shape = fleets.design(growth=growth, mode=mode, transform="identity")  # type: ignore[arg-type]
    fleet = Fleet.from_contents(fleets.contents(3, seed=seed, shape=shape, n_changepoints=n_changepoints))
    for store_id in fleet.store_ids:
        model = to_prophet(fleet, store_id)
        model.uncertainty_samples = 0
        stock = model.predict(future_frame(fleet, store_id, DAYS))["yhat"].to_numpy()
        ours = fleet.predict([store_id], DAYS)
        is_open = ~ours.closed[0]
        np.testing.assert_allclose(ours.value[0][is_open], np.maximum(stock, 0)[is_open], rtol=1e-9)


def test_a_log_fleet_answers_the_exponential_of_its_prophet() -> None:
    fleet = Fleet.from_contents(fleets.contents(2))
    model = to_prophet(fleet, "2")
    model.uncertainty_samples = 0
    stock = model.predict(future_frame(fleet, "2", DAYS))["yhat"].to_numpy()
    ours = fleet.predict(["2"], DAYS)
    is_open = ~ours.closed[0]
    np.testing.assert_allclose(np.log1p(ours.value[0])[is_open], stock[is_open], rtol=1e-9)


@pytest.mark.parametrize("growth", ["linear", "flat"])
def test_a_store_goes_out_to_prophet_and_comes_back_the_same(growth: str) -> None:
    shape = fleets.design(growth=growth, transform="identity")  # type: ignore[arg-type]
    fleet = Fleet.from_contents(fleets.contents(2, shape=shape))
    back_design, back = from_prophet(to_prophet(fleet, "1"))
    row = fleet.parameters.rows(np.array([0]))
    assert [s.name for s in back_design.seasonalities] == [s.name for s in shape.seasonalities]
    assert [r.name for r in back_design.regressors] == [r.name for r in shape.regressors]
    np.testing.assert_allclose(back.scalars, row.scalars, rtol=1e-12)
    np.testing.assert_allclose(back.beta, row.beta, rtol=1e-15)
    known = np.isfinite(row.changepoints_t[0])
    np.testing.assert_allclose(back.changepoints_t, row.changepoints_t[:, known], rtol=1e-12)
    np.testing.assert_allclose(back.delta, row.delta[:, known], rtol=1e-15)
    np.testing.assert_allclose(back.spread, row.spread, rtol=1e-15)


def test_a_converted_model_survives_prophets_own_json_and_can_be_plotted() -> None:
    fleet = Fleet.from_contents(fleets.contents(2))
    model = to_prophet(fleet, "1")
    again = model_from_json(model_to_json(model))
    future = future_frame(fleet, "1", DAYS[-60:])
    first, second = (m.predict(future) for m in (model, again))
    np.testing.assert_allclose(second["yhat"], first["yhat"], rtol=1e-9)
    assert len(model.plot(first).axes) == 1
    assert len(model.plot_components(first).axes) >= 3


def test_a_frame_without_closed_days_has_the_open_ones_and_the_same_values() -> None:
    fleet = Fleet.from_contents(fleets.contents(2))
    whole, open_only = (future_frame(fleet, "1", DAYS, closed_days=closed) for closed in (True, False))
    opened = ~fleet.predict(["1"], DAYS).closed[0]

    assert 0 < opened.sum() < len(DAYS)
    pd.testing.assert_frame_equal(open_only, whole[opened].reset_index(drop=True))


def history_frame(n_days: int) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    ds = pd.date_range("2014-01-01", periods=n_days)
    promo, price = rng.integers(0, 2, n_days), rng.normal(5, 2, n_days)
    y = 20 + 0.01 * np.arange(n_days) + 3 * np.sin(np.arange(n_days) * 2 * np.pi / 7) + 4 * promo - price
    return pd.DataFrame({"ds": ds, "y": y + rng.normal(0, 0.5, n_days), "promo": promo, "price": price})


@pytest.mark.parametrize(
    ("settings_", "n_days"),
    [
        ({"growth": "linear", "weekly_seasonality": True, "yearly_seasonality": False}, 200),
        ({"growth": "flat", "weekly_seasonality": True, "yearly_seasonality": 5}, 400),
        ({"seasonality_mode": "multiplicative", "weekly_seasonality": 2, "yearly_seasonality": False}, 90),
        ({"scaling": "minmax", "n_changepoints": 0, "yearly_seasonality": False}, 120),
    ],
)
def test_a_fitted_prophet_becomes_a_store_with_the_same_forecast(settings_: dict[str, object], n_days: int) -> None:
    frame = history_frame(n_days)
    model = Prophet(daily_seasonality=False, uncertainty_samples=0, **settings_)  # type: ignore[arg-type]
    model.add_regressor("promo")
    model.add_regressor("price")
    model.fit(frame)
    design, parameters = from_prophet(model)
    columns = (Column("open", "flag"), Column("promo", "number"), Column("price", "number"))
    first = int(frame["ds"].iloc[0].timestamp() // 86_400)
    values = {"open": np.ones((1, n_days), np.uint8)}
    values |= {name: frame[name].to_numpy(dtype=np.float64)[None, :] for name in ("promo", "price")}
    calendar = Calendar(first, columns, values, np.ones((1, 7), np.bool_), {"promo": np.zeros(1), "price": np.zeros(1)})
    base = fleets.contents(1)
    one = FleetContents(**{**vars(base), "design": design, "parameters": parameters, "calendar": calendar})
    ours = Fleet.from_contents(one).predict(["1"], frame["ds"].to_numpy())
    np.testing.assert_allclose(ours.value[0], np.maximum(model.predict(frame)["yhat"], 0), rtol=1e-9)


def test_what_a_fleet_cannot_hold_is_named_all_at_once() -> None:
    frame = history_frame(60).assign(cap=100.0)
    holidays = pd.DataFrame({"holiday": ["fair"], "ds": [pd.Timestamp("2014-01-20")]})
    model = Prophet(growth="logistic", holidays=holidays, yearly_seasonality=False).fit(frame)
    with pytest.raises(ConversionError, match=r"logistic growth; holidays"):
        from_prophet(model)
    with pytest.raises(ConversionError, match="not fitted"):
        from_prophet(Prophet())


def test_the_interval_agrees_with_prophets_sampled_one() -> None:
    fleet = Fleet.from_contents(fleets.contents(1, shape=fleets.design(transform="identity")))
    days = np.arange("2015-06-22", "2015-12-19", dtype="datetime64[D]")
    model = to_prophet(fleet, "1", history=daily_history())
    model.uncertainty_samples, model.interval_width = 4000, 0.8
    np.random.seed(1)  # noqa: NPY002 - Prophet draws from the global generator
    stock = model.predict(future_frame(fleet, "1", days))
    ours = fleet.predict(["1"], days, 0.8)
    is_open = ~ours.closed[0]
    theirs = (stock["yhat_upper"] - stock["yhat_lower"]).to_numpy()[is_open]
    width = (ours.upper - ours.lower)[0][is_open]
    # Prophet samples, and draws at most one changepoint a day: a few percent are theirs.
    assert np.median(width / theirs) == pytest.approx(1.0, abs=0.1)


def daily_history() -> pd.DataFrame:
    days = np.arange(fleets.HISTORY_FROM, "2015-06-20", dtype="datetime64[D]")
    return pd.DataFrame({"ds": days.astype("datetime64[ns]"), "y": np.full(len(days), 8.0)})
