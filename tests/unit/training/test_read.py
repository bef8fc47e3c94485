"""Reading and validating at the door: every problem in one report, any layout by a mapping."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import chains

from training.errors import DataError
from training.history import natural_order
from training.mapping import read_mapping
from training.read import read_history

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
    ):
        assert wanted in text
    table = pd.read_csv(tmp_path / "data-problems.csv")
    assert len(table) == 9
    assert caught.value.exit_code == 2


def test_missing_columns_and_unknown_stores_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"column promo: wanted a column 'Promo', got columns Store, Date"):
        read(tmp_path, train=TRAIN.replace("Promo", "Offer"))
    with pytest.raises(DataError, match=r"store 10.*column store_id: wanted a row in the store table"):
        read(tmp_path, stores="Store,StoreType,Assortment\n2,a,b\n7,a,b\n")
    with pytest.raises(DataError, match="wanted one row a store"):
        read(tmp_path, stores=STORES + "2,a,b\n")
    with pytest.raises(DataError, match="wanted a day after this store's history"):
        read(tmp_path, ahead=AHEAD.replace("2015-01-07", "2015-01-06"))
    with pytest.raises(DataError, match="at least one open day with sales"):
        read(tmp_path, train=TRAIN.splitlines()[0] + "\n2,2015-01-06,0,0,0,0,0\n")
    with pytest.raises(DataError, match="at least one row"):
        read(tmp_path, train=TRAIN.splitlines()[0] + "\n")


def test_many_rows_of_one_kind_are_counted_not_listed(tmp_path: Path) -> None:
    rows = "".join(f"2,2014-0{1 + i // 28}-{1 + i % 28:02d},-1,1,0,0,0\n" for i in range(100))
    with pytest.raises(DataError) as caught:
        read(tmp_path, train=TRAIN + rows)
    text = str(caught.value)
    assert text.startswith("the input has 100 problems")
    assert "... and 95 more of y: wanted sales of 0 or more" in text
    assert len(text.splitlines()) == 7


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
