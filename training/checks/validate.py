"""Every check of the input, at the door; all problems in one report, each with store, date and column."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from fleet.arrays import BoolArray, IntArray, as_dates
from fleet.contents import MAX_ID_BYTES
from training.errors import DataError
from training.sources.arrow_columns import NO_DAY
from training.sources.mapping import Mapped
from training.sources.tables import TRAIN, Table

SHOWN_PER_KIND = 5
"""Entries shown of each kind of problem or notice; the counts have all."""

KEPT_PER_KIND = 1_000
"""Rows of each kind that one look at a table keeps, and the problem file has; a wrong column has a million."""

LONGEST_SHOWN = 300
"""Characters of a cell that a problem shows."""

EARLIEST, LATEST = (int(np.datetime64(day).astype(np.int64)) for day in ("1900-01-01", "2200-01-01"))
"""Day numbers between which a day can be."""

MOST_SALES = 1e15
"""A day's sales above it are a mistake in any currency, and would be the chain's whole score."""

NOT_NEGATIVE = "wanted sales of 0 or more"

MISSING = "wanted a column"

LARGEST_NUMBER = float(np.finfo(np.float32).max)

ID_RULES: Mapping[str, Callable[[str], bool]] = {
    "wanted an id of printable characters": str.isprintable,
    f"wanted an id of at most {MAX_ID_BYTES} bytes in UTF-8": lambda store_id: len(store_id.encode()) <= MAX_ID_BYTES,
}
"""What a fleet wants of every store id, and whether one is so."""


@dataclass(frozen=True)
class Problem:
    """One thing that cannot be trained on. `what` says what was wanted; `came` what stood there.

    `more`: problems of the same kind that were counted, and not kept.
    """

    table: str
    store: str
    date: str
    column: str
    what: str
    came: str
    more: int = 0

    @property
    def kind(self) -> tuple[str, str, str]:
        """What rows are counted by."""
        return self.table, self.column, self.what

    def __str__(self) -> str:
        place = ", ".join(f"{name} {value}" for name, value in (("store", self.store), ("date", self.date)) if value)
        came = f", got {self.came}" if self.came else ""
        return f"{self.table}: {place or 'table'}, column {self.column}: {self.what}{came}"


@dataclass
class Report:
    """Problems found so far, and the rows that have one: by table looked at, (n_rows,).

    `faulty`: the first problem of each store that has one.  `of_all`: there is one that is of no store alone.
    """

    problems: list[Problem] = field(default_factory=list)
    faulty: dict[str, Problem] = field(default_factory=dict)
    of_all: bool = False
    _bad: dict[int, BoolArray] = field(default_factory=dict)

    def table(self, table: str, column: str, what: str, came: str = "") -> None:
        """A problem of a whole column."""
        self.of_all = True
        self.problems.append(Problem(table, "", "", column, what, came))

    def rows(self, table: Table, bad: BoolArray, column: str, what: str) -> None:
        """A problem of each row where `bad` is true; the first `KEPT_PER_KIND` are kept, the others counted."""
        self._bad[id(table)] = self.bad_rows(table) | bad
        positions = np.flatnonzero(bad)
        if not len(positions):
            return
        # Returns are no slip of one store: what they mean is to be chosen for all.
        self.of_all = self.of_all or column == "store_id" or what == NOT_NEGATIVE
        codes, first = np.unique(table.stores.codes[positions], return_index=True)
        words = table.stores.words
        new = [at for code, at in zip(codes, first, strict=True) if code >= 0 and words[code] not in self.faulty]
        for problem in self._told(table, positions[np.array(new, dtype=np.int64)], column, what):
            self.faulty[problem.store] = problem
        self.problems += self._told(table, positions[:KEPT_PER_KIND], column, what)
        self.problems[-1] = replace(self.problems[-1], more=max(len(positions) - KEPT_PER_KIND, 0))

    @staticmethod
    def _told(table: Table, positions: IntArray, column: str, what: str) -> list[Problem]:
        rows = table.raw.select(list(dict.fromkeys(("ds", column)))).take(pa.array(positions)).to_pylist()
        found = []
        for code, row in zip(table.stores.codes[positions].tolist(), rows, strict=True):
            date = "" if row["ds"] is None else str(row["ds"])
            came = "nothing" if row[column] is None else _shown(str(row[column]))
            store = table.stores.words[code] if code >= 0 else ""
            found.append(Problem(table.name, store, date[:10], column, what, came))
        return found

    def bad_rows(self, table: Table) -> BoolArray:
        """(n_rows,) whether a row of a table has a problem."""
        return self._bad.get(id(table), np.zeros(len(table), dtype=np.bool_))

    def save(self, folder: Path) -> Path:
        """Write the problems that were kept to `folder`/data-problems.csv; returns the file."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "data-problems.csv"
        pd.DataFrame([vars(problem) for problem in self.problems]).to_csv(file, index=False)
        return file

    def raise_if_any(self, folder: Path, *hints: str) -> None:
        """End here if there are problems. `hints`: what to do, beside mending the rows.

        Raises: DataError: the report, a few rows of each kind; see `save` for all.
        """
        if not self.problems:
            return
        file = self.save(folder)
        hints = (*self._hints(), *hints)
        lines = "\n".join([*self.lines(), *hints])
        left_out = sum(problem.more for problem in self.problems)
        held = "the first of each kind" if left_out else "all of them"
        count = len(self.problems) + left_out
        told = {"count": count, "file": str(file), "shown": [asdict(problem) for problem in self.shown()]}
        problems = "1 problem" if count == 1 else f"{count} problems"
        error = DataError(f"the input has {problems} ({held}: {file}):\n{lines}")
        error.result = {"problems": {**told, "hints": hints}}
        raise error

    def _hints(self) -> Iterator[str]:
        """The options that let such an input pass."""
        if any(problem.what.startswith(MISSING) for problem in self.problems):
            yield "Columns of other names want a file that says which is which: --mapping (see docs/training.md)"
        returns = self._counts()["train", "y", NOT_NEGATIVE]
        if returns:
            days = "1 day has" if returns == 1 else f"{returns} days have"
            yield (
                f"{days} negative sales, such as returns: --negatives zero takes them for 0, --negatives drop leaves "
                "these days out"
            )

    def _counts(self) -> Counter[tuple[str, str, str]]:
        """Problems of each kind, all of them."""
        counts: Counter[tuple[str, str, str]] = Counter()
        for problem in self.problems:
            counts[problem.kind] += 1 + problem.more
        return counts

    def shown(self) -> Iterator[Problem]:
        """Up to `SHOWN_PER_KIND` problems of each kind; in the last of each, `more` counts those that are not shown."""
        counts = self._counts()
        kept = Counter(problem.kind for problem in self.problems)
        seen: Counter[tuple[str, str, str]] = Counter()
        for problem in self.problems:
            kind = problem.kind
            seen[kind] += 1
            last = min(kept[kind], SHOWN_PER_KIND)
            if seen[kind] <= last:
                yield replace(problem, more=counts[kind] - last if seen[kind] == last else 0)

    def lines(self) -> Iterator[str]:
        """The report's lines: up to `SHOWN_PER_KIND` rows of each kind, then how many more."""
        for problem in self.shown():
            yield f"  {problem}"
            if problem.more:
                yield f"  ... and {problem.more} more of {problem.column}: {problem.what}"


def _shown(cell: str) -> str:
    return cell if len(cell) <= LONGEST_SHOWN else f"{cell[:LONGEST_SHOWN]}..."


def check(report: Report, table: Table, mapped: Mapped) -> BoolArray:
    """Every check of one table; the rows that have a place of their own in a panel, (n_rows,).

    Of a store's day that has several rows, none has: which of them is right, nobody knows.
    """
    for name in ("open", *mapped.flags):
        if name in table.numbers:
            _check_flag(report, table, name)
    for name in mapped.numbers:
        if name in table.numbers:
            _check_number(report, table, name)
    if "y" in table.numbers:
        _check_sales(report, table)
    return _check_keys(report, table)


def _check_keys(report: Report, table: Table) -> BoolArray:
    """Store ids and dates are there and can be kept, dates are days of a sane century, no store has a day twice."""
    codes, days = table.stores.codes, table.days.days
    no_id = codes < 0
    report.rows(table, no_id, "store_id", "wanted a store id")
    bad_id = no_id
    for what, fits in ID_RULES.items():
        bad = np.isin(codes, [code for code, word in enumerate(table.stores.words) if not fits(word)])
        report.rows(table, bad, "store_id", what)
        bad_id = bad_id | bad
    no_date = days == NO_DAY
    report.rows(table, no_date, "ds", "wanted a date such as 2015-06-20")
    far = ~no_date & ((days < EARLIEST) | (days > LATEST))
    first, last = as_dates(np.array([EARLIEST, LATEST]))
    report.rows(table, far, "ds", f"wanted a date from {first} to {last}")
    not_whole = ~no_date & ~far & ~table.days.whole
    report.rows(table, not_whole, "ds", "wanted whole days: sum the sales of a day first")
    good = np.asarray(~(bad_id | no_date | far | not_whole))
    keys = codes[good] * (LATEST - EARLIEST + 1) + days[good] - EARLIEST
    again, several = np.zeros((2, len(good)), dtype=np.bool_)
    again[good] = pd.Series(keys).duplicated(keep="first").to_numpy()
    several[good] = pd.Series(keys).duplicated(keep=False).to_numpy()
    report.rows(table, again, "ds", "wanted one row a store and day")
    return np.asarray(good & ~several)


def _check_sales(report: Report, table: Table) -> None:
    """Sales are numbers, not negative, and 0 on closed days."""
    y = table.numbers["y"].cells
    missing = ~np.isfinite(y)
    report.rows(table, missing, "y", "wanted a number")
    report.rows(table, ~missing & (y < 0), "y", NOT_NEGATIVE)
    report.rows(table, ~missing & (y > MOST_SALES), "y", f"wanted sales of at most {MOST_SALES:.0e}")
    if "open" in table.numbers:
        report.rows(table, (table.numbers["open"].cells == 0) & (y > 0), "y", "wanted 0 on a closed day")


def _check_flag(report: Report, table: Table, column: str) -> None:
    """A flag is 0 or 1; an empty cell is "not known" and allowed only for days ahead."""
    values, written = table.numbers[column].cells, table.numbers[column].written
    report.rows(table, written & (values != 0) & (values != 1), column, "wanted 0 or 1")
    if table.name == TRAIN:
        report.rows(table, ~written, column, "wanted 0 or 1 for every past day")


def _check_number(report: Report, table: Table, column: str) -> None:
    """A number is finite and a calendar can hold it; an empty cell is "not known"."""
    values, written = table.numbers[column].cells, table.numbers[column].written
    report.rows(table, ~np.isfinite(values) & written, column, "wanted a finite number")
    large = np.isfinite(values) & (np.abs(values) > LARGEST_NUMBER)
    report.rows(table, large, column, f"wanted a number of at most {LARGEST_NUMBER:.1e}")


def check_known(report: Report, table: Table, groups: Mapping[str, str]) -> None:
    """Every store stands in the store table; one row of each that does not is shown."""
    strangers = [code for code, word in enumerate(table.stores.words) if word not in groups]
    codes = table.stores.codes
    first = np.zeros(len(codes), dtype=np.bool_)
    first[np.unique(codes, return_index=True)[1]] = True
    report.rows(table, first & np.isin(codes, strangers), "store_id", "wanted a row in the store table")


def check_near(report: Report, table: Table, first_day: int, last_day: int) -> None:
    """Days lie where those of the chain do; one mistyped year would stretch the whole chain over the years between."""
    days = table.days.days
    first, last = as_dates(np.array([first_day, last_day]))
    far = (days < first_day) | (days > last_day)
    report.rows(table, far, "ds", f"wanted a day from {first} to {last}, as the rest of the chain: is it mistyped?")
