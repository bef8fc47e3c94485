"""The same chain from CSV, Parquet, Parquet folders, SQLite and PostgreSQL: the same parameters, the same problems."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy
from support.training import chains, parts

from training.errors import DataError
from training.workers.partition_job import work
from training.workers.runners import InProcess

TABLES = {"train": "sales", "store": "stores", "calendar": "days_ahead"}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return chains.files(tmp_path_factory.mktemp("chain"), n_stores=30, n_days=300)


@pytest.fixture(scope="module")
def frames(chain: dict[str, Path]) -> dict[str, pd.DataFrame]:
    """The tables with the types that a database would give them."""
    dates = {"train": ["Date"], "calendar": ["Date"], "store": []}
    return {
        name: pd.read_csv(path, dtype={"StateHoliday": "str"}, parse_dates=dates[name]) for name, path in chain.items()
    }


def fitted(folder: Path, tables: dict[str, Path]) -> dict[str, bytes]:
    jobs = parts.jobs_of(folder, tables["train"], tables["store"], tables["calendar"])
    return parts.as_bytes(InProcess().run(work, jobs))


def parquet(folder: Path, frames: dict[str, pd.DataFrame]) -> dict[str, Path]:
    for name, frame in frames.items():
        frame.to_parquet(folder / f"{name}.parquet")
    return {name: folder / f"{name}.parquet" for name in frames}


def parquet_folders(folder: Path, frames: dict[str, pd.DataFrame]) -> dict[str, Path]:
    paths = parquet(folder, frames)
    dated = frames["train"].assign(year=frames["train"]["Date"].dt.year)
    dated.to_parquet(folder / "train", partition_cols=["year"])
    return {**paths, "train": folder / "train"}


@pytest.mark.parametrize("store_as", [parquet, parquet_folders])
def test_parquet_says_what_csv_says(
    tmp_path: Path,
    chain: dict[str, Path],
    frames: dict[str, pd.DataFrame],
    store_as: Callable[[Path, dict[str, pd.DataFrame]], dict[str, Path]],
) -> None:
    (tmp_path / "tables").mkdir()
    assert fitted(tmp_path / "a", store_as(tmp_path / "tables", frames)) == fitted(tmp_path / "b", chain)


def query_files(folder: Path, frames: dict[str, pd.DataFrame], url: str, prefix: str) -> dict[str, Path]:
    engine = sqlalchemy.create_engine(url)
    queries = {}
    for name, frame in frames.items():
        frame.to_sql(f"{prefix}_{TABLES[name]}", engine, index=False)
        queries[name] = folder / f"{name}.sql"
        queries[name].write_text(f'SELECT * FROM "{prefix}_{TABLES[name]}"\n')  # noqa: S608 - our own names
    engine.dispose()
    return queries


@pytest.fixture(params=["sqlite", "postgresql"])
def url(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database, which STORECAST_HISTORY_URL names."""
    sqlite = request.param == "sqlite"
    found: str = f"sqlite:///{tmp_path}/shop.db" if sqlite else request.getfixturevalue("postgres_url")
    monkeypatch.setenv("STORECAST_HISTORY_URL", found)
    return found


def test_a_database_says_what_csv_says(
    tmp_path: Path, chain: dict[str, Path], frames: dict[str, pd.DataFrame], url: str
) -> None:
    queries = query_files(tmp_path, frames, url, "fit")
    assert fitted(tmp_path / "a", queries) == fitted(tmp_path / "b", chain)


Fault = tuple[str, str, str | None, str, str]
"""Store, column, what is written there, our column, what is wanted."""

OF_NUMBERS: tuple[Fault, ...] = (
    ("2", "Sales", "-12", "y", "wanted sales of 0 or more"),
    ("3", "Open", "0", "y", "wanted 0 on a closed day"),
    ("4", "Promo", "3", "promo", "wanted 0 or 1"),
    ("5", "Promo", None, "promo", "wanted 0 or 1 for every past day"),
    ("6", "Sales", None, "y", "wanted a number"),
)
OF_TEXT: tuple[Fault, ...] = (
    ("7", "Sales", "many", "y", "wanted a number"),
    ("8", "Open", "perhaps", "open", "wanted 0 or 1"),
    ("9", "Date", "2013-02-30", "ds", "wanted a date such as 2015-06-20"),
    ("10", "Date", "9999-12-31", "ds", "wanted a date from 1900-01-01 to 2200-01-01"),
)
DAY = "2013-03-04"  # a Monday on which all stores are open
TWICE = "11"
Row = tuple[str, str, str, str, str]
"""Table, store, date, our column, what is wanted: of one problem."""


def faulty(path: Path, faults: tuple[Fault, ...]) -> pd.DataFrame:
    """A history as text, one fault in each of some stores, and a day that another has twice."""
    table = pd.read_csv(path, dtype="object", keep_default_na=False)
    for store, column, value, _, _ in faults:
        there = (table["Store"] == store) & (table["Date"] == DAY)
        assert there.sum() == 1
        table.loc[there, column] = value
    return pd.concat([table, table[(table["Store"] == TWICE) & (table["Date"] == DAY)]], ignore_index=True)


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """The same history in the types that a database would have."""
    whole = {name: pd.to_numeric(table[name]).astype("Int64") for name in ("Store", "Sales", "Open", "Promo")}
    return table.assign(**whole, Date=pd.to_datetime(table["Date"]))


def wanted_rows(faults: tuple[Fault, ...]) -> list[Row]:
    rows = [
        ("train", store, (value or "") if column == "Date" else DAY, ours, what)
        for store, column, value, ours, what in faults
    ]
    return sorted([*rows, ("train", TWICE, DAY, "ds", "wanted one row a store and day")])


def problems(folder: Path, tables: dict[str, Path]) -> list[Row]:
    """What the report of these tables names, as the problem file has it."""
    with pytest.raises(DataError, match="the input has"):
        parts.jobs_of(folder, tables["train"], tables["store"], tables["calendar"])
    listed = pd.read_csv(folder / "data-problems.csv", dtype=str, keep_default_na=False)
    return sorted(listed[["table", "store", "date", "column", "what"]].itertuples(index=False, name=None))


@pytest.fixture(params=["text", "types"])
def bad(request: pytest.FixtureRequest, chain: dict[str, Path]) -> tuple[pd.DataFrame, list[Row]]:
    """A faulty history, as text or in types, which leave fewer faults; and what its report names."""
    faults = OF_NUMBERS + OF_TEXT if request.param == "text" else OF_NUMBERS
    table = faulty(chain["train"], faults)
    return (table if request.param == "text" else typed(table)), wanted_rows(faults)


def test_bad_rows_of_a_csv_are_named(
    tmp_path: Path, chain: dict[str, Path], bad: tuple[pd.DataFrame, list[Row]]
) -> None:
    table, wanted = bad
    table.to_csv(tmp_path / "train.csv", index=False)
    assert problems(tmp_path / "home", {**chain, "train": tmp_path / "train.csv"}) == wanted


def test_bad_rows_of_a_folder_of_parquet_files_are_named_alike(
    tmp_path: Path, chain: dict[str, Path], bad: tuple[pd.DataFrame, list[Row]]
) -> None:
    table, wanted = bad
    (tmp_path / "train").mkdir()
    for place, start in enumerate(range(0, len(table), 4000)):
        table[start : start + 4000].to_parquet(tmp_path / "train" / f"{place}.parquet")
    assert problems(tmp_path / "home", {**chain, "train": tmp_path / "train"}) == wanted


def test_bad_rows_of_a_database_are_named_alike(
    tmp_path: Path,
    chain: dict[str, Path],
    bad: tuple[pd.DataFrame, list[Row]],
    url: str,
    request: pytest.FixtureRequest,
) -> None:
    table, wanted = bad
    queries = query_files(tmp_path, {"train": table}, url, f"bad_{request.node.callspec.params['bad']}")
    assert problems(tmp_path / "home", {**chain, **queries}) == wanted
