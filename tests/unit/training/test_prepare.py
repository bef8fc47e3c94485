"""From sources to a chain that can be trained on: what is taken, what is left out, and what is said of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.small_chains import read_history
from fleet.arrays import as_dates
from fleet.calendar import UNKNOWN
from training.checks.clean import LOST_SHARE
from training.errors import DataError
from training.history.history import History
from training.options import Quiet, Stages, TrainingOptions
from training.prepare import Prepared, partition, prepare
from training.sources.mapping import read_mapping

COLUMNS = '[columns]\nstore_id = "shop"\nds = "day"\ny = "sales"\nopen = "is_open"\n'


def prepared(folder: Path, mapping: str, train: Path, ahead: Path | None = None, **options: Any) -> Prepared:  # noqa: ANN401
    (folder / "m.toml").write_text(mapping)
    mapped = read_mapping(folder / "m.toml")
    told = TrainingOptions(train, None, ahead, folder, "", mapped=mapped, **{"test_days": 0, **options})
    return prepare(told, partition(told, folder / "parts"), Stages(Quiet()))


def history_of(chain: Prepared) -> History:
    """The panel of a chain that is one partition."""
    (part,) = chain.parts
    return part.history(chain.chain)


def saved(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("none", ["", "none", "0.0"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_cell_that_a_mapping_calls_none_is_an_ordinary_day_and_nothing_is_assumed(
    tmp_path: Path, none: str, suffix: str
) -> None:
    ordinary, feast = {"": (None, "feast"), "none": ("none", "feast"), "0.0": (0.0, 1.0)}[none]
    days = pd.date_range("2015-01-05", periods=60)
    cells = [feast if day == pd.Timestamp("2015-02-02") else ordinary for day in days]
    table = pd.DataFrame({"shop": "A", "day": days, "sales": 5.0, "is_open": 1, "holiday": cells})
    past = table["day"] <= pd.Timestamp("2015-02-20")
    chain = prepared(
        tmp_path,
        f'{COLUMNS}[kinds]\nholiday = {{ column = "holiday", none = "{none}" }}\n',
        saved(table[past], tmp_path / f"train.{suffix}"),
        saved(table[~past], tmp_path / f"ahead.{suffix}"),
    )
    values = history_of(chain).calendar.values["holiday"][0].tolist()
    assert values == [int(cell == feast) for cell in cells]
    assert not notices(chain, "value-assumed")


MAPPING = f'{COLUMNS}[flags]\npromo = "promo"\n[kinds]\nholiday = "holiday"\n[numbers]\nrain = "rain"\n'
N_PAST, N_AHEAD = 60, 14
DAY, NEXT_DAY, AHEAD = "2015-01-14", "2015-01-15", "2015-03-10"

Cell = tuple[str, str, str, str]
"""Shop, day, column, what is written there."""


def tables(*cells: Cell) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A history and a calendar of the days ahead as text, of three shops without a fault but for some cells."""
    days = [str(day.date()) for day in pd.date_range("2015-01-05", periods=N_PAST + N_AHEAD)]
    rows = [
        {
            "shop": shop,
            "day": day,
            "sales": str(100 + n % 7),
            "is_open": "1",
            "promo": str(int(n % 5 == 0)),
            "holiday": "a" if n % 30 == 3 else "0",
            "rain": str(n % 9),
        }
        for shop in "ABC"
        for n, day in enumerate(days)
    ]
    whole = pd.DataFrame(rows)
    for shop, day, column, cell in cells:
        there = (whole["shop"] == shop) & (whole["day"] == day)
        assert there.sum() == 1
        whole.loc[there, column] = cell
    past = np.tile(np.arange(N_PAST + N_AHEAD) < N_PAST, 3)
    return whole[past].reset_index(drop=True), whole[~past].drop(columns="sales").reset_index(drop=True)


def read(folder: Path, train: pd.DataFrame, ahead: pd.DataFrame | None = None, **options: Any) -> Prepared:  # noqa: ANN401
    calendar = None if ahead is None else saved(ahead, folder / "ahead.csv")
    return prepared(folder, MAPPING, saved(train, folder / "train.csv"), calendar, **options)


def notices(chain: Prepared, kind: str) -> list[tuple[str, str, str, str]]:
    """Store, date, column and text of each notice of a kind."""
    found = [notice for notice in chain.notices.all if notice.kind == kind]
    return [(notice.store, notice.date, notice.column, notice.what) for notice in found]


def same_panel(one: History, other: History) -> bool:
    own, its = one.calendar.values, other.calendar.values
    return (
        one.store_ids == other.store_ids
        and one.open_told == other.open_told
        and one.sales.tobytes() == other.sales.tobytes()
        and {name: own[name].tobytes() for name in own} == {name: its[name].tobytes() for name in its}
    )


def places(history: History, code: int) -> list[tuple[int, str]]:
    """Row and date of each cell of the panel of opening with that code."""
    found = np.argwhere(history.calendar.values["open"] == code)
    dates = as_dates(history.first_day + found[:, 1]).astype(str)
    return list(zip(found[:, 0].tolist(), dates.tolist(), strict=True))


BAD = (
    ("sales", "", "wanted a number, got nothing"),
    ("sales", "NA", "wanted a number, got NA"),
    ("sales", "many", "wanted a number, got many"),
    ("sales", "inf", "wanted a number, got inf"),
    ("sales", "1e16", "wanted sales of at most 1e+15, got 1e16"),
    ("is_open", "0", "wanted 0 on a closed day, got 102"),
    ("is_open", "perhaps", "wanted 0 or 1, got perhaps"),
    ("promo", "", "wanted 0 or 1 for every past day, got nothing"),
    ("promo", "3", "wanted 0 or 1, got 3"),
    ("rain", "wet", "wanted a finite number, got wet"),
    ("day", "2015-02-30", "wanted a date such as 2015-06-20, got 2015-02-30"),
    ("day", "2015-01", "wanted a date such as 2015-06-20, got 2015-01"),
    ("day", "2015", "wanted a date such as 2015-06-20, got 2015"),
    ("day", "14.01.2015", "wanted a date such as 2015-06-20, got 14.01.2015"),
    ("day", "2015-01-14 13:00", "wanted whole days: sum the sales of a day first, got 2015-01-14 13:00"),
    ("day", "2115-01-14", "wanted a day from 2015-01-05 to 2015-03-05"),
    ("day", NEXT_DAY, f"wanted one row a store and day, got {NEXT_DAY}"),
)


@pytest.mark.parametrize(("column", "cell", "said"), BAD)
def test_one_bad_cell_costs_one_day_and_is_said(tmp_path: Path, column: str, cell: str, said: str) -> None:
    chain = read(tmp_path, *tables(("B", DAY, column, cell)))
    assert not chain.parts[0].faulty
    ((store, _, _, what),) = notices(chain, "rows-left-out")
    assert store == "B"
    assert what.startswith("1 row left out; train: store B, date ")
    assert said in what
    history = history_of(chain)
    # Of a day that a store has twice, nobody knows which row is right.
    lost = {DAY, NEXT_DAY} if cell == NEXT_DAY else {DAY}
    row, at = np.nonzero(np.isnan(history.sales))
    assert set(row.tolist()) == {1}
    assert set(as_dates(history.days[at]).astype(str).tolist()) == lost
    assert len(pd.read_csv(tmp_path / "data-problems.csv")) == 1


@pytest.mark.parametrize(("column", "cell"), [("is_open", "2"), ("promo", "x"), ("rain", "inf"), ("day", "2015-03-99")])
def test_one_bad_cell_of_the_days_ahead_costs_that_day(tmp_path: Path, column: str, cell: str) -> None:
    chain = read(tmp_path, *tables(("B", AHEAD, column, cell)))
    assert not chain.parts[0].faulty
    ((store, _, ours, what),) = notices(chain, "rows-left-out")
    assert (store, ours) == ("B", {"is_open": "open", "day": "ds"}.get(column, column))
    assert "calendar: store B" in what
    assert places(history_of(chain), UNKNOWN) == [(1, AHEAD)]


def bad_days(count: int) -> list[Cell]:
    return [("B", str(day.date()), "sales", "x") for day in pd.date_range("2015-01-05", periods=count)]


def test_a_store_that_loses_too_many_of_its_rows_fails_and_no_other(tmp_path: Path) -> None:
    most = int(LOST_SHARE * (N_PAST + N_AHEAD))
    chain = read(tmp_path, *tables(*bad_days(most)))
    assert not chain.parts[0].faulty
    ((_, date, _, what),) = notices(chain, "rows-left-out")
    assert (date, what.split(";")[0]) == ("2015-01-05", f"{most} rows left out")

    (tmp_path / "more").mkdir()
    chain = read(tmp_path / "more", *tables(*bad_days(most + 1)), max_failed_share=0.4)
    assert set(chain.parts[0].faulty) == {"B"}
    assert not notices(chain, "rows-left-out")


def test_a_refusal_for_too_many_stores_says_how_many_there_are_and_may_be_and_by_which_option(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, *tables(*bad_days(9)), max_failed_share=0.1)
    hint = (
        "1 of 3 stores: more than 5% of its rows are bad, and so it has no model; at most 10% may fail: "
        "correct the rows, or raise --max-failed-share"
    )
    assert str(caught.value).splitlines()[-1] == hint
    assert caught.value.result["problems"]["hints"] == (hint,)


def test_a_refusal_for_missing_columns_says_that_a_mapping_names_them(tmp_path: Path) -> None:
    train, _ = tables()
    with pytest.raises(DataError) as caught:
        read(tmp_path, train.drop(columns=["promo", "rain"]))
    assert "Columns of other names want a file that says which is which: --mapping" in str(caught.value)
    stores = saved(pd.DataFrame({"shop": ["A"]}), tmp_path / "stores.csv")
    with pytest.raises(DataError, match="--mapping"):
        read_history(saved(train, tmp_path / "t.csv"), stores, None, problems_in=tmp_path)


RETURNS: tuple[Cell, ...] = (("A", DAY, "sales", "-3"), ("B", DAY, "sales", "-0.5"), ("B", NEXT_DAY, "sales", "-1"))


def test_returns_are_refused_with_their_number_and_the_choices(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, *tables(*RETURNS), max_failed_share=1.0)
    assert str(caught.value).splitlines()[-1] == (
        "3 days have negative sales, such as returns: --negatives zero takes them for 0, --negatives drop leaves these "
        "days out"
    )


@pytest.mark.parametrize(("choice", "left", "said"), [("zero", 0.0, "treated as 0"), ("drop", np.nan, "left out")])
def test_returns_become_what_was_chosen_and_each_store_is_said(
    tmp_path: Path, choice: str, left: float, said: str
) -> None:
    chain = read(tmp_path, *tables(*RETURNS), negatives=choice)
    told = notices(chain, "negative-sales")
    assert [(store, date, column) for store, date, column, _ in told] == [("A", DAY, "y"), ("B", DAY, "y")]
    assert told[1][3].startswith("2 days of negative sales, this the first: ")
    assert said in told[1][3]
    assert not chain.parts[0].faulty
    assert not notices(chain, "rows-left-out")
    at = int(np.datetime64(DAY).astype(int)) - history_of(chain).first_day
    np.testing.assert_array_equal(history_of(chain).sales[:, at : at + 2], [[left, 102 + 1], [left, left], [102, 103]])


def test_a_kind_that_only_the_days_ahead_have_is_said_with_its_first_day(tmp_path: Path) -> None:
    later = "2015-03-12"
    train, ahead = tables(("A", later, "holiday", "z"), ("C", AHEAD, "holiday", "z"), ("B", AHEAD, "holiday", "0.0"))
    ((store, date, column, what),) = notices(read(tmp_path, train, ahead), "kind-unknown")
    assert (store, date, column) == ("", AHEAD, "holiday")
    assert "the days ahead have 'z', which no past day has" in what


def test_a_store_called_star_is_said(tmp_path: Path) -> None:
    train, ahead = tables()
    chain = read(tmp_path, train.replace({"shop": {"C": "*"}}), ahead.replace({"shop": {"C": "*"}}))
    ((store, _, column, what),) = notices(chain, "id-of-all")
    assert (store, column) == ("*", "store_id")
    assert "means every store" in what


NONSENSE: tuple[Cell, ...] = (
    *(("A", DAY, column, "nonsense") for column in ("is_open", "promo", "holiday", "rain")),
    *(("B", day, "shop", "") for day in (DAY, NEXT_DAY)),
    ("C", DAY, "shop", "a store that closed long ago"),
    ("C", NEXT_DAY, "day", DAY),
    ("C", "2015-01-20", "day", "2013-01-20"),
    ("C", "2015-01-21", "day", "2015-01-22 07:00"),
)


def all_days(*cells: Cell) -> pd.DataFrame:
    past, ahead = tables(*cells)
    return pd.concat([past.drop(columns="sales"), ahead], ignore_index=True)


@pytest.mark.parametrize("whole", [all_days(), all_days(*NONSENSE), all_days().replace({"is_open": {"1": "0"}})])
def test_the_past_part_of_a_calendar_of_all_days_changes_nothing_that_the_history_tells(
    tmp_path: Path, whole: pd.DataFrame
) -> None:
    train, ahead = tables()
    whole.loc[whole["day"] >= ahead["day"].min(), "is_open"] = "1"
    for name in ("whole", "ahead"):
        (tmp_path / name).mkdir()
    found = read(tmp_path / "whole", train, whole)
    wanted = read(tmp_path / "ahead", train, ahead)
    assert same_panel(history_of(found), history_of(wanted))
    assert found.notices == wanted.notices
    assert found.chain.columns == wanted.chain.columns


def test_the_past_part_of_a_calendar_tells_of_days_without_a_row_of_sales(tmp_path: Path) -> None:
    train, _ = tables()
    gap = (train["shop"] == "B") & train["day"].isin([DAY, NEXT_DAY])
    chain = read(tmp_path, train[~gap], all_days(("B", DAY, "is_open", "0"), ("B", NEXT_DAY, "is_open", "?")))
    history = history_of(chain)
    at = int(np.datetime64(DAY).astype(int)) - history.first_day
    assert history.calendar.values["open"][:, at : at + 2].tolist() == [[1, 1], [0, 255], [1, 1]]
    assert np.isnan(history.sales[1, at : at + 2]).all()


def test_opening_may_stand_in_the_calendar_alone(tmp_path: Path) -> None:
    train, ahead = tables(("A", DAY, "sales", "0"), ("C", AHEAD, "is_open", "0"))
    history = history_of(read(tmp_path, train.drop(columns="is_open"), ahead))
    assert places(history, 0) == [(0, DAY), (2, AHEAD)]
    assert not history.open_told


def test_opening_of_past_days_may_stand_in_the_calendar_alone_and_sales_contradict_it(tmp_path: Path) -> None:
    cells = (("A", DAY, "sales", "0"), ("B", DAY, "sales", "0"), ("B", DAY, "is_open", "0"), ("C", DAY, "is_open", "0"))
    train, _ = tables(*cells)
    history = history_of(read(tmp_path, train.drop(columns="is_open"), all_days(*cells)))
    at = int(np.datetime64(DAY).astype(int)) - history.first_day
    # Open without a sale, closed, and said to be closed though something was sold.
    assert history.calendar.values["open"][:, at].tolist() == [1, 0, 1]
    assert history.open_told


def test_a_past_day_that_the_calendar_calls_closed_is_so_whatever_the_pattern_of_the_sales(tmp_path: Path) -> None:
    # Every third day of C is without a sale: most of these are taken for open ones.
    days = [str(day.date()) for day in pd.date_range("2015-01-05", periods=N_PAST // 3, freq="3D")]
    train, ahead = tables(*(("C", day, "sales", "0") for day in days))
    sales = saved(train.drop(columns="is_open"), tmp_path / "train.csv")
    untold = places(history_of(prepared(tmp_path, MAPPING, sales, saved(ahead, tmp_path / "ahead.csv"))), 0)
    closed = next(day for day in days if (2, day) not in untold)
    told = pd.DataFrame({"shop": ["C"], "day": [closed], "is_open": ["0"], "promo": "0", "holiday": "0", "rain": "1"})
    calendar = saved(pd.concat([ahead, told]), tmp_path / "told.csv")
    (tmp_path / "told").mkdir()
    history = history_of(prepared(tmp_path / "told", MAPPING, sales, calendar))
    assert (2, closed) in places(history, 0)
    assert not history.open_told


def test_opening_that_no_table_tells_of_though_the_mapping_names_it_is_a_missing_column(tmp_path: Path) -> None:
    train, ahead = tables()
    with pytest.raises(DataError, match="train: table, column open: wanted a column 'is_open'"):
        read(tmp_path, train.drop(columns="is_open"), ahead.drop(columns="is_open"))
