"""A small chain in which every store is a special case of fitting, and a part of any chain."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from support.training import chains

from fleet import Column, FleetContents
from fleet.arrays import DAYS_A_WEEK, FloatArray, IntArray, weekdays
from fleet.contents import FACTS, RECENT_DAYS
from training.engines.engine import Fits
from training.engines.features import design_of
from training.history.history import History

N_DAYS = 620

CASES = (
    *("ordinary", "ordinary too", "few days", "under a hundred days", "under a year", "long gap", "one weekday"),
    *("constant", "nearly constant", "same every week", "one spike", "price always the same", "price of one day"),
)


def edge_chain(folder: Path, seed: int = 11) -> History:
    """One store for each of `CASES`; two more columns: a price, and a copy of the promotions."""
    whole = chains.history(folder, n_stores=len(CASES) + 5, n_days=N_DAYS, seed=seed)
    history = some_stores(whole, range(len(CASES)))
    sales = np.where(history.fitted_days(), history.sales, np.nan)
    for case, change in CHANGES.items():
        row = CASES.index(case)
        sales[row] = change(sales[row], history.days)
    return replace(_with_columns(history, seed), sales=sales)


def _last(sales: FloatArray, n_days: int) -> FloatArray:
    known = np.flatnonzero(np.isfinite(sales))
    return np.where(np.arange(len(sales)) >= known[-n_days], sales, np.nan)


def _spike(sales: FloatArray, days: IntArray) -> FloatArray:
    return np.where(days == days[np.flatnonzero(np.isfinite(sales))[200]], 1e9, sales)


CHANGES: dict[str, Callable[[FloatArray, IntArray], FloatArray]] = {
    "few days": lambda sales, _: _last(sales, 45),
    "under a hundred days": lambda sales, _: _last(sales, 95),
    "under a year": lambda sales, _: _last(sales, 160),
    "long gap": lambda sales, days: np.where((days >= days[250]) & (days < days[434]), np.nan, sales),
    "one weekday": lambda sales, days: np.where(weekdays(days) == 2, sales, np.nan),
    "constant": lambda sales, _: np.where(np.isfinite(sales), 5000.0, np.nan),
    "nearly constant": lambda sales, days: np.where(np.isfinite(sales), 5000.0 + days % 2, np.nan),
    "same every week": lambda sales, days: np.where(np.isfinite(sales), 900.0 + 100 * weekdays(days), np.nan),
    "one spike": _spike,
}


def _with_columns(history: History, seed: int) -> History:
    calendar = history.calendar
    shape = calendar.values["promo"].shape
    price = np.random.default_rng(seed).normal(20, 3, shape)
    price[CASES.index("price always the same")] = 5.0
    one_day = CASES.index("price of one day")
    price[one_day] = 5.0
    price[one_day, np.flatnonzero(history.fitted_days()[one_day])[100]] = 6.0
    columns = (*calendar.columns, Column("price", "number"), Column("promo_again", "flag"))
    values = {**calendar.values, "price": price, "promo_again": calendar.values["promo"].copy()}
    usual = {**calendar.usual_numbers, "price": np.full(len(price), 20.0)}
    return replace(history, calendar=replace(calendar, columns=columns, values=values, usual_numbers=usual))


def some_stores(history: History, rows: Sequence[int]) -> History:
    """The stores at those rows as a chain of their own, in that order."""
    return history.rows(np.array(rows))


def fleet_of(history: History, fits: Fits) -> FleetContents:
    """Fits of the retail design as the contents of a fleet, with a fallback that nobody asks."""
    n_stores = len(history.store_ids)
    recent = np.where(history.fitted_days(), history.sales, np.nan)[:, -RECENT_DAYS:]
    return FleetContents(
        store_ids=history.store_ids,
        design=design_of(history.calendar.columns),
        parameters=fits.parameters,
        calendar=history.calendar,
        has_model=fits.fitted,
        fallback=np.ones((n_stores, DAYS_A_WEEK, 2)),
        fallback_sigma=np.ones(n_stores),
        fallback_level=np.zeros(n_stores),
        recent_sales=recent,
        facts=np.zeros(n_stores, dtype=FACTS),
        trained_through=history.last_day,
        engine="batched",
    )
