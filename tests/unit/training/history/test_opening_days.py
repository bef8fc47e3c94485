"""When a store opens is read off its past: off rows that tell it, rows without sales and days without a row alike."""

from dataclasses import replace

import numpy as np
import pytest
from support.training.daily import PLAIN, daily

from fleet.arrays import BoolArray, FloatArray, weekdays
from fleet.calendar import OPEN, Overrides
from training.history.history import History
from training.sources.mapping import Kind

N_DAYS = 140
SUNDAYS = np.arange(N_DAYS) % 7 == 6
TOLD = replace(PLAIN, open="open")
WITH_HOLIDAYS = replace(PLAIN, kinds={"holiday": Kind("holiday", "none")})
RNG = np.random.default_rng(5)


def sales(n_stores: int = 3) -> FloatArray:
    return RNG.uniform(900.0, 1100.0, (n_stores, N_DAYS))


def open_ahead(history: History, row: int = 0) -> list[bool]:
    """Whether the store is taken for open in the calendar week after the sales, Monday first."""
    first = history.last_day + 1
    first += -int(weekdays(np.array([first]))[0]) % 7
    return [bool(day) for day in history.calendar.window(np.array([row]), first, first + 6).is_open[0]]


WEEK_WITHOUT_SUNDAY = [True] * 6 + [False]


def written(part: FloatArray, closed: BoolArray, how: str) -> History:
    """The same sales, with closed days as rows without sales, as rows that say so, or without rows."""
    if how == "zero rows":
        return daily(np.where(closed, 0.0, part))
    if how == "told":
        return daily(np.where(closed, 0.0, part), mapped=TOLD, columns={"open": (~closed).astype(float)})
    rows = np.where(closed, np.nan, part)
    if how == "told, open days only":
        return daily(rows, mapped=TOLD, columns={"open": np.ones(part.shape)})
    return daily(rows)


WAYS = ("zero rows", "told", "told, open days only", "no rows")


@pytest.mark.parametrize("how", WAYS)
def test_a_weekday_on_which_a_store_never_opened_is_closed_whatever_its_group_does(how: str) -> None:
    closed = np.tile(SUNDAYS, (12, 1))
    closed[1:] = False  # all others of the group open every day
    history = written(sales(12), closed, how)
    assert open_ahead(history) == WEEK_WITHOUT_SUNDAY
    assert open_ahead(history, 1) == [True] * 7


@pytest.mark.parametrize("how", WAYS)
def test_a_weekday_on_which_a_store_opened_now_and_then_is_closed(how: str) -> None:
    closed = np.tile(SUNDAYS, (1, 1))
    closed[0, [6, 62]] = False
    assert open_ahead(written(sales(1), closed, how)) == WEEK_WITHOUT_SUNDAY


@pytest.mark.parametrize("how", WAYS)
def test_what_a_store_of_a_few_weeks_cannot_tell_its_group_tells(how: str) -> None:
    part = sales(6)
    part[0, :-20] = np.nan
    closed = np.tile(SUNDAYS, (6, 1))
    history = written(part, closed & np.isfinite(part), how)
    assert open_ahead(history) == WEEK_WITHOUT_SUNDAY
    if "no rows" in how or "only" in how:
        others_open = closed.copy()
        others_open[1:] = False
        assert open_ahead(written(part, others_open & np.isfinite(part), how)) == [True] * 7


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("n_weeks", [9, 14, 20])
def test_a_kiosk_that_opens_at_the_weekend_opens_at_the_weekend(how: str, n_weeks: int) -> None:
    part = sales(5)[:, : 7 * n_weeks]
    closed = np.zeros(part.shape, dtype=bool)
    closed[0] = np.arange(7 * n_weeks) % 7 < 5  # the others of its group open every day
    history = written(part, closed, how)
    assert open_ahead(history) == [False] * 5 + [True] * 2
    assert open_ahead(history, 1) == [True] * 7


@pytest.mark.parametrize("rate", [0.3, 0.5, 1.0, 6.0])
@pytest.mark.parametrize("write_zeros", [True, False])
def test_a_store_that_seldom_sells_is_not_closed_for_ever(rate: float, *, write_zeros: bool) -> None:
    sold = np.random.default_rng(7).poisson(rate, (10, 900)).astype(float)
    sold[:, np.arange(900) % 7 == 6] = 0.0
    history = daily(sold if write_zeros else np.where(sold > 0, sold, np.nan))
    assert [open_ahead(history, row) for row in range(10)] == [WEEK_WITHOUT_SUNDAY] * 10


HOLIDAYS = (10, 40, 71, 100, 127)


def with_holidays(how: str, part: FloatArray, closed: BoolArray, *, as_flag: bool) -> History:
    """Holidays in the past, and on the Wednesday of the week ahead, which the calendar tells of."""
    holiday, ahead = np.zeros(part.shape, dtype=int), np.zeros((len(part), 7), dtype=int)
    holiday[:, HOLIDAYS], ahead[:, 2] = 1, 1
    mapped = replace(PLAIN, flags={"holiday": "holiday"}) if as_flag else WITH_HOLIDAYS
    words = np.array([0, 1]) if as_flag else np.array(["none", "public"])
    written = np.where(closed, 0.0 if how == "zero rows" else np.nan, part)
    return daily(written, mapped=mapped, columns={"holiday": words[holiday]}, ahead={"holiday": words[ahead]})


@pytest.mark.parametrize("how", ["no rows", "zero rows"])
@pytest.mark.parametrize("as_flag", [True, False])
def test_a_kind_of_day_on_which_a_store_never_opened_is_closed_ahead(how: str, *, as_flag: bool) -> None:
    closed = np.zeros((3, N_DAYS), dtype=bool)
    closed[:2, HOLIDAYS] = True  # the third is the station's shop
    history = with_holidays(how, sales(), closed, as_flag=as_flag)
    assert open_ahead(history) == [True, True, False, True, True, True, True]
    assert open_ahead(history, 2) == [True] * 7


@pytest.mark.parametrize("as_flag", [True, False])
def test_a_kind_of_day_that_nobody_ever_had_a_row_of_is_closed_ahead(*, as_flag: bool) -> None:
    closed = np.zeros((3, N_DAYS), dtype=bool)
    closed[:, HOLIDAYS] = True
    history = with_holidays("no rows", sales(), closed, as_flag=as_flag)
    assert open_ahead(history, 1) == [True, True, False, True, True, True, True]
    # Rows of every day, and no holiday among them: it is something new.
    told = replace(WITH_HOLIDAYS, flags={}, kinds={"sale": Kind("sale", "none")})
    words = np.array(["none", "black friday"])
    ahead = {"sale": words[np.tile(np.arange(7) == 2, (3, 1)).astype(int)]}
    new = daily(sales(), mapped=told, columns={"sale": np.full((3, N_DAYS), "none")}, ahead=ahead)
    assert open_ahead(new) == [True] * 7


@pytest.mark.parametrize("rate", [0.4, 1.0])
def test_a_slow_seller_that_has_no_row_of_a_holiday_is_closed_on_it(rate: float) -> None:
    closed = np.zeros((6, N_DAYS), dtype=bool)
    closed[:5, HOLIDAYS] = True
    sold = np.random.default_rng(3).poisson(rate, (6, N_DAYS)).astype(float)
    history = with_holidays("no rows", sold, closed, as_flag=False)
    assert [open_ahead(history, row)[2] for row in range(6)] == [False] * 5 + [True]


def test_a_promotion_is_no_reason_to_close() -> None:
    closed = np.zeros((3, N_DAYS), dtype=bool)
    closed[:, HOLIDAYS] = True
    mapped = replace(PLAIN, flags={"promo": "promo"})
    ahead = {"promo": np.ones((3, 7))}
    part = np.where(closed, np.nan, sales())
    assert open_ahead(daily(part, mapped=mapped, columns={"promo": np.zeros(part.shape)}, ahead=ahead)) == [True] * 7


def test_what_a_young_store_cannot_tell_of_holidays_its_group_tells() -> None:
    part = sales(4)
    part[0, :-25] = np.nan
    closed = np.zeros((4, N_DAYS), dtype=bool)
    closed[1:, HOLIDAYS] = True
    assert not open_ahead(with_holidays("no rows", part, closed, as_flag=False))[2]
    closed[1:, HOLIDAYS] = False
    assert open_ahead(with_holidays("no rows", part, closed, as_flag=False))[2]


def test_a_holiday_that_somebody_asks_about_is_closed_too() -> None:
    closed = np.zeros((3, N_DAYS), dtype=bool)
    closed[:, HOLIDAYS] = True
    calendar = with_holidays("zero rows", sales(), closed, as_flag=False).calendar
    first = calendar.last_day + 1
    asked: Overrides = {"holiday": {np.datetime64(first + 3, "D"): "public"}}
    assert (
        calendar.window(np.array([0]), first, first + 6, asked).is_open[0].tolist() == [True] * 3 + [False] + [True] * 3
    )


def test_a_day_on_which_hardly_anybody_of_the_group_sold_was_closed() -> None:
    part = sales(8)
    part[:, 50] = np.nan
    part[3, 80] = np.nan
    history = daily(part)
    opening = history.calendar.values[OPEN]
    assert (opening[:, 50] == 0).all()
    assert opening[3, 80] == 255
    assert history.closed_days()[:, 50].all()
    assert history.closed_days().sum() == 8


def test_what_a_fold_knows_of_opening_ends_with_its_cutoff() -> None:
    part = sales(1)
    part[0, SUNDAYS & (np.arange(N_DAYS) < 70)] = np.nan  # it opens on Sundays since lately
    history = daily(part)
    assert open_ahead(history.until(history.first_day + 69)) == WEEK_WITHOUT_SUNDAY
    assert open_ahead(history) == [True] * 7


def test_where_nobody_says_when_stores_open_their_habit_is_no_assumption() -> None:
    plain, told = daily(sales()), daily(sales(), mapped=TOLD, columns={"open": np.ones((3, N_DAYS))})
    for history, assumed in ((plain, False), (told, True)):
        window = history.calendar.window(np.arange(3), history.last_day + 1, history.last_day + 7)
        assert (window.assumed == assumed).all()


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("began", [True, False])
def test_a_store_that_changed_its_week_half_a_year_ago_opens_as_it_does_now(how: str, *, began: bool) -> None:
    n_days = 1094
    days = np.arange(n_days)
    closed = np.tile((days % 7 == 6) & ((days < n_days - 180) == began), (3, 1))
    history = written(RNG.uniform(900.0, 1100.0, closed.shape), closed, how)
    assert open_ahead(history) == ([True] * 7 if began else WEEK_WITHOUT_SUNDAY)


@pytest.mark.parametrize("how", ["zero rows", "told"])
def test_a_store_that_was_shut_for_half_a_year_has_not_changed_its_week(how: str) -> None:
    n_days = 800
    closed = np.zeros((3, n_days), dtype=bool)
    closed[0, -180:] = True
    closed[:, np.arange(n_days) % 7 == 6] = True
    assert open_ahead(written(RNG.uniform(900.0, 1100.0, closed.shape), closed, how)) == WEEK_WITHOUT_SUNDAY


@pytest.mark.parametrize("n_days", [10, 30, 60, 90])
@pytest.mark.parametrize("rate", [0.8, 1.0, 2.0])
def test_chance_closes_no_weekday_of_a_young_slow_seller(n_days: int, rate: float) -> None:
    sold = np.random.default_rng(30).poisson(rate, (200, n_days)).astype(float)
    assert (~daily(sold).calendar.usual_open).mean() < 0.03


@pytest.mark.parametrize("how", ["zero rows", "told"])
def test_one_odd_day_of_a_young_store_closes_no_weekday(how: str) -> None:
    part, closed = sales(10), np.zeros((10, N_DAYS), dtype=bool)
    part[0, :-10] = np.nan
    closed[0, -4] = True
    assert open_ahead(written(part, closed, how)) == [True] * 7


@pytest.mark.parametrize("as_flag", [True, False])
def test_a_few_lost_rows_are_no_reason_to_close_on_days_of_a_new_kind(*, as_flag: bool) -> None:
    lost = np.zeros((60, N_DAYS), dtype=bool)
    lost[[3, 17, 40], [20, 71, 111]] = True
    part = np.where(lost, np.nan, sales(60))
    mapped = replace(PLAIN, flags={"school": "school"}) if as_flag else WITH_HOLIDAYS
    name, words = ("school", np.array([0, 1])) if as_flag else ("holiday", np.array(["none", "public"]))
    columns, ahead = np.zeros(part.shape, dtype=int), np.zeros((60, 14), dtype=int)
    ahead[:, 2:4] = 1
    history = daily(part, mapped=mapped, columns={name: words[columns]}, ahead={name: words[ahead]})
    assert open_ahead(history) == [True] * 7


def test_more_days_of_a_new_kind_than_there_were_closures_are_something_else() -> None:
    closed = np.zeros((3, N_DAYS), dtype=bool)
    closed[:, HOLIDAYS] = True
    part = np.where(closed, np.nan, sales())
    mapped = replace(PLAIN, flags={"school": "school"})
    ahead = {"school": np.ones((3, 14))}
    assert open_ahead(daily(part, mapped=mapped, columns={"school": np.zeros(part.shape)}, ahead=ahead)) == [True] * 7
