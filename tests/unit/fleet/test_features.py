"""Each rule against a plain reading of its sentence."""

import datetime as dt
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from fleet import Calendar, Column, FeatureError, Overrides, Regressor
from fleet.arrays import BoolArray, FloatArray, day_numbers
from fleet.features import CLOSURE_REACH_DAYS, Tables, columns_of, padded_window

FIRST = dt.date(2014, 12, 1)  # a Monday
N_DAYS = 62
DAYS = [FIRST + dt.timedelta(days=i) for i in range(N_DAYS)]


def one_store(closed: set[dt.date]) -> Calendar:
    """Open from Monday to Saturday but on the days given; promo on even days of the month; a holiday on 25 December."""
    is_open = np.array([[day.weekday() < 6 and day not in closed for day in DAYS]], dtype=np.uint8)
    values = {
        "open": is_open,
        "promo": np.array([[day.day % 2 == 0 for day in DAYS]], dtype=np.uint8),
        "holiday": np.array([[2 if (day.month, day.day) == (12, 25) else 0 for day in DAYS]], dtype=np.uint8),
        "rain": np.array([[float(day.day) for day in DAYS]]),
    }
    columns = (
        Column("open", "flag"),
        Column("promo", "flag"),
        Column("holiday", "kind", ("none", "easter", "christmas")),
        Column("rain", "number"),
    )
    usual: BoolArray = np.array([[True] * 6 + [False]])
    return Calendar(int(day_numbers(FIRST)), columns, values, usual, {"rain": np.array([3.5])})


def column(rule: str, closed: set[dt.date] | None = None, **arguments: str | int) -> FloatArray:
    first = int(day_numbers(FIRST))
    window = padded_window(one_store(closed or set()), [0], first, first + N_DAYS - 1, None)
    values = next(iter(columns_of(window, (Regressor("x", rule, arguments),))))
    return values[0, CLOSURE_REACH_DAYS:-CLOSURE_REACH_DAYS]


def days_of(values: FloatArray) -> list[dt.date]:
    return [DAYS[i] for i in np.flatnonzero(values)]


def test_a_flag_on_a_weekday_needs_both() -> None:
    wanted = [day for day in DAYS if day.day % 2 == 0 and day.weekday() == 0]
    assert days_of(column("flag_on_weekday", column="promo", weekday=0)) == wanted
    assert days_of(column("flag", column="promo")) == [day for day in DAYS if day.day % 2 == 0]


def test_a_kind_is_found_by_its_label() -> None:
    assert days_of(column("kind", column="holiday", label="christmas")) == [dt.date(2014, 12, 25)]
    assert days_of(column("kind", column="holiday", label="easter")) == []


def test_a_number_passes_unchanged() -> None:
    assert column("number", column="rain").tolist() == [float(day.day) for day in DAYS]


def test_the_days_before_a_kind_are_open_days_that_have_it_ahead() -> None:
    before = column("before_kind", column="holiday", label="christmas", first=1, last=5)
    assert days_of(before) == [dt.date(2014, 12, day) for day in (20, 22, 23, 24)]  # the 21st is a Sunday


def test_the_day_before_and_after_a_closure_are_open_neighbours_of_an_unusual_one() -> None:
    wednesday = dt.date(2014, 12, 10)
    closed = {wednesday}
    assert days_of(column("next_to_closure", closed, side=1, min_days=1)) == [dt.date(2014, 12, 9)]
    assert days_of(column("next_to_closure", closed, side=-1, min_days=1)) == [dt.date(2014, 12, 11)]
    assert days_of(column("next_to_closure", closed, side=1, min_days=5)) == []


def test_a_long_closure_counts_the_usual_closed_days_inside_it() -> None:
    closed = {dt.date(2014, 12, day) for day in (12, 13, 15, 16)}  # Sunday the 14th between them
    assert days_of(column("next_to_closure", closed, side=1, min_days=5)) == [dt.date(2014, 12, 11)]
    assert days_of(column("next_to_closure", closed, side=-1, min_days=5)) == [dt.date(2014, 12, 17)]
    assert days_of(column("next_to_closure", closed, side=-1, min_days=6)) == []


def test_month_days_count_from_either_end() -> None:
    assert days_of(column("month_day", first=1, last=2)) == [day for day in DAYS if day.day in (1, 2)]
    assert days_of(column("month_day", first=-2, last=-1)) == [day for day in DAYS if day.day in (30, 31)]


def test_days_around_a_yearly_date_cross_the_new_year() -> None:
    before = column("around_date", month=12, day=24, first=-3, last=-1)
    assert days_of(before) == [dt.date(2014, 12, day) for day in (21, 22, 23)]
    after = column("around_date", month=12, day=24, first=3, last=10)
    assert days_of(after) == [day for day in DAYS if dt.date(2014, 12, 27) <= day <= dt.date(2015, 1, 3)]


@pytest.mark.parametrize(
    ("regressor", "message"),
    [
        (Regressor("x", "magic"), "unknown rule 'magic'"),
        (Regressor("x", "flag", {"column": "snow"}), "the calendar has no 'snow'"),
        (Regressor("x", "kind", {"column": "holiday", "label": "fair"}), "not in tuple"),
    ],
)
def test_a_regressor_that_the_calendar_cannot_serve_is_named(regressor: Regressor, message: str) -> None:
    window = padded_window(one_store(set()), [0], 16405, 16410, None)
    with pytest.raises(FeatureError, match=message):
        list(columns_of(window, (regressor,)))


def test_kept_columns_are_those_of_the_window_that_is_asked() -> None:
    regressors = (
        Regressor("rain", "number", {"column": "rain"}),
        Regressor("promo_mon", "flag_on_weekday", {"column": "promo", "weekday": 0}),
        Regressor("before", "next_to_closure", {"side": 1, "min_days": 1}),
        Regressor("first", "month_day", {"first": 1, "last": 1}),
    )
    tables, first = Tables(), int(day_numbers(FIRST))
    calendars = [one_store(set()), one_store({dt.date(2014, 12, 10)})]
    calendars.append(replace(calendars[0], usual_open=~calendars[0].usual_open))
    promo: Overrides = {"promo": {np.datetime64(FIRST): 1.0}}
    rain: Overrides = {"rain": {np.datetime64(FIRST): 9.0}}
    questions: list[tuple[int, int, Overrides | None]] = [(first, 7, None), (first + 1, 7, None), (first, 8, None)]
    questions += [(first, 7, promo), (first, 7, rain)]
    for _ in range(2):  # found, and then kept
        for calendar in calendars:
            for begin, n_days, overrides in questions:
                window = padded_window(calendar, [0], begin, begin + n_days - 1, overrides)
                wanted = np.stack(list(columns_of(window, regressors)))
                np.testing.assert_array_equal(tables.of(window, regressors), wanted)


def test_no_more_columns_are_kept_than_a_few() -> None:
    tables, first = Tables(), int(day_numbers(FIRST))
    regressors = (Regressor("rain", "number", {"column": "rain"}),)
    tracemalloc.start()
    for n_days in range(1, 400):
        tables.of(padded_window(one_store(set()), [0], first, first + n_days, None), regressors)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 64 * 450 * 8 * 2
