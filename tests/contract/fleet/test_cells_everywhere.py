"""One chain through every door, in every usual spelling of its cells: the same panel, bit for bit."""

import datetime as dt
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy

from benchmarks.small_chains import read_history
from fleet.arrays import AnyArray
from training.history.history import History
from training.sources.mapping import read_mapping

MAPPING = """[columns]
store_id = "shop"
ds = "day"
y = "sales"
open = "is_open"
[flags]
promo = "promo"
[kinds]
holiday = "holiday"
[numbers]
rain = "rain"
[stores]
group = "region"
"""
FIRST = dt.date(2022, 3, 21)  # a week before Central Europe's clocks change
N_PAST, N_AHEAD = 14, 5
SHOPS = (1, 2, 10)
ZONE = "Europe/Berlin"

Frames = dict[str, pd.DataFrame]
Door = Callable[[Path, Frames, str], dict[str, Path]]


def frames() -> Frames:
    """A small chain in the types that a program has it in."""
    days = [FIRST + dt.timedelta(days=n) for n in range(N_PAST + N_AHEAD)]
    rows = [
        {
            "shop": shop,
            "day": pd.Timestamp(day),
            "sales": 0.0 if day.weekday() == 6 else 100.25 + shop + n / 10,
            "is_open": day.weekday() != 6,
            "promo": n % 3 == 0,
            "holiday": 1 if n in {4, 16} else 0,
            "rain": None if n == 2 else 0.1 * n,
        }
        for shop in SHOPS
        for n, day in enumerate(days)
    ]
    whole = pd.DataFrame(rows)
    past = whole["day"] < pd.Timestamp(days[N_PAST])
    return {
        "train": whole[past].reset_index(drop=True),
        "calendar": whole[~past].drop(columns="sales").reset_index(drop=True),
        "stores": pd.DataFrame({"shop": SHOPS, "region": [7, 7, 8]}),
    }


@dataclass(frozen=True)
class Spelling:
    """How cells are written as text."""

    yes: str = "1"
    no: str = "0"
    ordinary: str = "0"
    feast: str = "1"
    nothing: str = ""
    whole: str = "{}"
    day: str = "%Y-%m-%d"

    def text(self, column: str, cell: Any) -> str:  # noqa: ANN401 - any plain value
        """One cell."""
        if cell is None or cell != cell:  # noqa: PLR0124 - NaN
            return self.nothing
        if column in {"is_open", "promo"}:
            return self.yes if cell else self.no
        if column == "holiday":
            return self.feast if cell else self.ordinary
        if column == "day":
            return str(cell.strftime(self.day))
        return self.whole.format(cell) if column in {"shop", "region"} else repr(float(cell))

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """A whole table."""
        return pd.DataFrame({name: [self.text(name, cell) for cell in table[name]] for name in table.columns})


SPELLINGS = {
    "digits": Spelling(),
    "Python": Spelling("True", "False", "0.0", "1.0", "NaN", "{}.0", "%Y-%m-%d 00:00:00"),
    "R": Spelling("TRUE", "FALSE", "FALSE", "TRUE", "NA"),
    "JSON": Spelling("true", "false", "false", "true", "null", "{}.00", "%Y-%m-%dT00:00:00"),
    "PostgreSQL": Spelling("t", "f", nothing="\\N", day="%Y-%m-%d 00:00:00+01"),
    "forms": Spelling("yes", "No", nothing="n/a", day="%Y-%m-%dT00:00:00+01:00"),
    "floats": Spelling("1.0", "0.0", "0.0", "1.0", "nan", "{}.0", "%Y-%m-%dT00:00:00.000-11:00"),
    "blanks": Spelling(" T ", " F ", " 0 ", " 1 ", " ", " {} ", " %Y-%m-%d "),
    "UTC": Spelling("Y", "N", nothing="NULL", day="%Y-%m-%dT00:00:00Z"),
}


def csv(folder: Path, tables: Frames, _: str) -> dict[str, Path]:
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return {name: folder / f"{name}.csv" for name in tables}


def packed(folder: Path, tables: Frames, _: str) -> dict[str, Path]:
    for name, path in csv(folder, tables, "").items():
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    return {name: folder / f"{name}.csv.gz" for name in tables}


def parquet(folder: Path, tables: Frames, _: str) -> dict[str, Path]:
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet")
    return {name: folder / f"{name}.parquet" for name in tables}


def database(folder: Path, tables: Frames, url: str) -> dict[str, Path]:
    engine = sqlalchemy.create_engine(url)
    for name, table in tables.items():
        table.to_sql(f"door_{name}", engine, index=False, if_exists="replace")
        (folder / f"{name}.sql").write_text(f"SELECT * FROM door_{name}")  # noqa: S608 - our own names
    engine.dispose()
    return {name: folder / f"{name}.sql" for name in tables}


def floats(tables: Frames) -> Frames:
    """As a column that once had a gap comes out of pandas: every number a float."""
    whole = ("shop", "region", "holiday", "is_open", "promo")
    return {name: table.astype({c: "float64" for c in whole if c in table}) for name, table in tables.items()}


def zoned(tables: Frames) -> Frames:
    """Midnight by the shop's own clock, as a moment: in winter an hour, in summer two before UTC's."""
    return {
        name: table.assign(day=table["day"].dt.tz_localize(ZONE)) if "day" in table else table
        for name, table in tables.items()
    }


def categories(tables: Frames) -> Frames:
    """Text, each distinct one kept once."""
    return {name: Spelling().of(table).astype("category") for name, table in tables.items()}


def same(tables: Frames) -> Frames:
    return tables


TYPED: dict[str, Callable[[Frames], Frames]] = {
    "types": same,
    "floats": floats,
    "zoned": zoned,
    "categories": categories,
}
DOORS: dict[str, Door] = {"csv": csv, "gzip": packed, "parquet": parquet, "sqlite": database, "postgresql": database}


@pytest.fixture
def url(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database of a door that is one, which STORECAST_HISTORY_URL names."""
    found: str = f"sqlite:///{tmp_path}/shop.db"
    if request.getfixturevalue("door") == "postgresql":
        # What this database calls a moment has no zone of its own: its session's says which day it is.
        found = f"{request.getfixturevalue('postgres_url')}?options=-ctimezone%3D{ZONE}"
    monkeypatch.setenv("STORECAST_HISTORY_URL", found)
    return found


def panel_of(folder: Path, paths: dict[str, Path]) -> History:
    mapping = folder / "columns.toml"
    mapping.write_text(MAPPING)
    mapped = read_mapping(mapping)
    return read_history(paths["train"], paths["stores"], paths["calendar"], mapped=mapped, problems_in=folder)


def wanted(name: str) -> AnyArray:
    """The panel that `frames` are, put together by hand: a row a store, a column a day."""
    tables = frames()
    whole = pd.concat([tables["train"], tables["calendar"]])
    return whole.pivot_table(index="shop", columns="day", values=name, dropna=False).to_numpy(dtype=np.float64)


def assert_same_panel(found: History) -> None:
    assert found.store_ids == ("1", "2", "10")
    assert found.groups.tolist() == ["7", "7", "8"]
    assert found.sales.tobytes() == np.ascontiguousarray(wanted("sales")[:, :N_PAST]).tobytes()
    values = found.calendar.values
    for ours, theirs in (("open", "is_open"), ("promo", "promo"), ("holiday", "holiday")):
        assert values[ours].tobytes() == np.ascontiguousarray(wanted(theirs).astype(np.uint8)).tobytes()
    assert found.calendar.column("holiday").labels == ("0", "1")
    np.testing.assert_array_equal(values["rain"], wanted("rain").astype(np.float32))
    assert np.isnan(values["rain"][:, 2]).all()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_text_says_the_same_in_every_spelling_through_every_door(
    tmp_path: Path, door: str, spelling: str, url: str
) -> None:
    tables = {name: SPELLINGS[spelling].of(table) for name, table in frames().items()}
    assert_same_panel(panel_of(tmp_path, DOORS[door](tmp_path, tables, url)))


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("typed", TYPED)
def test_types_say_the_same_through_every_door(tmp_path: Path, door: str, typed: str, url: str) -> None:
    assert_same_panel(panel_of(tmp_path, DOORS[door](tmp_path, TYPED[typed](frames()), url)))
