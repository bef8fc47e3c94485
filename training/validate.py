"""Every check of the input, at the door; all problems in one report, each with store, date and column."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from fleet.arrays import BoolArray
from training.errors import DataError

SHOWN_PER_KIND = 5
"""Rows shown of each kind of problem; the counts and the problem file have all."""

TRAIN, CALENDAR, STORES = "train", "calendar", "stores"
EARLIEST, LATEST = pd.Timestamp("1900-01-01"), pd.Timestamp("2200-01-01")


@dataclass(frozen=True)
class Table:
    """One input table: `frame` in our names and types, `raw` the same rows and names as they were written."""

    name: str
    frame: pd.DataFrame
    raw: pd.DataFrame

    def keep(self, good: BoolArray) -> "Table":
        """The rows that are fine."""
        return Table(self.name, *(part.loc[good].reset_index(drop=True) for part in (self.frame, self.raw)))


@dataclass(frozen=True)
class Problem:
    """One thing that cannot be trained on. `what` says what was wanted; `came` what stood there."""

    table: str
    store: str
    date: str
    column: str
    what: str
    came: str

    def __str__(self) -> str:
        place = ", ".join(f"{name} {value}" for name, value in (("store", self.store), ("date", self.date)) if value)
        came = f", got {self.came}" if self.came else ""
        return f"{self.table}: {place or 'table'}, column {self.column}: {self.what}{came}"


@dataclass
class Report:
    """Problems found so far."""

    problems: list[Problem] = field(default_factory=list)

    def table(self, table: str, column: str, what: str, came: str = "") -> None:
        """A problem of a whole column."""
        self.problems.append(Problem(table, "", "", column, what, came))

    def rows(self, table: Table, bad: npt.ArrayLike, column: str, what: str) -> None:
        """A problem of each row where `bad` is true."""
        positions = np.flatnonzero(np.asarray(bad, dtype=np.bool_))
        if not len(positions):
            return
        part = table.raw.iloc[positions]
        blank = pd.Series("", index=part.index)
        stores, dates = (part.get(name, blank).astype(str) for name in ("store_id", "ds"))
        values = part.get(column, blank).astype(str)
        for store, date, came in zip(stores, dates.str.slice(0, 10), values, strict=True):
            self.problems.append(Problem(table.name, store, date, column, what, came))

    def raise_if_any(self, folder: Path) -> None:
        """End here if there are problems.

        Raises: DataError: the report, a few rows of each kind; all of them are written to `folder`/data-problems.csv.
        """
        if not self.problems:
            return
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "data-problems.csv"
        pd.DataFrame([vars(problem) for problem in self.problems]).to_csv(file, index=False)
        lines = "\n".join(self.lines())
        raise DataError(f"the input has {len(self.problems)} problems (all of them: {file}):\n{lines}")

    def lines(self) -> Iterator[str]:
        """The report's lines: up to `SHOWN_PER_KIND` rows of each kind, then how many more."""
        kinds = Counter((problem.table, problem.column, problem.what) for problem in self.problems)
        shown: Counter[tuple[str, str, str]] = Counter()
        for problem in self.problems:
            kind = (problem.table, problem.column, problem.what)
            shown[kind] += 1
            if shown[kind] <= SHOWN_PER_KIND:
                yield f"  {problem}"
            elif shown[kind] == kinds[kind]:
                yield f"  ... and {kinds[kind] - SHOWN_PER_KIND} more of {problem.column}: {problem.what}"


def check_keys(report: Report, table: Table) -> BoolArray:
    """Store ids and dates are there, dates are days of a sane century, no store has a day twice; rows that are fine."""
    ids, dates = table.frame["store_id"], table.frame["ds"]
    no_id = ids.isna() | (ids.str.len() == 0)
    report.rows(table, no_id, "store_id", "wanted a store id")
    unprintable = ids.isin([store_id for store_id in ids[~no_id].unique() if not store_id.isprintable()])
    report.rows(table, unprintable, "store_id", "wanted an id of printable characters")
    no_date = dates.isna()
    report.rows(table, no_date, "ds", "wanted a date such as 2015-06-20")
    far = ~no_date & ((dates < EARLIEST) | (dates > LATEST))
    report.rows(table, far, "ds", f"wanted a date from {EARLIEST.date()} to {LATEST.date()}")
    not_midnight = ~no_date & ~far & (dates.dt.normalize() != dates)
    report.rows(table, not_midnight, "ds", "wanted whole days: sum the sales of a day first")
    good = np.asarray(~(no_id | unprintable | no_date | far | not_midnight))
    twice = good & table.frame.duplicated(["store_id", "ds"], keep="first").to_numpy()
    report.rows(table, twice, "ds", "wanted one row a store and day")
    return np.asarray(good & ~twice)


def check_sales(report: Report, table: Table) -> None:
    """Sales are numbers, not negative, and 0 on closed days."""
    y = table.frame["y"].to_numpy(dtype=np.float64)
    missing = ~np.isfinite(y)
    report.rows(table, missing, "y", "wanted a number")
    report.rows(table, ~missing & (y < 0), "y", "wanted sales of 0 or more")
    if "open" in table.frame:
        closed = table.frame["open"].to_numpy(dtype=np.float64) == 0
        report.rows(table, closed & (y > 0), "y", "wanted 0 on a closed day")


def check_flag(report: Report, table: Table, column: str) -> None:
    """A flag is 0 or 1; an empty cell is "not known" and allowed only for days ahead."""
    values = table.frame[column].to_numpy(dtype=np.float64)
    known = np.isfinite(values)
    written = table.raw[column].notna().to_numpy()
    report.rows(table, (known & (values != 0) & (values != 1)) | (~known & written), column, "wanted 0 or 1")
    if table.name == TRAIN:
        report.rows(table, ~known & ~written, column, "wanted 0 or 1 for every past day")


def check_number(report: Report, table: Table, column: str) -> None:
    """A number is finite; an empty cell is "not known"."""
    values = table.frame[column].to_numpy(dtype=np.float64)
    written = table.raw[column].notna().to_numpy()
    report.rows(table, ~np.isfinite(values) & written, column, "wanted a finite number")
