"""What is told of an input that can be trained on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fleet import Calendar, Column
from fleet.arrays import AnyArray, FloatArray, day_numbers, weekdays
from fleet.calendar import OPEN, UNKNOWN
from training.checks.notices import (
    FILE,
    Notices,
    calendar_end,
    groups_unknown,
    ids_alike,
    kinds_assumed,
    merged,
)
from training.checks.store_notices import notices_of_stores
from training.checks.validate import SHOWN_PER_KIND
from training.history.history import History
from training.sources.mapping import ROSSMANN
from training.sources.tables import TRAIN, table_of

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


def without_rows(history: History, row: int, days: slice) -> History:
    sales: FloatArray = history.sales.copy()
    sales[row, days] = np.nan
    opening = history.calendar.values[OPEN].copy()
    opening[row, : sales.shape[1]][days] = UNKNOWN
    calendar = replace(history.calendar, values={**history.calendar.values, OPEN: opening})
    return replace(history, sales=sales, calendar=calendar)


def with_nothing_sold(history: History, row: int, days: slice) -> History:
    sales: FloatArray = history.sales.copy()
    sales[row, days] = 0.0
    return replace(history, sales=sales)


def with_calendar(history: History, name: str, row: int, days: slice) -> History:
    values = {column: part.copy() for column, part in history.calendar.values.items()}
    values[name][row, days] = np.nan if name == "price" else UNKNOWN
    return replace(history, calendar=replace(history.calendar, values=values))


def notices_of(history: History, horizon_days: int) -> Notices:
    of_chain = [ids_alike(history.store_ids), calendar_end(history.last_day, history.calendar.last_day, horizon_days)]
    return merged([notices_of_stores(history, horizon_days), *of_chain])


def plain(notices: Notices) -> list[dict[str, object]]:
    return [notice.to_plain() for notice in notices.shown()]


def told(history: History, horizon_days: int = AHEAD) -> list[dict[str, object]]:
    return plain(notices_of(history, horizon_days))


def test_of_an_ordinary_chain_there_is_nothing_to_say() -> None:
    assert told(chain()) == []


def test_a_past_day_without_a_kind_is_told_as_taken_for_ordinary() -> None:
    rows = {"store_id": ["1", "2", "2", "2"], "ds": ["2015-01-01"] * 2 + ["2015-01-02", "2015-01-03"]}
    table = table_of(pa.table({**rows, "y": [1, 2, 3, 4], "state_holiday": ["a", "0", "", None]}), TRAIN, ROSSMANN)
    (notice,) = plain(kinds_assumed(table))
    assert (notice["store"], notice["date"], notice["column"]) == ("2", "2015-01-02", "state_holiday")
    assert notice["what"] == "2 days without a value, this is the first: treated as ordinary"


def test_a_store_without_a_value_that_groups_it_is_told_with_its_group() -> None:
    (notice,) = plain(groups_unknown(["1", "2"], ["a/b", "?/b"], "?"))
    assert (notice["store"], notice["column"]) == ("2", "group")
    assert str(notice["what"]).endswith("the group ?/b")


def test_a_gap_is_told_with_its_first_day_and_its_length() -> None:
    history = without_rows(without_rows(chain(), 1, slice(30, 34)), 1, slice(10, 11))
    assert told(history) == [
        {
            "kind": "gap",
            "store": "2",
            "date": "2015-01-31",
            "column": "ds",
            "what": "no row for 4 days, from this day to 2015-02-03, its longest gap; 5 open days in all: left out of "
            "the fit, not filled",
        }
    ]


def test_the_longest_gap_of_a_chain_comes_first() -> None:
    history = chain(12)
    for row in range(12):
        history = without_rows(history, row, slice(20, 22 + (row == 10) * 20))
    entries = told(history)
    assert [entry["store"] for entry in entries] == ["11", "1", "2", "3", "4", ""]
    assert str(entries[0]["what"]).startswith("no row for 22 days, from this day to 2015-02-11")


def test_a_closed_day_within_a_gap_does_not_end_it() -> None:
    history = without_rows(chain(), 1, slice(10, 40))
    usual = history.calendar.usual_open.copy()
    usual[:, 6] = False
    (notice,) = told(replace(history, calendar=replace(history.calendar, usual_open=usual)))
    assert str(notice["what"]).startswith("no row for 29 days, from this day to 2015-02-09")
    assert notice["date"] == "2015-01-12"


def test_many_single_days_without_a_row_may_be_days_on_which_nothing_was_sold() -> None:
    history = chain(ahead=0)
    for place in range(1, N_DAYS - 1, 3):
        history = without_rows(history, 0, slice(place, place + 1))
    (notice,) = told(history, horizon_days=0)
    assert "If nothing was sold on them, write them with 0" in str(notice["what"])


def test_days_before_a_store_opened_and_weekdays_that_it_never_opens_on_are_no_gap() -> None:
    history = without_rows(chain(), 0, slice(0, 20))
    for place in np.flatnonzero(weekdays(history.days) == 6):
        for row in range(3):
            history = without_rows(history, row, slice(place, place + 1))
    assert told(history) == []


def test_days_of_a_kind_on_which_a_store_never_opens_are_no_gap() -> None:
    history = without_rows(chain(), 1, slice(30, 31))
    promo = history.calendar.values["promo"].copy()
    promo[:, 30] = 1
    closed = {"promo": np.broadcast_to([False, True], (3, 2))}
    calendar = replace(history.calendar, values={**history.calendar.values, "promo": promo}, usually_closed=closed)
    assert told(replace(history, calendar=calendar)) == []


def test_a_store_that_sells_nothing_any_more_is_told() -> None:
    (notice,) = told(with_nothing_sold(chain(), 2, slice(N_DAYS - 30, None)))
    assert (notice["kind"], notice["store"], notice["date"]) == ("sales-ended", "3", "2015-01-31")
    assert told(with_nothing_sold(chain(), 2, slice(N_DAYS - 20, None))) == []


def test_where_nobody_says_when_stores_open_their_calendar_is_what_else_is_known() -> None:
    history = chain()
    opening = history.calendar.values[OPEN].copy()
    opening[:, N_DAYS:] = UNKNOWN
    calendar = replace(history.calendar, values={**history.calendar.values, OPEN: opening}, open_told=False)
    assert told(replace(history, calendar=calendar)) == []


def test_a_history_that_ends_before_the_chains_is_told() -> None:
    (notice,) = told(without_rows(chain(), 2, slice(N_DAYS - 30, None)))
    assert (notice["kind"], notice["store"], notice["date"]) == ("history-ended", "3", "2015-01-31")
    assert told(without_rows(chain(), 2, slice(N_DAYS - 20, None))) == []


def test_a_store_without_history_is_told_to_be_answered_by_its_group() -> None:
    (notice,) = told(without_rows(chain(), 0, slice(None)))
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
    (notice,) = told(with_nothing_sold(chain(), 1, slice(None)))
    assert (notice["kind"], notice["store"], notice["column"]) == ("no-sales", "2", "y")


def test_a_calendar_shorter_than_the_horizon_is_told_once() -> None:
    (notice,) = told(chain(), horizon_days=42)
    assert (notice["kind"], notice["store"], notice["date"]) == ("calendar-ends", "", "2015-03-16")
    assert "wanted through 2015-04-12, the calendar is known through 2015-03-15" in str(notice["what"])


def test_what_is_missing_without_a_calendar_is_named_with_what_comes_of_it() -> None:
    (notice,) = plain(calendar_end(FIRST, FIRST, 42, ["promo", "state_holiday"]))
    assert "none of promo, state_holiday, so that totals are off" in str(notice["what"])
    assert "--calendar" in str(notice["what"])


def test_a_store_without_history_that_the_calendar_forgets_is_told_so() -> None:
    history = without_rows(chain(), 1, slice(None))
    for name in (OPEN, "promo", "price"):
        history = with_calendar(history, name, 1, slice(N_DAYS, None))
    assert {"no-history", "no-calendar"} <= {entry["kind"] for entry in told(history)}


def test_no_calendar_at_all_is_one_notice_not_one_a_store() -> None:
    (notice,) = told(chain(ahead=0), horizon_days=42)
    assert (notice["kind"], notice["date"]) == ("calendar-ends", "2015-03-02")
    assert "has no day after the history" in str(notice["what"])
    assert plain(calendar_end(FIRST, FIRST, 0)) == []


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
    assert notice["what"] == f"2 days without a value, this is the first: treated as {instead}"


def test_a_number_without_a_value_in_the_past_is_told() -> None:
    (notice,) = told(with_calendar(chain(), "price", 0, slice(5, 8)))
    assert (notice["date"], notice["what"]) == (
        "2015-01-06",
        "3 days without a value, this is the first: treated as the store's usual, 3",
    )


def test_ids_that_differ_in_leading_zeros_only_are_told() -> None:
    notice = plain(ids_alike(("7", "007", "70", "0070", "x", "0x", "07")))[0]
    assert (notice["kind"], notice["store"], notice["column"]) == ("ids-alike", "7", "store_id")
    assert str(notice["what"]).startswith("7, 07, 007 are treated as different stores")
    assert plain(ids_alike(("1", "10", "100", "0", "a"))) == []


def test_of_each_kind_a_few_are_named_and_all_counted() -> None:
    history = chain(20)
    for row in range(8):
        history = without_rows(history, row, slice(5, 9))
    found = notices_of(history, AHEAD)
    assert found.counts() == {("gap", "ds"): 8}
    entries = plain(found)
    assert [entry["store"] for entry in entries] == ["1", "2", "3", "4", "5", ""]
    assert (entries[-1]["what"], entries[-1]["more"]) == ("and 3 more stores: all of them are in notices.csv", 3)


def test_empty_cells_of_two_columns_are_counted_apart() -> None:
    history = chain(8)
    for row in range(8):
        for name in ("price", "promo"):
            history = with_calendar(history, name, row, slice(N_DAYS + 3, N_DAYS + 4))
    more = [(entry["column"], entry["more"]) for entry in told(history) if "more" in entry]
    assert more == [("price", 3), ("promo", 3)]


def test_a_file_has_every_notice(tmp_path: Path) -> None:
    history = chain(20)
    for row in range(8):
        history = without_rows(history, row, slice(5, 9))
    notices_of(history, AHEAD).save(tmp_path)
    table = pd.read_csv(tmp_path / FILE, dtype=str)
    assert table.columns.tolist() == ["kind", "store", "date", "column", "what"]
    assert table["store"].tolist() == [str(row + 1) for row in range(8)]
    Notices().save(tmp_path)
    assert pd.read_csv(tmp_path / FILE).empty


def test_parts_of_a_chain_tell_the_same_as_the_whole() -> None:
    history = chain(30)
    for row in range(0, 30, 2):
        history = without_rows(history, row, slice(5, 9))
    whole = notices_of_stores(history, AHEAD)
    parts = []
    for remainder in (2, 0, 1):
        rows = np.arange(30)[np.arange(30) % 3 == remainder]
        parts.append(notices_of_stores(history.rows(rows), AHEAD))
    assert merged(parts) == whole
    assert whole.counts() == {("gap", "ds"): 15}
    assert len(whole.shown()) == SHOWN_PER_KIND + 1
