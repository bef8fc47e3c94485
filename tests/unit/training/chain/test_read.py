"""Reading and validating at the door: every problem in one report, any layout by a mapping."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.training import chains

from benchmarks.small_chains import read_history
from fleet.calendar import UNKNOWN
from training.checks.validate import KEPT_PER_KIND, Problem, Report
from training.errors import DataError
from training.history.history import natural_order
from training.sources.mapping import read_mapping

TRAIN = """Store,Date,Sales,Open,Promo,StateHoliday,SchoolHoliday
2,2015-01-05,100,1,1,0,0
10,2015-01-05,200,1,0,a,1
2,2015-01-06,0,0,0,0,0
10,2015-01-06,210,1,0,,0
"""
STORES = "Store,StoreType,Assortment\n2,a,b\n10,c,a\n7,a,b\n"
AHEAD = "Store,Date,Open,Promo,StateHoliday,SchoolHoliday\n2,2015-01-07,1,1,0,0\n7,2015-01-08,,,b,\n"


def write(folder: Path, **tables: str) -> dict[str, Path]:
    paths = {name: folder / f"{name}.csv" for name in ("train", "stores", "ahead")}
    for name, text in {"train": TRAIN, "stores": STORES, "ahead": AHEAD, **tables}.items():
        paths[name].write_text(text)
    return paths


def read(folder: Path, **tables: str) -> object:
    paths = write(folder, **tables)
    return read_history(paths["train"], paths["stores"], paths["ahead"], problems_in=folder)


def test_a_chain_becomes_a_panel_in_natural_order(tmp_path: Path) -> None:
    paths = write(tmp_path)
    history = read_history(paths["train"], paths["stores"], paths["ahead"], problems_in=tmp_path)
    assert history.store_ids == ("2", "7", "10")
    assert history.groups.tolist() == ["a/b", "a/b", "c/a"]
    np.testing.assert_array_equal(history.sales, [[100, 0], [np.nan, np.nan], [200, 210]])
    assert history.fitted_days().tolist() == [[True, False], [False, False], [True, True]]
    assert history.calendar.values["open"].tolist() == [[1, 0, 1, 255], [255] * 4, [1, 1, 255, 255]]
    assert history.calendar.column("state_holiday").labels == ("0", "a", "b")
    assert history.calendar.values["state_holiday"].tolist() == [[0, 0, 0, 255], [255, 255, 255, 2], [1, 0, 255, 255]]
    assert history.n_rows == 4


def test_a_store_without_history_opens_as_its_group_does(tmp_path: Path) -> None:
    paths = write(tmp_path)
    history = read_history(paths["train"], paths["stores"], paths["ahead"], problems_in=tmp_path)
    assert history.calendar.usual_open[1].tolist() == history.calendar.usual_open[0].tolist()


def test_gzip_parquet_and_csv_read_the_same(tmp_path: Path) -> None:
    paths = write(tmp_path)
    plain = read_history(paths["train"], paths["stores"], paths["ahead"], problems_in=tmp_path)
    zipped = tmp_path / "train.csv.gz"
    zipped.write_bytes(gzip.compress(TRAIN.encode()))
    parquet = tmp_path / "train.parquet"
    pd.read_csv(paths["train"], parse_dates=["Date"], dtype={"StateHoliday": str}).to_parquet(parquet)
    for other in (zipped, parquet):
        again = read_history(other, paths["stores"], paths["ahead"], problems_in=tmp_path)
        np.testing.assert_array_equal(again.sales, plain.sales)
        assert again.store_ids == plain.store_ids


def test_every_problem_stands_in_one_report_with_store_date_and_column(tmp_path: Path) -> None:
    broken = """Store,Date,Sales,Open,Promo,StateHoliday,SchoolHoliday
2,2015-01-05,abc,1,1,0,0
2,2015-01-05,5,1,1,0,0
10,2015-13-05,200,1,0,a,1
,2015-01-05,200,1,0,a,1
10,2015-01-06,-3,1,7,0,0
10,2015-01-07,50,0,0,0,
11,2015-01-07,50,1,0,0,0
11,1015-01-07,50,1,0,0,0
"""
    with pytest.raises(DataError) as caught:
        read(tmp_path, train=broken)
    text = str(caught.value)
    for wanted in (
        "store 2, date 2015-01-05, column y: wanted a number, got abc",
        "store 2, date 2015-01-05, column ds: wanted one row a store and day",
        "store 10, date 2015-13-05, column ds: wanted a date such as 2015-06-20",
        "column store_id: wanted a store id",
        "store 10, date 2015-01-06, column y: wanted sales of 0 or more, got -3",
        "store 10, date 2015-01-06, column promo: wanted 0 or 1, got 7",
        "store 10, date 2015-01-07, column y: wanted 0 on a closed day, got 50",
        "store 10, date 2015-01-07, column school_holiday: wanted 0 or 1 for every past day",
        "store 11, date 1015-01-07, column ds: wanted a date from 1900-01-01",
        "store 11, date 2015-01-07, column store_id: wanted a row in the store table",
    ):
        assert wanted in text
    table = pd.read_csv(tmp_path / "data-problems.csv")
    assert len(table) == 10
    assert caught.value.exit_code == 2


def test_missing_columns_and_unknown_stores_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"column promo: wanted a column 'Promo', got columns Store, Date"):
        read(tmp_path, train=TRAIN.replace("Promo", "Offer"))
    with pytest.raises(DataError, match=r"store 10.*column store_id: wanted a row in the store table"):
        read(tmp_path, stores="Store,StoreType,Assortment\n2,a,b\n7,a,b\n")
    with pytest.raises(DataError, match="wanted one row a store"):
        read(tmp_path, stores=STORES + "2,a,b\n")
    with pytest.raises(DataError, match="at least one open day with sales"):
        read(tmp_path, train=TRAIN.splitlines()[0] + "\n2,2015-01-06,0,0,0,0,0\n")
    with pytest.raises(DataError, match="at least one row"):
        read(tmp_path, train=TRAIN.splitlines()[0] + "\n")


@pytest.mark.parametrize(
    ("table", "row", "place"),
    [
        ("train", "2,2041-01-07,5,1,0,0,0", "train: store 2, date 2041-01-07"),
        ("train", "10,1915-01-07,5,1,0,0,0", "train: store 10, date 1915-01-07"),
        ("ahead", "7,2115-01-07,1,0,0,0", "calendar: store 7, date 2115-01-07"),
    ],
)
def test_a_mistyped_date_is_a_problem_and_moves_no_other_day(tmp_path: Path, table: str, row: str, place: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, **{table: {"train": TRAIN, "ahead": AHEAD}[table] + row + "\n"})
    assert f"{place}, column ds: wanted a day from 2015-01-05 to" in str(caught.value)
    assert str(caught.value).startswith("the input has 1 problem (")


def test_what_is_shown_of_the_problems_and_what_is_not_add_up_to_their_number(tmp_path: Path) -> None:
    rows = "".join(f"2,2014-0{1 + n // 28}-{1 + n % 28:02d},{n - 17},1,{2 * (n % 4 == 0)},0,0\n" for n in range(100))
    with pytest.raises(DataError) as caught:
        read(tmp_path, train=TRAIN + rows + "2,2015-01-07,abc,1,1,0,0\n")
    told = caught.value.result["problems"]
    assert told["count"] == 17 + 25 + 1
    assert told["count"] == len(told["shown"]) + sum(problem["more"] for problem in told["shown"])
    assert {(problem["what"], problem["more"]) for problem in told["shown"]} >= {
        ("wanted sales of 0 or more", 17 - 5),
        ("wanted 0 or 1", 25 - 5),
        ("wanted a number", 0),
    }


@pytest.mark.parametrize("store_id", ["x" * 257, "ü" * 129])
def test_an_id_longer_than_a_fleet_keeps_is_named_in_every_table(tmp_path: Path, store_id: str) -> None:
    wanted = f"store {store_id}, {{}}column store_id: wanted an id of at most 256 bytes in UTF-8, got {store_id}"
    with pytest.raises(DataError) as caught:
        read(tmp_path, train=f"{TRAIN}{store_id},2015-01-05,5,1,0,0,0\n", stores=f"{STORES}{store_id},a,b\n")
    head, *lines = str(caught.value).splitlines()
    assert head.startswith("the input has 2 problems")
    assert lines == ["  stores: " + wanted.format(""), "  train: " + wanted.format("date 2015-01-05, ")]


def test_the_longest_id_and_group_that_a_fleet_keeps_are_read(tmp_path: Path) -> None:
    store_id, word = "ü" * 128, "ü" * 15
    paths = write(tmp_path, stores=f"{STORES}{store_id},{word},b\n")
    history = read_history(paths["train"], paths["stores"], paths["ahead"], problems_in=tmp_path)
    assert history.store_ids[-1] == store_id
    assert history.groups[-1] == f"{word}/b"


def test_an_unprintable_id_of_the_store_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"stores: store .*: wanted an id of printable characters, got 8\u200b9"):
        read(tmp_path, stores=f"{STORES}8\u200b9,a,b\n")


def test_a_group_longer_than_a_fleet_keeps_is_named_with_its_store(tmp_path: Path) -> None:
    for word in ("Nordrhein-Westfalen-Regierungsbezirk-", "a" + "ü" * 15):
        with pytest.raises(DataError) as caught:
            read(tmp_path, stores=f"{STORES}8,{word},b\n")
        assert "stores: store 8, column group: wanted a group of at most 32 bytes in UTF-8" in str(caught.value)
        assert f"got {word}/b" in str(caught.value)


def test_many_rows_of_one_kind_are_counted_not_listed(tmp_path: Path) -> None:
    rows = "".join(f"2,2014-0{1 + i // 28}-{1 + i % 28:02d},-1,1,0,0,0\n" for i in range(100))
    with pytest.raises(DataError) as caught:
        read(tmp_path, train=TRAIN + rows)
    text = str(caught.value)
    assert text.startswith("the input has 100 problems")
    assert "... and 95 more of y: wanted sales of 0 or more" in text
    hint = "100 days have negative sales, such as returns: --negatives zero takes them for 0, --negatives drop leaves"
    assert text.splitlines()[-1].startswith(hint)
    assert len(text.splitlines()) == 8


def test_of_very_many_rows_of_one_kind_the_first_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    days = pd.date_range(end="2015-01-04", periods=KEPT_PER_KIND + 7).astype(str)
    rows = "".join(f"{store},{day},-1,1,0,0,0\n" for store in (2, 10) for day in days)
    with pytest.raises(DataError) as caught:
        read(tmp_path, train=TRAIN + rows + "2,2015-01-07,abc,1,1,0,0\n")
    head, *lines = str(caught.value).splitlines()
    n_rows = 2 * len(days)
    assert head == f"the input has {n_rows + 1} problems (the first of each kind: {tmp_path / 'data-problems.csv'}):"
    assert f"  ... and {n_rows - 5} more of y: wanted sales of 0 or more" in lines
    assert len(lines) == 6 + 2  # of them a hint
    listed = pd.read_csv(tmp_path / "data-problems.csv")
    assert (listed["column"] == "y").sum() == KEPT_PER_KIND + 1
    assert len(listed) + listed["more"].sum() == n_rows + 1


def test_what_several_workers_counted_is_added_up() -> None:
    problem = Problem("train", "2", "2015-01-05", "y", "wanted a number", "abc")
    lines = list(Report([problem, replace(problem, more=10), problem, replace(problem, more=20)]).lines())
    assert lines[:4] == [f"  {problem}"] * 4
    assert lines[4:] == ["  ... and 30 more of y: wanted a number"]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv"):
        read_history(tmp_path / "nowhere.csv", None, None, problems_in=tmp_path)


def test_another_layout_is_read_through_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(
        '[columns]\nstore_id = "shop"\nds = "day"\ny = "revenue"\n[flags]\npromo = "offer"\n[numbers]\nrain = "mm"\n'
    )
    data = tmp_path / "data.csv"
    data.write_text("shop,day,revenue,offer,mm\nA,2015-01-05,10,1,0.5\nA,2015-01-06,0,0,\nB,2015-01-05,7,0,2.5\n")
    history = read_history(data, None, None, mapped=read_mapping(tmp_path / "m.toml"), problems_in=tmp_path)
    assert history.store_ids == ("A", "B")
    assert history.calendar.values["open"].tolist() == [[1, 0], [1, 255]]
    assert history.calendar.usual_numbers["rain"].tolist() == [0.5, 2.5]


def test_every_mistake_of_a_mapping_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(
        '[columns]\nstore_id = "shop"\nsales = "x"\n[flag]\n[numbers]\nrain = 3\n[kinds]\nh = { none = "0" }\n'
    )
    with pytest.raises(DataError) as caught:
        read_mapping(path)
    for wanted in (
        "wants ds",
        "wants y",
        "unknown name sales",
        "[flag]; did you mean flags?",
        "rain: wanted",
        "h: wanted",
    ):
        assert wanted in str(caught.value)
    path.write_text("not toml [")
    with pytest.raises(DataError, match="cannot read the column mapping"):
        read_mapping(path)


def test_stores_are_listed_as_people_list_them() -> None:
    names = np.array(["10", "b", "2", "a10", "1"])
    assert names[natural_order(names)].tolist() == ["1", "2", "10", "a10", "b"]


def test_a_cutoff_hides_later_sales_and_keeps_the_plan(tmp_path: Path) -> None:
    history = chains.history(tmp_path, n_days=120)
    cut = history.until(history.last_day - 42)
    assert cut.sales.shape[1] == 120 - 42
    assert cut.last_day == history.last_day - 42
    assert cut.calendar.last_day == history.calendar.last_day


def test_a_cutoff_knows_as_much_of_the_days_ahead_as_the_history_does(tmp_path: Path) -> None:
    history = chains.history(tmp_path, n_days=120)
    ahead = history.calendar.last_day - history.last_day
    cut = history.until(history.last_day - 60)
    known = cut.sales.shape[1] + ahead
    for name, values in cut.calendar.values.items():
        np.testing.assert_array_equal(values[:, :known], history.calendar.values[name][:, :known])
        assert (values[:, known:] == UNKNOWN).all()


def test_opening_that_was_read_off_the_sales_is_not_known_before_them(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text('[columns]\nstore_id = "shop"\nds = "day"\ny = "revenue"\n')
    rows = "".join(f"A,2015-01-{day:02d},{day % 3}\n" for day in range(1, 31))
    (tmp_path / "data.csv").write_text(f"shop,day,revenue\n{rows}")
    mapped = read_mapping(tmp_path / "m.toml")
    history = read_history(tmp_path / "data.csv", None, None, mapped=mapped, problems_in=tmp_path)
    opening = history.until(history.last_day - 10).calendar.values["open"]
    assert (opening[:, :20] != UNKNOWN).all()
    assert (opening[:, 20:] == UNKNOWN).all()


@pytest.mark.parametrize(("mark", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_a_file_with_another_separator_is_told_so(tmp_path: Path, mark: str, word: str) -> None:
    with pytest.raises(DataError, match=f"separated by {word}, save it with commas"):
        read(tmp_path, train=TRAIN.replace(",", mark))


def test_a_column_that_only_the_calendar_has_is_asked_for_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the calendar has it, and the history needs it too: join it by store and day"):
        read(tmp_path, train=TRAIN.replace("Promo", "Offer"))
