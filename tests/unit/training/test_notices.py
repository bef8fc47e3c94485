"""What is told of an input that can be trained on."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from fleet import Calendar, Column
from fleet.arrays import AnyArray, FloatArray, day_numbers, weekdays
from fleet.calendar import OPEN, UNKNOWN
from training.history import History
from training.mapping import ROSSMANN
from training.notices import (
    SHOWN_PER_KIND,
    Notices,
    calendar_end,
    groups_unknown,
    ids_alike,
    kinds_assumed,
    merged,
    notices_of_stores,
)
from training.tables import TRAIN, table_of

FIRST = int(day_numbers("2015-01-01"))
N_DAYS, AHEAD = 60, 14
COLUMNS = (Column(OPEN, "flag"), Column("promo", "flag"), Column("price", "number"))


def chain(n_stores: int = 3, n_days: int = N_DAYS, ahead: int = AHEAD) -> History:
    """Stores 1, 2, 3 ... with a row of every day, and a calendar of the days ahead."""
    shape = (n_stores, n_days + ahead)
    values: dict[str, AnyArray] = {
        OPEN: np.ones(shape, dtype=np.uint8),
        "promo": np.zeros(shape, dtype=np.uint8),
        "price": np.full(shape, 3.0, dtype=np.float32),
    }
    calendar = Calendar(
        FIRST, COLUMNS, values, np.ones((n_stores, 7), dtype=np.bool_), {"price": np.full(n_stores, 3.0)}
    )
    ids = tuple(str(place + 1) for place in range(n_stores))
    return History(ids, np.full(n_stores, "all"), np.full((n_stores, n_days), 100.0), calendar)


def with_sales(history: History, row: int, days: slice, value: float = np.nan) -> History:
    sales: FloatArray = history.sales.copy()
    sales[row, days] = value
    return replace(history, sales=sales)


def with_calendar(history: History, name: str, row: int, days: slice) -> History:
    values = {column: part.copy() for column, part in history.calendar.values.items()}
    values[name][row, days] = np.nan if name == "price" else UNKNOWN
    return replace(history, calendar=replace(history.calendar, values=values))


def notices_of(history: History, horizon_days: int) -> Notices:
    of_chain = [ids_alike(history.store_ids), calendar_end(history.last_day, history.calendar.last_day, horizon_days)]
    return merged([notices_of_stores(history, horizon_days), *of_chain])


def told(history: History, horizon_days: int = AHEAD) -> list[dict[str, object]]:
    return notices_of(history, horizon_days).to_plain()


def test_of_an_ordinary_chain_there_is_nothing_to_say() -> None:
    assert told(chain()) == []


def test_a_past_day_without_a_kind_is_told_as_taken_for_ordinary() -> None:
    rows = {"store_id": ["1", "2", "2", "2"], "ds": ["2015-01-01"] * 2 + ["2015-01-02", "2015-01-03"]}
    table = table_of(pa.table({**rows, "y": [1, 2, 3, 4], "state_holiday": ["a", "0", "", None]}), TRAIN, ROSSMANN)
    (notice,) = kinds_assumed(table).to_plain()
    assert (notice["store"], notice["date"], notice["column"]) == ("2", "2015-01-02", "state_holiday")
    assert notice["what"] == "2 days without a value, this the first written: taken for ordinary"


def test_a_store_without_a_value_that_groups_it_is_told_with_its_group() -> None:
    (notice,) = groups_unknown(["1", "2"], ["a/b", "?/b"], "?").to_plain()
    assert (notice["store"], notice["column"]) == ("2", "group")
    assert str(notice["what"]).endswith("the group ?/b")


def test_a_gap_is_told_with_its_first_day_and_its_length() -> None:
    history = with_sales(with_sales(chain(), 1, slice(10, 14)), 1, slice(30, 31))
    assert told(history) == [
        {
            "kind": "gap",
            "store": "2",
            "date": "2015-01-11",
            "column": "ds",
            "what": "5 days without a row, from this day to 2015-01-31: they are left out of the fit, not filled",
        }
    ]


def test_days_before_a_store_opened_and_weekdays_that_it_never_opens_on_are_no_gap() -> None:
    history = with_sales(chain(), 0, slice(0, 20))
    sundays = weekdays(history.days) == 6
    assert told(replace(history, sales=np.where(sundays, np.nan, history.sales))) == []


def test_a_history_that_ends_before_the_chains_is_told() -> None:
    (notice,) = told(with_sales(chain(), 2, slice(N_DAYS - 30, None)))
    assert (notice["kind"], notice["store"], notice["date"]) == ("history-ended", "3", "2015-01-31")
    assert told(with_sales(chain(), 2, slice(N_DAYS - 20, None))) == []


def test_a_store_without_history_is_told_to_be_answered_by_its_group() -> None:
    (notice,) = told(with_sales(chain(), 0, slice(None)))
    assert (notice["kind"], notice["store"], notice["column"]) == ("no-history", "1", "y")
    assert "answered by the curve of its group" in str(notice["what"])


def test_a_store_that_the_calendar_forgets_is_told() -> None:
    history = chain()
    for name in (OPEN, "promo", "price"):
        history = with_calendar(history, name, 1, slice(N_DAYS, None))
    (notice,) = told(history)
    assert (notice["kind"], notice["store"], notice["date"]) == ("no-calendar", "2", "2015-03-02")
    assert "usual opening" in str(notice["what"])


def test_a_store_whose_calendar_ends_first_is_told_from_which_day_on() -> None:
    history = chain()
    for name in (OPEN, "promo", "price"):
        history = with_calendar(history, name, 1, slice(N_DAYS + 5, None))
    (notice,) = told(history)
    assert (notice["kind"], notice["store"], notice["date"]) == ("short-calendar", "2", "2015-03-07")


def test_a_hole_in_a_calendar_is_told_with_its_first_day() -> None:
    history = chain()
    for name in (OPEN, "promo", "price"):
        history = with_calendar(history, name, 1, slice(N_DAYS + 5, N_DAYS + 8))
    (notice,) = told(history)
    assert (notice["kind"], notice["store"], notice["date"]) == ("calendar-holes", "2", "2015-03-07")
    assert str(notice["what"]).startswith("3 days that its calendar leaves out")


def test_a_store_that_never_sold_is_told() -> None:
    history = chain()
    sales = history.sales.copy()
    sales[1] = 0.0
    (notice,) = told(replace(history, sales=sales))
    assert (notice["kind"], notice["store"], notice["column"]) == ("no-sales", "2", "y")


def test_a_calendar_shorter_than_the_horizon_is_told_once() -> None:
    (notice,) = told(chain(), horizon_days=42)
    assert (notice["kind"], notice["store"], notice["date"]) == ("calendar-ends", "", "2015-03-16")
    assert "wanted through 2015-04-12, the calendar is known through 2015-03-15" in str(notice["what"])


def test_no_calendar_at_all_is_one_notice_not_one_a_store() -> None:
    (notice,) = told(chain(ahead=0), horizon_days=42)
    assert (notice["kind"], notice["date"]) == ("calendar-ends", "2015-03-02")
    assert "has no day after the history" in str(notice["what"])
    assert calendar_end(FIRST, FIRST, 0).to_plain() == []


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("price", "the store's usual, 3"),
        ("promo", "none"),
        (OPEN, "its usual opening by weekday"),
    ],
)
def test_an_empty_cell_that_is_repaired_is_told(name: str, instead: str) -> None:
    (notice,) = told(with_calendar(chain(), name, 2, slice(N_DAYS + 3, N_DAYS + 5)))
    assert (notice["kind"], notice["store"], notice["date"], notice["column"]) == (
        "value-assumed",
        "3",
        "2015-03-05",
        name,
    )
    assert notice["what"] == f"2 days without a value, this the first: taken for {instead}"


def test_a_number_without_a_value_in_the_past_is_told() -> None:
    (notice,) = told(with_calendar(chain(), "price", 0, slice(5, 8)))
    assert (notice["date"], notice["what"]) == (
        "2015-01-06",
        "3 days without a value, this the first: taken for the store's usual, 3",
    )


def test_ids_that_differ_in_leading_zeros_only_are_told() -> None:
    (notice,) = ids_alike(("7", "007", "70", "0070", "x", "0x", "07")).to_plain()[:1]
    assert (notice["kind"], notice["store"], notice["column"]) == ("ids-alike", "7", "store_id")
    assert str(notice["what"]).startswith("7, 07, 007 are taken for different stores")
    assert ids_alike(("1", "10", "100", "0", "a")).to_plain() == []


def test_of_each_kind_a_few_are_named_and_all_counted() -> None:
    history = chain(20)
    for row in range(8):
        history = with_sales(history, row, slice(5, 9))
    found = notices_of(history, AHEAD)
    assert found.counts == {"gap": 8}
    entries = found.to_plain()
    assert [entry["store"] for entry in entries] == ["1", "2", "3", "4", "5", ""]
    assert (entries[-1]["what"], entries[-1]["more"]) == ("and 3 more stores", 3)


def test_parts_of_a_chain_tell_the_same_as_the_whole() -> None:
    history = chain(30)
    for row in range(0, 30, 2):
        history = with_sales(history, row, slice(5, 9))
    whole = notices_of_stores(history, AHEAD)
    parts = []
    for remainder in (2, 0, 1):
        rows = np.arange(30)[np.arange(30) % 3 == remainder]
        values = {name: part[rows] for name, part in history.calendar.values.items()}
        calendar = replace(history.calendar, values=values)
        ids = tuple(history.store_ids[row] for row in rows)
        part = replace(
            history, store_ids=ids, groups=history.groups[rows], sales=history.sales[rows], calendar=calendar
        )
        parts.append(notices_of_stores(part, AHEAD))
    assert merged(parts) == whole
    assert whole.counts == {"gap": 15}
    assert len(whole.shown) == SHOWN_PER_KIND
