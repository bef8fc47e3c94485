"""Which cell a failed fit is blamed on."""

from dataclasses import replace

import numpy as np
import pytest

from fleet import Calendar, Column
from fleet.arrays import AnyArray, day_numbers
from fleet.calendar import OPEN
from training.engines.features import design_of
from training.history.history import History
from training.workers.diagnose import explain, failures_of

FIRST = int(day_numbers("2015-01-01"))
WHY = "its parameters are not finite"


@pytest.fixture
def history() -> History:
    """Two stores, sixty open days, a price and a promotion."""
    rng = np.random.default_rng(5)
    shape = (2, 60)
    values: dict[str, AnyArray] = {
        OPEN: np.ones(shape, dtype=np.uint8),
        "promo": (np.arange(60) % 14 < 7).astype(np.uint8)[None].repeat(2, axis=0),
        "price": rng.normal(20, 1, shape).astype(np.float32),
    }
    columns = (Column(OPEN, "flag"), Column("promo", "flag"), Column("price", "number"))
    calendar = Calendar(FIRST, columns, values, np.ones((2, 7), dtype=np.bool_), {"price": np.full(2, 20.0)})
    return History(("4", "7"), np.full(2, "all"), rng.uniform(90, 110, shape), calendar)


def priced(history: History, row: int, place: int, price: float) -> History:
    values = {name: part.copy() for name, part in history.calendar.values.items()}
    values["price"][row, place] = np.float32(price)
    return replace(history, calendar=replace(history.calendar, values=values))


def sold(history: History, row: int, place: int, sales: float) -> History:
    changed = history.sales.copy()
    changed[row, place] = sales
    return replace(history, sales=changed)


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(
    ("price", "said"),
    [(np.inf, "price inf is no number to fit"), (1e30, "price 1e+30, where 19.7"), (-400, "price -400")],
)
def test_a_price_that_stands_out_is_named_with_its_day(history: History, price: float, said: str) -> None:
    failure = explain(priced(history, 1, 10, price), design_of(history.calendar.columns), 1, WHY)
    assert (failure.store, failure.column, failure.date) == ("7", "price", "2015-01-11")
    assert failure.reason.startswith(f"{WHY}; {said}")


@pytest.mark.parametrize("sales", [1e200, 1e9])
def test_a_day_of_sales_that_stands_out_is_named(history: History, sales: float) -> None:
    design = design_of(history.calendar.columns, transform="identity")
    failure = explain(sold(history, 0, 5, sales), design, 0, WHY)
    assert (failure.store, failure.column, failure.date) == ("4", "y", "2015-01-06")
    assert f"y {sales:g}" in failure.reason


def test_a_store_in_which_nothing_stands_out_is_named_with_its_furthest_day(history: History) -> None:
    failure = explain(history, design_of(history.calendar.columns), 0, "no optimum found in 2000 rounds")
    assert failure.column in {"y", "price"}
    assert failure.date >= "2015-01-01"
    assert "lies furthest from its other days" in failure.reason


def test_only_days_that_were_fitted_are_looked_at(history: History) -> None:
    closed = history.calendar.values[OPEN].copy()
    closed[1, 10] = 0
    calendar = replace(history.calendar, values={**history.calendar.values, OPEN: closed})
    changed = priced(replace(history, calendar=calendar), 1, 10, 5000.0)
    assert explain(changed, design_of(calendar.columns), 1, WHY).date != "2015-01-11"
    empty = replace(history, sales=np.zeros_like(history.sales))
    failure = explain(empty, design_of(calendar.columns), 1, WHY)
    assert (failure.column, failure.date) == ("y", "2015-01-01")


def test_failures_are_told_in_the_order_of_the_stores(history: History) -> None:
    told = failures_of(history, design_of(history.calendar.columns), {1: WHY, 0: WHY})
    assert [entry["store"] for entry in told] == ["4", "7"]
    assert all(set(entry) == {"store", "column", "date", "reason"} for entry in told)
