"""A store of a fleet as a stock, plottable `prophet.Prophet`, and a fitted Prophet as a store of a fleet.

Prophet is imported when it is asked for: a server that only forecasts never pays for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fleet.arrays import as_dates
from fleet.design import Design, Seasonality
from fleet.errors import ConversionError
from fleet.features import Regressor
from fleet.formula import Parameters

if TYPE_CHECKING:
    import pandas as pd
    from prophet import Prophet

    from fleet.arrays import FloatArray
    from fleet.fleet import Fleet, RowView

SECONDS_A_DAY = 86_400


def future_frame(
    fleet: Fleet,
    store_id: str,
    dates: Any,  # noqa: ANN401 - whatever numpy reads as days
    *,
    closed_days: bool = True,
) -> pd.DataFrame:
    """`ds` and every regressor of one store: what `to_prophet(...).predict` takes.

    Args: closed_days: with them. The fleet answers 0 for a closed day whatever its model says there, and the model has
          never seen one: where a weekday is always closed, a picture of it is far below all sales.
    """
    import pandas as pd  # noqa: PLC0415 - see the module's docstring

    days = np.asarray(dates, dtype="datetime64[D]")
    if not closed_days:
        days = days[fleet.is_open(store_id, days)]
    return pd.DataFrame({"ds": days.astype("datetime64[ns]"), **fleet.future_columns(store_id, days)})


def to_prophet(fleet: Fleet, store_id: str, history: pd.DataFrame | None = None) -> Prophet:
    """The store's model as a stock fitted Prophet; its `predict` equals the fleet's, on the fitted scale.

    Args:   history: `ds`, `y` (sales) to plot against; the fleet's recent sales where it is not given. Only plots and
            components look at it. Its `y` is put on the fitted scale (log1p in a log1p fleet), as Prophet's own is.
    Raises: UnknownStoreError.  ConversionError: the store has no model.
    """
    row = fleet.row_view(store_id)
    if not row["has_model"][0]:
        raise ConversionError(f"store {store_id!r} has no model that can be converted: it is forecast by the fallback")
    parameters = fleet.parameters.rows(np.array([row.row]))
    model = _unfitted(fleet.design, parameters)
    frame = history if history is not None else _recent_history(row)
    _set_fitted(model, parameters, fleet, store_id, frame)
    return model


def _recent_history(row: RowView) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - see the module's docstring

    sales = row["recent_sales"][0].astype(np.float64)
    last = int(row.meta["trained_through"])
    days = as_dates(np.arange(last - len(sales) + 1, last + 1))
    return pd.DataFrame({"ds": days.astype("datetime64[ns]"), "y": sales}).dropna(ignore_index=True)


def _unfitted(design: Design, parameters: Parameters) -> Prophet:
    from prophet import Prophet  # noqa: PLC0415 - see the module's docstring

    known = np.isfinite(parameters.changepoints_t[0])
    model = Prophet(
        growth=design.growth,
        n_changepoints=int(known.sum()),
        yearly_seasonality=False,
        weekly_seasonality=False,
        daily_seasonality=False,
    )
    for season in design.seasonalities:
        model.add_seasonality(season.name, season.period_days, season.order, mode=season.mode)
    for index, regressor in enumerate(design.regressors):
        model.add_regressor(regressor.name, standardize=False, mode=regressor.mode)
        props = model.extra_regressors[regressor.name]
        props["mu"], props["std"] = float(parameters.centre[0, index]), float(parameters.spread[0, index])
    return model


def _set_fitted(model: Prophet, parameters: Parameters, fleet: Fleet, store_id: str, history: pd.DataFrame) -> None:
    import pandas as pd  # noqa: PLC0415 - see the module's docstring

    scalars = {name: float(parameters.scalar(name)[0, 0]) for name in ("k", "m", "sigma_obs", "y_scale", "y_floor")}
    known = np.isfinite(parameters.changepoints_t[0])
    model.start = _timestamp(parameters.scalar("start_day")[0, 0])
    model.t_scale = pd.Timedelta(seconds=float(parameters.scalar("t_scale_days")[0, 0]) * SECONDS_A_DAY)
    model.y_scale = scalars["y_scale"]
    model.scaling, model.y_min = ("minmax", scalars["y_floor"]) if scalars["y_floor"] else ("absmax", 0.0)
    # As Prophet: one dummy changepoint at 0 where there is none.
    times = parameters.changepoints_t[0, known]
    model.changepoints_t = times if known.any() else np.zeros(1)
    model.changepoints = pd.Series(model.start + model.t_scale * times).dt.round("D") if known.any() else _no_dates()
    model.specified_changepoints = False
    delta = parameters.delta[:, known] if known.any() else np.zeros((1, 1))
    model.params = {"k": _cell(scalars["k"]), "m": _cell(scalars["m"]), "delta": np.array(delta)}
    model.params |= {"sigma_obs": _cell(scalars["sigma_obs"]), "beta": np.array(parameters.beta)}
    fitted = fleet.design.forward(history["y"].to_numpy(dtype=np.float64))
    frame = future_frame(fleet, store_id, history["ds"].to_numpy()).assign(y=fitted)
    if not len(frame):
        raise ConversionError(f"store {store_id!r} has no recent sales to plot: give its history")
    model.history_dates = frame["ds"]
    model.history = model.setup_dataframe(frame)
    model.history["y"] = fitted
    _, _, component_columns, modes = model.make_all_seasonality_features(model.history)
    model.train_component_cols, model.component_modes = component_columns, modes
    model.params["trend"] = np.atleast_2d(model.predict_trend(model.history) / model.y_scale)
    model.fit_kwargs = {}


def _cell(value: float) -> FloatArray:
    return np.array([[value]])


def _no_dates() -> pd.Series[pd.Timestamp]:
    import pandas as pd  # noqa: PLC0415 - see the module's docstring

    return pd.Series(pd.to_datetime([]), name="ds")


def _timestamp(day: float) -> pd.Timestamp:
    import pandas as pd  # noqa: PLC0415 - see the module's docstring

    return pd.Timestamp(0) + pd.Timedelta(seconds=float(day) * SECONDS_A_DAY)


def from_prophet(model: Prophet) -> tuple[Design, Parameters]:
    """What a fitted Prophet knows, as a design and one row of parameters; on the scale that Prophet was fitted on.

    Its regressors become plain number columns of the calendar, by name.

    Raises: ConversionError: not fitted, or with a part that a fleet cannot hold (the message names every one).
    """
    problems = _what_does_not_fit(model)
    if problems:
        raise ConversionError("this Prophet model cannot be converted: " + "; ".join(problems))
    design = Design(
        tuple(
            Seasonality(name, float(props["period"]), int(props["fourier_order"]), props["mode"])
            for name, props in model.seasonalities.items()
        ),
        tuple(
            Regressor(name, "number", {"column": name}, props["mode"]) for name, props in model.extra_regressors.items()
        ),
        "flat" if model.growth == "flat" else "linear",
        "identity",
    )
    return design, _parameters_of(model)


def _parameters_of(model: Any) -> Parameters:  # noqa: ANN401 - a third-party object, every attribute of it optional
    scalar = {name: float(np.ravel(model.params[name])[0]) for name in ("k", "m", "sigma_obs")}
    slope, delta = scalar["k"], np.atleast_2d(model.params["delta"]).astype(np.float64)
    times = np.atleast_2d(model.changepoints_t).astype(np.float64)
    if model.growth == "flat":
        slope, delta = 0.0, np.zeros_like(delta)
    if not len(model.changepoints):
        delta, times = delta[:, :0], times[:, :0]
    floor = float(model.y_min) if model.scaling == "minmax" else 0.0
    start = model.start.timestamp() / SECONDS_A_DAY
    span = model.t_scale.total_seconds() / SECONDS_A_DAY
    scalars = [slope, scalar["m"], scalar["sigma_obs"], float(model.y_scale), floor, start, span]
    n_beta = sum(2 * int(p["fourier_order"]) for p in model.seasonalities.values()) + len(model.extra_regressors)
    regressors = model.extra_regressors.values()
    return Parameters(
        np.array([scalars]),
        np.atleast_2d(model.params["beta"])[:, :n_beta].astype(np.float64),
        delta,
        times,
        np.array([[float(props["mu"]) for props in regressors]]),
        np.array([[float(props["std"]) for props in regressors]]),
    )


def _what_does_not_fit(model: Any) -> list[str]:  # noqa: ANN401 - the same
    if model.history is None or not model.params:
        return ["it is not fitted"]
    checks = {
        "logistic growth": model.growth not in ("linear", "flat"),
        "full posterior samples (mcmc_samples)": np.ravel(model.params["k"]).size != 1,
        "holidays (make them regressor columns)": model.train_holiday_names is not None,
        "conditional seasonalities": any(p["condition_name"] for p in model.seasonalities.values()),
        "a model for a regressor's future": any(p.get("predictor") for p in model.extra_regressors.values()),
    }
    return [name for name, found in checks.items() if found]
