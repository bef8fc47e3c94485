"""A seeded synthetic chain with the habits of a real one, in Kaggle's Rossmann layout.

Most stores close on Sundays and public holidays; a sixth of them misses half a year; some close for refurbishment;
promotions run every second week and lift Mondays more than Fridays; December climbs to Christmas; a few stores are
new, one sells the same every day, one has no history at all.
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from dateutil.easter import easter

from fleet.arrays import BoolArray, FloatArray, IntArray, weekdays

AHEAD_DAYS = 42
GAP_DAYS = 184
PROMO_LIFT = np.array([0.57, 0.45, 0.37, 0.32, 0.22, 0.0, 0.0])
WEEKDAY_SHAPE = np.array([1.18, 1.02, 0.97, 0.96, 1.01, 0.86, 1.05])

CONSTANT_STORE, SHORT_STORE, YOUNG_STORE, NEW_STORE = 2, 3, 4, 5  # rows, counted from the last store
SPECIAL_STORES = 10  # a chain smaller than this has none of them
SHORT_DAYS, YOUNG_DAYS = 20, 150


@dataclass(frozen=True)
class SyntheticChain:
    """The days of a chain: arrays (n_days,) or (n_stores, n_days); `n_history` days of them have sales."""

    days: IntArray
    n_history: int
    is_open: BoolArray
    promo: BoolArray
    holiday: npt.NDArray[np.str_]
    school: BoolArray
    sales: FloatArray
    present: BoolArray


def write_chain(folder: Path, n_stores: int, n_days: int, *, first: dt.date, seed: int) -> dict[str, Path]:
    """Write `train.csv`, `store.csv` and `calendar.csv` (42 days ahead) of a new chain; same seed, same bytes."""
    chain = make_chain(n_stores, n_days, first=first, seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.csv" for name in ("train", "store", "calendar")}
    _table(chain, slice(0, n_days)).to_csv(paths["train"], index=False)
    ahead = _table(chain, slice(n_days, n_days + AHEAD_DAYS)).drop(columns=["Sales", "Customers"])
    ahead.to_csv(paths["calendar"], index=False)
    _stores(n_stores, seed).to_csv(paths["store"], index=False)
    return paths


def make_chain(n_stores: int, n_days: int, *, first: dt.date, seed: int) -> SyntheticChain:
    """The chain as arrays; stores are rows 0 .. n_stores - 1."""
    rng = np.random.default_rng(seed)
    days = np.arange(n_days + AHEAD_DAYS) + (first - dt.date(1970, 1, 1)).days
    weekday = weekdays(days)
    holiday = _holidays(days)
    shape = (n_stores, len(days))
    sunday_store = rng.random(n_stores) < 0.03
    is_open = (weekday < 6) | sunday_store[:, None]
    is_open &= (holiday == "0") | (rng.random((n_stores, 1)) < 0.02)
    _refurbish(rng, is_open, n_days)
    promo = np.broadcast_to((days // 7 % 2 == 0) & (weekday < 5), shape)
    school = _school(rng, days, n_stores)
    sales = _sales(rng, days, promo, school)
    zero_days = rng.random(shape) < 0.0001
    sales = np.where(is_open & ~zero_days, sales, 0.0).round()
    present = np.ones(shape, dtype=np.bool_)
    if n_days > 2 * GAP_DAYS + 200:
        start = n_days - GAP_DAYS - 170
        present[:, start : start + GAP_DAYS] &= (rng.random(n_stores) >= 0.16)[:, None]
    if n_stores >= SPECIAL_STORES:
        present[0, 0] = False
        sales[-CONSTANT_STORE] = np.where(is_open[-CONSTANT_STORE], 5000.0, 0.0)
        for row, kept in ((SHORT_STORE, SHORT_DAYS), (YOUNG_STORE, YOUNG_DAYS), (NEW_STORE, 0)):
            present[-row, : max(n_days - kept, 0)] = False
    return SyntheticChain(days, n_days, is_open, promo, np.broadcast_to(holiday, shape), school, sales, present)


def _sales(rng: np.random.Generator, days: IntArray, promo: BoolArray, school: BoolArray) -> FloatArray:
    n_stores, n_days = promo.shape
    weekday = weekdays(days)
    level = np.exp(rng.normal(8.75, 0.35, (n_stores, 1)))
    slope = rng.normal(0.03, 0.08, (n_stores, 1)) / 365
    bend, bend_at = rng.normal(0, 0.1, (n_stores, 1)) / 365, rng.uniform(0.2, 0.8, (n_stores, 1)) * n_days
    t = np.arange(n_days)
    trend = slope * t + bend * np.maximum(t - bend_at, 0)
    angle = 2 * np.pi * days / 365.25
    yearly = rng.normal(0.03, 0.02, (n_stores, 1)) * np.sin(angle) + rng.normal(0, 0.03, (n_stores, 1)) * np.cos(angle)
    dates = days.astype("datetime64[D]")
    to_christmas = (dates.astype("datetime64[Y]") + 1).astype("datetime64[D]") - np.timedelta64(8, "D") - dates
    climb = np.clip(1 - to_christmas.astype(np.int64) / 28, 0, 1) * 0.35
    weekly = np.log(WEEKDAY_SHAPE[weekday] * rng.normal(1, 0.03, (n_stores, 7))[:, weekday])
    lift = np.log1p(PROMO_LIFT[weekday] * rng.uniform(0.7, 1.3, (n_stores, 1))) * promo
    noise = rng.normal(0, 1, (n_stores, n_days)) * rng.uniform(0.06, 0.12, (n_stores, 1))
    return np.asarray(level * np.exp(trend + yearly + climb + weekly + lift + 0.03 * school + noise))


def _refurbish(rng: np.random.Generator, is_open: BoolArray, n_days: int) -> None:
    for row in np.flatnonzero(rng.random(len(is_open)) < 0.07):
        length = int(rng.integers(7, 60))
        start = int(rng.integers(0, max(n_days - length, 1)))
        is_open[row, start : start + length] = False


def _school(rng: np.random.Generator, days: IntArray, n_stores: int) -> BoolArray:
    """Four regions with holidays of their own; each store lies in one."""
    dates = days.astype("datetime64[D]")
    year_start = dates.astype("datetime64[Y]").astype("datetime64[D]")
    day_of_year = (dates - year_start).astype(np.int64)
    regions = []
    for region in range(4):
        summer = (day_of_year >= 170 + 7 * region) & (day_of_year < 212 + 7 * region)
        spring = (day_of_year >= 80 + 3 * region) & (day_of_year < 94 + 3 * region)
        regions.append(summer | spring | (day_of_year >= 356))
    return np.array(regions)[rng.integers(0, 4, n_stores)] & (weekdays(days) < 5)


def _holidays(days: IntArray) -> npt.NDArray[np.str_]:
    """Kind of each day: `a` public, `b` Easter, `c` Christmas, `0` none."""
    kinds = np.full(len(days), "0")
    dates = days.astype("datetime64[D]").astype(object)
    for i, date in enumerate(dates):
        from_easter = (date - easter(date.year)).days
        if from_easter in (-2, 1):
            kinds[i] = "b"
        elif (date.month, date.day) in ((12, 25), (12, 26)):
            kinds[i] = "c"
        elif (date.month, date.day) in ((1, 1), (5, 1), (10, 3)) or from_easter in (39, 50):
            kinds[i] = "a"
    return kinds


def _table(chain: SyntheticChain, part: slice) -> pd.DataFrame:
    """Rows of some days, newest day first and stores ascending, as Kaggle has them."""
    present = chain.present[:, part].T[::-1]
    day, store = np.nonzero(present)

    def pick(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        return values[:, part].T[::-1][day, store]

    dates = chain.days[part][::-1][day]
    sales = pick(chain.sales).astype(np.int64)
    return pd.DataFrame(
        {
            "Store": store + 1,
            "DayOfWeek": weekdays(dates) + 1,
            "Date": np.datetime_as_string(dates.astype("datetime64[D]")),
            "Sales": sales,
            "Customers": sales // 9,
            "Open": pick(chain.is_open).astype(int),
            "Promo": pick(chain.promo).astype(int),
            "StateHoliday": pick(chain.holiday),
            "SchoolHoliday": pick(chain.school).astype(int),
        }
    )


def _stores(n_stores: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng([seed, 1])
    distance = rng.integers(2, 2000, n_stores) * 10.0
    distance[rng.random(n_stores) < 0.01] = np.nan
    return pd.DataFrame(
        {
            "Store": np.arange(1, n_stores + 1),
            "StoreType": rng.choice(["a", "b", "c", "d"], n_stores, p=[0.54, 0.02, 0.13, 0.31]),
            "Assortment": rng.choice(["a", "b", "c"], n_stores, p=[0.53, 0.01, 0.46]),
            "CompetitionDistance": distance,
        }
    )
