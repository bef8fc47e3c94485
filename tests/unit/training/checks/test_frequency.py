"""Sales that are not daily are found before anything is fitted."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from training.checks.frequency import Rhythm, check, notices, rhythm_of
from training.checks.validate import Report
from training.sources.mapping import ROSSMANN
from training.sources.tables import TRAIN, table_of


def rhythm(dates: Sequence[Iterable[str | pd.Timestamp]]) -> Rhythm:
    """Of stores 1, 2, 3 ... with a row at each of these dates."""
    rows = [(str(place + 1), str(pd.Timestamp(date))) for place, own in enumerate(dates) for date in own]
    columns = {"store_id": [row[0] for row in rows], "ds": [row[1] for row in rows], "y": [1.0] * len(rows)}
    return rhythm_of(table_of(pa.table(columns), TRAIN, ROSSMANN))


def found(*parts: Rhythm) -> str:
    """What is reported; empty where nothing is."""
    report = Report()
    assert check(report, parts) == bool(report.problems)
    return "; ".join(problem.came for problem in report.problems)


@pytest.mark.parametrize(
    ("frequency", "name"),
    [
        ("W-MON", "weekly rows, 3 of 3 stores have one every 7 days"),
        ("W-SUN", "weekly rows"),
        ("2W", "fortnightly rows"),
        ("MS", "monthly rows"),
        ("ME", "monthly rows"),
        ("QS", "quarterly rows"),
        ("YS", "yearly rows"),
        ("10D", "10-day rows"),
        ("2D", "2-day rows"),
    ],
)
def test_rows_further_apart_than_a_day_are_named_and_refused(frequency: str, name: str) -> None:
    dates = pd.date_range("2010-01-01", periods=12, freq=frequency)
    assert name in found(rhythm([dates] * 3))


def test_the_first_the_eleventh_and_the_twenty_first_of_a_month_are_ten_days_apart() -> None:
    dates = [f"2015-{month:02}-{day:02}" for month in range(1, 13) for day in (1, 11, 21)]
    assert "10-day rows" in found(rhythm([dates]))


@pytest.mark.parametrize("day", [15, 16])
def test_two_days_of_a_month_are_half_a_month_apart(day: int) -> None:
    dates = [f"2015-{month:02}-{one:02}" for month in range(1, 13) for one in (1, day)]
    assert "15-day rows" in found(rhythm([dates]))


def test_missing_weeks_leave_a_weekly_series_weekly() -> None:
    dates = pd.date_range("2015-01-05", periods=60, freq="W-MON")
    kept = dates[np.random.default_rng(1).random(60) > 0.3]
    assert "weekly rows" in found(rhythm([kept]))


@pytest.mark.parametrize("weekdays", [(0, 1, 2, 3, 4, 5, 6), (0, 1, 2, 3, 4), (0, 2, 4), (4, 5), (1, 2, 3)])
def test_stores_that_open_on_some_weekdays_are_daily(weekdays: tuple[int, ...]) -> None:
    dates = pd.date_range("2015-01-05", periods=120)
    assert not found(rhythm([dates[np.isin(dates.day_of_week, weekdays)]] * 3))


def test_a_store_that_sells_now_and_then_has_no_rhythm() -> None:
    dates = pd.date_range("2015-01-05", periods=900)
    seldom = [dates[np.random.default_rng(seed).random(900) < 0.15] for seed in range(10)]
    one = rhythm(seldom)
    assert not found(one)
    assert not one.steps


def test_most_stores_decide_and_the_others_are_told() -> None:
    daily, weekly = pd.date_range("2015-01-05", periods=100), pd.date_range("2015-01-05", periods=30, freq="W-MON")
    one = rhythm([daily, daily, weekly])
    assert not found(one)
    (notice,) = notices(one).all
    assert (notice.kind, notice.store, notice.date) == ("rhythm", "3", "2015-01-05")
    assert notice.what.startswith("a row every 7 days")
    assert "weekly rows, 3 of 5 stores" in found(one, rhythm([weekly, weekly[:3]]), rhythm([weekly]))


def test_parts_of_a_day_are_refused_and_a_closing_time_is_not() -> None:
    hours = pd.date_range("2015-01-05", periods=24 * 20, freq="h")
    assert "24 rows a store and day: sum the sales of each day first" in found(rhythm([hours]))
    assert not found(rhythm([pd.date_range("2015-01-05 20:00", periods=100)]))


def test_a_few_rows_have_no_rhythm() -> None:
    assert not found(rhythm([pd.date_range("2015-01-05", periods=5, freq="W-MON")]))
    assert not found(Rhythm())
