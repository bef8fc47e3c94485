"""Small fleets with random parameters: quick to build, seeded, no fit."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fleet.arrays import AnyArray, day_numbers
from fleet.calendar import UNKNOWN, Calendar, Column
from fleet.contents import FACTS, RECENT_DAYS, FleetContents
from fleet.design import Design, Growth, Seasonality, Transform
from fleet.features import Mode, Regressor
from fleet.formula import Parameters

HISTORY_FROM, TRAINED_THROUGH, CALENDAR_THROUGH = "2014-01-01", "2015-06-19", "2015-07-31"

COLUMNS = (
    Column("open", "flag"),
    Column("promo", "flag"),
    Column("state_holiday", "kind", ("0", "a", "b", "c")),
    Column("school_holiday", "flag"),
    Column("temperature", "number"),
)

REGRESSORS = (
    Regressor("promo_mon", "flag_on_weekday", {"column": "promo", "weekday": 0}),
    Regressor("promo", "flag", {"column": "promo"}),
    Regressor("public_holiday", "kind", {"column": "state_holiday", "label": "a"}),
    Regressor("before_closure", "next_to_closure", {"side": 1, "min_days": 1}),
    Regressor("after_long_closure", "next_to_closure", {"side": -1, "min_days": 5}),
    Regressor("month_end", "month_day", {"first": -2, "last": -1}),
    Regressor("before_christmas", "around_date", {"month": 12, "day": 24, "first": -14, "last": -1}),
    Regressor("temperature", "number", {"column": "temperature"}),
)


def design(growth: Growth = "linear", transform: Transform = "log1p", mode: Mode = "additive") -> Design:
    """Weekly and yearly terms and one regressor of each rule."""
    seasons = (Seasonality("weekly", 7, 3, mode), Seasonality("yearly", 365.25, 4))
    return Design(seasons, REGRESSORS, growth, transform)


def calendar(rng: np.random.Generator, n_stores: int) -> Calendar:
    """Sundays closed, a few other closures, promo every second week, ten unknown days at the end of the history."""
    first, last = (int(day_numbers(day)) for day in (HISTORY_FROM, CALENDAR_THROUGH))
    days = np.arange(first, last + 1)
    shape = (n_stores, len(days))
    weekday = (days + 3) % 7
    is_open = np.broadcast_to(weekday != 6, shape) & (rng.random(shape) > 0.02)
    promo = np.broadcast_to((days // 7 % 2 == 0) & (weekday < 5), shape)
    values: dict[str, AnyArray] = {
        "open": is_open.astype(np.uint8),
        "promo": promo.astype(np.uint8),
        "state_holiday": rng.choice([0, 1, 2, 3], size=shape, p=[0.97, 0.01, 0.01, 0.01]).astype(np.uint8),
        "school_holiday": (rng.random(shape) > 0.8).astype(np.uint8),
        "temperature": rng.normal(12, 8, shape).astype(np.float32),
    }
    values["promo"][:, 500:510] = UNKNOWN
    usual = np.tile(np.arange(7) != 6, (n_stores, 1))
    return Calendar(first, COLUMNS, values, usual, {"temperature": np.full(n_stores, 12.0)})


def parameters(rng: np.random.Generator, n_stores: int, shape: Design, n_changepoints: int = 25) -> Parameters:
    """Random rows with the size of real ones; every other store has unused changepoint places."""
    first, last = (int(day_numbers(day)) for day in (HISTORY_FROM, TRAINED_THROUGH))
    flat = shape.growth == "flat"
    scalars = np.column_stack(
        [
            np.zeros(n_stores) if flat else rng.normal(0, 0.2, n_stores),
            rng.normal(0.9, 0.05, n_stores),
            rng.uniform(0.01, 0.03, n_stores),
            rng.uniform(8, 11, n_stores),
            np.zeros(n_stores),
            np.full(n_stores, float(first)),
            np.full(n_stores, float(last - first)),
        ]
    )
    # Changepoints on whole days, as Prophet places them.
    at = np.sort(rng.choice(np.arange(1, last - first - 60), (n_stores, n_changepoints), replace=True), axis=1)
    times = at / (last - first)
    delta = rng.laplace(0, 0.05, (n_stores, n_changepoints))
    if flat or n_changepoints == 0:
        delta[:], times[:] = 0, np.inf
    delta[1::2, -5:], times[1::2, -5:] = 0, np.inf
    n_beta, n_regressors = len(shape.beta_names), len(shape.regressors)
    centre, spread = np.zeros((n_stores, n_regressors)), np.ones((n_stores, n_regressors))
    centre[:, -1], spread[:, -1] = 12.0, 8.0
    return Parameters(scalars, rng.normal(0, 0.02, (n_stores, n_beta)), delta, times, centre, spread)


def contents(
    n_stores: int = 5,
    *,
    seed: int = 7,
    shape: Design | None = None,
    without_model: Sequence[int] = (),
    n_changepoints: int = 25,
) -> FleetContents:
    """A whole fleet in memory; stores are named 1, 2, 3 ...; `without_model`: rows for the fallback alone."""
    rng = np.random.default_rng(seed)
    shape = shape or design()
    has_model = np.ones(n_stores, dtype=np.bool_)
    has_model[list(without_model)] = False
    facts = np.zeros(n_stores, dtype=FACTS)
    facts["failure"][~has_model] = b"scripted"
    sales = rng.uniform(3000, 9000, (n_stores, RECENT_DAYS))
    sales[:, 2::7] = np.nan
    return FleetContents(
        store_ids=tuple(str(i + 1) for i in range(n_stores)),
        design=shape,
        parameters=parameters(rng, n_stores, shape, n_changepoints),
        calendar=calendar(rng, n_stores),
        has_model=has_model,
        fallback=rng.uniform(3000, 9000, (n_stores, 7, 2)),
        fallback_sigma=rng.uniform(0.1, 0.4, n_stores),
        fallback_level=np.zeros(n_stores),
        recent_sales=sales,
        facts=facts,
        trained_through=int(day_numbers(TRAINED_THROUGH)),
        engine="random",
    )


def small_fleet(path: Path, n_stores: int = 5, *, seed: int = 7, without_model: Sequence[int] = ()) -> Path:
    """Write such a fleet to a new directory and return it."""
    contents(n_stores, seed=seed, without_model=without_model).write(path)
    return path
