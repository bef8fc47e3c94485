"""What `storecast train` says of each kind of bad input: a clear error, or a repair that the result tells of."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.training import chains

ROOT = Path(__file__).parents[3]
USAGE, SOME_FAILED = 2, 4
DAY = "2013-03-04"  # a Monday from which on all stores of the chain open on every weekday for three weeks
AHEAD = "2013-06-10"  # such a Monday in the calendar of the days ahead

Change = Callable[[pd.DataFrame], pd.DataFrame]
"""What is done to a table of text cells."""


def same(table: pd.DataFrame) -> pd.DataFrame:
    return table


@dataclass(frozen=True)
class Chain:
    """The tables of a small chain without a fault, and a folder for those with one."""

    paths: dict[str, Path]
    folder: Path

    def tables(self, **changes: Change) -> dict[str, Path]:
        """The three tables, some of them changed."""
        written = {}
        for name, path in self.paths.items():
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
            written[name] = self.folder / f"{name}.csv"
            changes.get(name, same)(table).to_csv(written[name], index=False)
        return written

    def train(self, tables: dict[str, Path], *words: str) -> "subprocess.CompletedProcess[str]":
        """One dry run of the command line."""
        named = [("--data", "train"), ("--stores", "store"), ("--calendar", "calendar")]
        options = [word for option, name in named if name in tables for word in (option, str(tables[name]))]
        home = ("--home", str(self.folder / "home"))
        command = [sys.executable, "-m", "storecast", "train", *options, *home, "--dry-run", "--folds", "1", *words]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("STORECAST_", "MLFLOW_"))}
        return subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, check=False, timeout=240)

    def refused(self, tables: dict[str, Path], *words: str) -> str:
        """What is said of tables that cannot be trained on."""
        done = self.train(tables, *words)
        assert done.returncode == USAGE, done.stderr
        assert "Traceback" not in done.stderr
        result = json.loads(done.stdout)
        assert list(result) in (["problems"], ["error"])
        if told := result.get("problems"):
            assert f"the input has {told['count']} problem" in done.stderr
            assert all(f"column {each['column']}: {each['what']}" in done.stderr for each in told["shown"])
        return done.stderr

    def trained(self, tables: dict[str, Path], *words: str) -> dict[str, Any]:
        """The result of tables that can."""
        done = self.train(tables, *words)
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return chains.files(tmp_path_factory.mktemp("chain"), n_stores=4, n_days=150)


@pytest.fixture
def chain(paths: dict[str, Path], tmp_path: Path) -> Chain:
    return Chain(paths, tmp_path)


def cell(column: str, value: str, store: str = "2", day: str = DAY) -> Change:
    """Another value of one store's day."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        there = (table["Store"] == store) & (table["Date"] == day)
        assert there.sum() == 1
        table.loc[there, column] = value
        return table

    return change


def days_of(table: pd.DataFrame, store: str) -> list[str]:
    return sorted(table.loc[table["Store"] == store, "Date"])


def test_the_chain_itself_has_no_fault(chain: Chain) -> None:
    result = chain.trained(chain.tables())
    assert result["stores"] == {"total": 4, "fitted": 4, "fallback_too_short": 0, "failed": 0}
    assert result["failures"] == []
    assert result.get("notices", []) == []


@pytest.mark.parametrize("columns", [["Promo", "Sales"], ["Store", "Date"]])
def test_missing_columns_are_named_with_those_that_are_there(chain: Chain, columns: list[str]) -> None:
    said = chain.refused(chain.tables(train=lambda table: table.drop(columns=columns)))
    for column in columns:
        assert f": wanted a column '{column}', got columns " in said
    assert "train: table, column " in said


FAULTS = (
    # column, what stands there, what is said of it
    ("Sales", "many", "column y: wanted a number, got many"),
    ("Sales", "", "column y: wanted a number"),
    ("Sales", "inf", "column y: wanted a number, got inf"),
    ("Sales", "-12", "column y: wanted sales of 0 or more, got -12"),
    ("Sales", "1e16", "column y: wanted sales of at most 1e+15, got 1e16"),
    ("Open", "ja", "column open: wanted 0 or 1, got ja"),
    ("Open", "0", "column y: wanted 0 on a closed day, got "),
    ("Promo", "3", "column promo: wanted 0 or 1, got 3"),
    ("Promo", "", "column promo: wanted 0 or 1 for every past day"),
    ("Promo", "NaN", "column promo: wanted 0 or 1"),
)
NO_DATES = ("2013-02-30", "4th of May", "04.03.2013", "2013-03", "2013")
OTHER_AGES = ("1677-09-20", "1677-09-21", "2262-04-12", "9999-12-31", "0001-01-01")
N_FAULTS = len(FAULTS) + 2 * len(NO_DATES + OTHER_AGES) + 1


def later(days: int, day: str = DAY) -> str:
    """A weekday in one of the weeks after."""
    return str(np.datetime64(day) + days // 5 * 7 + days % 5)


@pytest.fixture(scope="module")
def faults(paths: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of one chain with every fault of `FAULTS`, and of both tables' dates, at once."""
    chain = Chain(paths, tmp_path_factory.mktemp("faults"))

    def train(table: pd.DataFrame) -> pd.DataFrame:
        for place, (column, value, _) in enumerate(FAULTS):
            table = cell(column, value, day=later(place))(table)
        for place, value in enumerate(NO_DATES + OTHER_AGES):
            table = cell("Date", value, store="3", day=later(place))(table)
        return pd.concat([table, table[(table["Store"] == "4") & (table["Date"] == DAY)]], ignore_index=True)

    def ahead(table: pd.DataFrame) -> pd.DataFrame:
        for place, value in enumerate(NO_DATES + OTHER_AGES):
            table = cell("Date", value, store="1", day=later(place, AHEAD))(table)
        return table

    return chain.refused(chain.tables(train=train, calendar=ahead))


@pytest.mark.parametrize("place", range(len(FAULTS)))
def test_a_value_that_cannot_be_is_named_with_store_date_and_column(faults: str, place: int) -> None:
    assert f"train: store 2, date {later(place)}, {FAULTS[place][2]}" in faults


def test_a_day_that_a_store_has_twice_is_named(faults: str) -> None:
    assert f"train: store 4, date {DAY}, column ds: wanted one row a store and day" in faults


@pytest.mark.parametrize(("table", "store"), [("train", "3"), ("calendar", "1")])
def test_a_date_that_is_none_is_named_as_it_was_written(faults: str, table: str, store: str) -> None:
    for value in NO_DATES:
        said = f"{table}: store {store}, date {value}, column ds: wanted a date such as 2015-06-20, got {value}"
        assert said in faults


@pytest.mark.parametrize(("table", "store"), [("train", "3"), ("calendar", "1")])
def test_a_date_of_another_age_is_named_as_it_was_written(faults: str, table: str, store: str) -> None:
    for value in OTHER_AGES:
        said = (
            f"{table}: store {store}, date {value}, column ds: wanted a date from 1900-01-01 to 2200-01-01, got {value}"
        )
        assert said in faults


def test_all_problems_come_in_one_go(faults: str) -> None:
    assert f"the input has {N_FAULTS} problems" in faults


def test_an_empty_file_is_named(chain: Chain) -> None:
    for name in ("train", "store", "calendar"):
        tables = chain.tables()
        tables[name].write_text("")
        said = chain.refused(tables)
        assert str(tables[name]) in said
        assert "with a header" in said


def test_all_files_that_cannot_be_read_are_named_in_one_go(chain: Chain) -> None:
    tables = chain.tables() | {"calendar": chain.folder / "nowhere.csv"}
    tables["train"].write_text("")
    said = chain.refused(tables)
    assert all(str(tables[name]) in said for name in ("train", "calendar"))


def test_a_history_of_a_header_only_is_refused(chain: Chain) -> None:
    said = chain.refused(chain.tables(train=lambda table: table[:0]))
    assert "wanted at least one row" in said


def test_a_store_of_the_history_or_calendar_that_the_store_table_lacks_is_named(chain: Chain) -> None:
    said = chain.refused(chain.tables(store=lambda table: table[table["Store"] != "4"]))
    for name in ("train", "calendar"):
        assert f"{name}: store 4, date " in said
    assert "column store_id: wanted a row in the store table, got 4" in said


@pytest.mark.parametrize(
    ("price", "said"), [("cheap", "wanted a finite number, got cheap"), ("1e39", "wanted a number of at most 3.4e+38")]
)
def test_a_number_that_cannot_be_costs_its_day_and_is_named(chain: Chain, price: str, said: str) -> None:
    mapping = chain.folder / "columns.toml"
    mapping.write_text(chains.NUMBERED)

    def priced(table: pd.DataFrame) -> pd.DataFrame:
        table = table.assign(Price=(table["Date"].str.slice(8).astype(int) % 5).astype(str))
        return cell("Price", price)(table) if DAY in set(table["Date"]) else table

    result = chain.trained(chain.tables(train=priced, calendar=priced), "--mapping", str(mapping))
    assert result["stores"]["fitted"] == 4
    assert f"train: store 2, date {DAY}, column price: {said}" in notice(result, "rows-left-out")["what"]


def test_the_problems_of_all_tables_come_in_one_go(chain: Chain) -> None:
    twice = pd.DataFrame({"Store": ["1"], "StoreType": ["a"], "Assortment": ["a"], "CompetitionDistance": [""]})
    said = chain.refused(
        chain.tables(
            train=cell("Sales", "-1", store="1"),
            calendar=cell("Open", "2", store="1", day=AHEAD),
            store=lambda table: pd.concat([table, twice], ignore_index=True),
        )
    )
    for problem in (
        f"train: store 1, date {DAY}, column y: wanted sales of 0 or more, got -1",
        f"calendar: store 1, date {AHEAD}, column open: wanted 0 or 1, got 2",
        "stores: store 1, column store_id: wanted one row a store",
    ):
        assert problem in said
    listed = pd.read_csv(chain.folder / "home" / "data-problems.csv", dtype=str)
    assert set(listed["table"]) == {"train", "calendar", "stores"}


def test_of_many_rows_of_one_kind_a_few_are_shown_and_all_are_listed(chain: Chain) -> None:
    said = chain.refused(chain.tables(train=lambda table: table.assign(Promo="9")))
    assert "... and " in said
    assert len(said.splitlines()) < 30
    assert len(pd.read_csv(chain.folder / "home" / "data-problems.csv")) == 4 * 150


def test_one_bad_cell_costs_one_day(chain: Chain) -> None:
    result = chain.trained(chain.tables(train=cell("Promo", "3"), calendar=cell("Open", "x", "3", AHEAD)))
    assert result["stores"]["fitted"] == 4
    told = [entry for entry in result["notices"] if entry["kind"] == "rows-left-out"]
    assert {(entry["store"], entry["date"], entry["column"]) for entry in told} == {
        ("2", DAY, "promo"),
        ("3", AHEAD, "open"),
    }
    assert set(pd.read_csv(chain.folder / "home" / "data-problems.csv")["column"]) == {"promo", "open"}


def many_faults(table: pd.DataFrame) -> pd.DataFrame:
    """Ten long texts for sales, in one store."""
    table = table.replace({"Store": {"2": " 2"}})
    for place in range(10):
        table = cell("Sales", "x" + "ü" * 1000, store=" 2", day=later(place))(table)
    return table


def test_many_bad_rows_cost_their_own_store_the_model_and_no_other(chain: Chain) -> None:
    done = chain.train(chain.tables(train=many_faults), "--max-failed-share", "0.25")
    assert done.returncode == SOME_FAILED, done.stderr
    assert "Warning" not in done.stderr
    result = json.loads(done.stdout)
    assert (result["stores"]["failed"], result["stores"]["fitted"]) == (1, 3)
    (failure,) = result["failures"]
    assert (failure["store"], failure["date"], failure["column"]) == ("2", later(9), "y")
    assert "wanted a number, got x" in failure["reason"]
    assert len(failure["reason"]) < 600
    assert result["backtest"]["stores_judged"] <= 3

    said = chain.refused(chain.tables(train=many_faults), "--max-failed-share", "0.2")
    assert "the input has 10 problems" in said
    assert "1 of 4 stores: more than 5% of its rows are bad" in said
    assert said.splitlines()[-1].endswith("correct the rows, or raise --max-failed-share")


@pytest.mark.parametrize("choice", ["zero", "drop"])
def test_returns_are_refused_until_it_is_said_what_they_mean(chain: Chain, choice: str) -> None:
    returned = chain.tables(train=cell("Sales", "-12"))
    assert "1 day has negative sales, such as returns: --negatives zero" in chain.refused(returned)
    result = chain.trained(returned, "--negatives", choice)
    assert result["stores"]["fitted"] == 4
    assert notice(result, "negative-sales")["date"] == DAY


def test_a_calendar_of_all_days_forecasts_as_its_days_ahead_do(chain: Chain) -> None:
    tables = chain.tables()
    wanted = chain.trained(tables)
    past, ahead = (pd.read_csv(tables[name], dtype=str, keep_default_na=False) for name in ("train", "calendar"))
    pd.concat([past.drop(columns="Sales").assign(Open="0"), ahead]).to_csv(tables["calendar"], index=False)
    found = chain.trained(tables)
    for timed in ("seconds", "seconds_of_workers"):
        del found[timed], wanted[timed]
    assert found == wanted


def test_a_chain_without_sales_is_refused_even_if_one_of_its_rows_is_bad(chain: Chain) -> None:
    def nothing_sold(table: pd.DataFrame) -> pd.DataFrame:
        return cell("Sales", "abc")(table.assign(Sales="0"))

    said = chain.refused(chain.tables(train=nothing_sold), "--max-failed-share", "0.25")
    assert "wanted at least one open day with sales" in said


def test_a_group_that_cannot_be_kept_is_no_fault_of_one_store(chain: Chain) -> None:
    def long_group(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table["Store"] == "4", "Assortment"] = "x" + "ü" * 30
        return table

    said = chain.refused(chain.tables(store=long_group), "--max-failed-share", "1")
    assert "wanted a group of at most 32 bytes" in said


# What follows can be trained on. The result tells of each oddity.

GAP_DAYS = 5


@pytest.fixture(scope="module")
def odd(paths: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result of a chain in which every store has an oddity of its own.

    Store 1 has a gap, store 2 no days ahead and 02 no history, store 3 no price on a day, store 4 a copy named 004; the
    calendar ends after two weeks.
    """
    chain = Chain(paths, tmp_path_factory.mktemp("odd"))
    mapping = chain.folder / "columns.toml"
    mapping.write_text(chains.NUMBERED)

    def train(table: pd.DataFrame) -> pd.DataFrame:
        table = pd.concat([table, table[table["Store"] == "4"].assign(Store="004")], ignore_index=True)
        table = cell("Price", "", store="3")(table.assign(Price="3.5"))
        first = days_of(table, "1").index(DAY)
        gap = days_of(table, "1")[first : first + GAP_DAYS]
        return table[~((table["Store"] == "1") & table["Date"].isin(gap))]

    def ahead(table: pd.DataFrame) -> pd.DataFrame:
        table = table[table["Date"].isin(days_of(table, "1")[:14])].assign(Price="3.5")
        new, copy = (table[table["Store"] == store] for store in ("2", "4"))
        return pd.concat([table[table["Store"] != "2"], new.assign(Store="new"), copy.assign(Store="004")])

    def store(table: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([table, table[:1].assign(Store="new"), table[3:4].assign(Store="004")], ignore_index=True)

    return chain.trained(chain.tables(train=train, calendar=ahead, store=store), "--mapping", str(mapping))


def notice(result: dict[str, Any], kind: str) -> dict[str, Any]:
    """The one notice of a kind."""
    (found,) = [entry for entry in result["notices"] if entry["kind"] == kind]
    return dict(found)


def test_odd_input_is_trained_on(odd: dict[str, Any]) -> None:
    assert odd["stores"] == {"total": 6, "fitted": 5, "fallback_too_short": 1, "failed": 0}
    assert odd["too_short"] == ["new"]


def test_a_gap_is_told_with_store_first_day_and_length(odd: dict[str, Any]) -> None:
    told = notice(odd, "gap")
    assert (told["store"], told["date"], told["column"]) == ("1", DAY, "ds")
    assert told["what"].startswith(f"no row for {GAP_DAYS} days")


def test_a_store_of_the_calendar_without_history_is_told(odd: dict[str, Any]) -> None:
    told = notice(odd, "no-history")
    assert told["store"] == "new"
    assert "answered by the curve of its group" in told["what"]


def test_a_store_of_the_history_that_the_calendar_lacks_is_told(odd: dict[str, Any]) -> None:
    told = notice(odd, "no-calendar")
    assert (told["store"], told["column"]) == ("2", "ds")
    assert "usual opening" in told["what"]


def test_a_number_without_a_value_is_told_with_what_it_is_taken_for(odd: dict[str, Any]) -> None:
    told = notice(odd, "value-assumed")
    assert (told["store"], told["date"], told["column"]) == ("3", DAY, "price")
    assert "usual, 3.5" in told["what"]


def test_a_calendar_shorter_than_the_horizon_is_told_with_its_end(odd: dict[str, Any]) -> None:
    told = notice(odd, "calendar-ends")
    assert "wanted through" in told["what"]
    assert "the calendar is known through 2013-06-13" in told["what"]


def test_stores_that_differ_in_leading_zeros_only_are_two_and_told(odd: dict[str, Any]) -> None:
    told = notice(odd, "ids-alike")
    assert (told["store"], told["column"]) == ("4", "store_id")
    assert "4, 004 are treated as different stores" in told["what"]


def test_a_calendar_without_a_row_is_told(chain: Chain) -> None:
    result = chain.trained(chain.tables(calendar=lambda table: table[:0]))
    assert "has no day after the history" in notice(result, "calendar-ends")["what"]


def test_a_training_without_a_calendar_is_told(chain: Chain) -> None:
    tables = chain.tables()
    del tables["calendar"]
    assert "has no day after the history" in notice(chain.trained(tables), "calendar-ends")["what"]
