"""A part's tables without the rows that cannot be used, and what is said of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fleet.arrays import BoolArray
from training.checks import full_calendar, validate
from training.checks.notices import Notices, merged
from training.checks.returns import Negatives, settle
from training.checks.row_notices import left_out
from training.checks.validate import Problem, Report
from training.history.history import ChainContext
from training.history.panel import naturally
from training.sources.mapping import Mapped
from training.sources.tables import TRAIN, NameArray, Table

LOST_SHARE = 0.05
"""Share of its rows that a store may lose; beyond it, and beyond one row, what is left of them is not trusted."""


@dataclass(frozen=True)
class Cleaned:
    """What can be used of some stores. `ids`: every store.  `tables`: sales, days ahead, and what is told of past days.

    `faulty`: the first problem of each store that has too many to be trusted, None where one is of no store alone.
    """

    report: Report
    ids: NameArray
    tables: list[Table]
    faulty: Mapping[str, Problem] | None
    notices: Notices


def store_ids(tables: Sequence[Table], groups: Mapping[str, str] | None) -> NameArray:
    """Every store in natural order: those of the store table, or those that a row names."""
    if groups is not None:
        return naturally(np.array(sorted(groups), dtype=np.str_))
    return naturally(np.unique(np.concatenate([table.store_ids() for table in tables])))


def clean(
    tables: Sequence[Table],
    groups: Mapping[str, str] | None,
    mapped: Mapped,
    days: ChainContext | None,
    negatives: Negatives = "refuse",
) -> Cleaned:
    """Find everything that is wrong with the tables of some stores, and leave the rows concerned out.

    Args: tables: the sales, then the calendar if there is one.  days: of the chain; None where no row has one.
    """
    train, told = settle(tables[0], negatives)
    own, past = [train, *tables[1:]], None
    if len(tables) > 1 and days is not None:
        ahead, past = full_calendar.parted(tables[1], days.last_day)
        own = [train, ahead]
    ids = store_ids(own, groups)
    report = Report()
    good, lost = _checked(report, own, groups, mapped, days)
    if past is not None and days is not None:
        good += full_calendar.usable(past, good[0], ids, mapped, days)
    if report.of_all:
        return Cleaned(report, ids, good, None, told)
    rows = _rows_of(own, [np.ones(len(table), dtype=np.bool_) for table in own])
    faulty = {store: found for store, found in report.faulty.items() if lost[store] > max(1, LOST_SHARE * rows[store])}
    others = {store: report.faulty[store] for store in naturally(_names(report.faulty.keys() - faulty.keys())).tolist()}
    return Cleaned(report, ids, good, faulty, merged([told, left_out(others, lost)]))


def _checked(
    report: Report, tables: Sequence[Table], groups: Mapping[str, str] | None, mapped: Mapped, days: ChainContext | None
) -> tuple[list[Table], Counter[str]]:
    """The tables without their bad rows, and how many of these each store had."""
    places = [validate.check(report, table, mapped) for table in tables]
    placed = [table.keep(place) for table, place in zip(tables, places, strict=True)]
    for table in placed:
        if groups is not None:
            validate.check_known(report, table, groups)
        if days is not None:
            through = days.last_day if table.name == TRAIN else days.through
            validate.check_near(report, table, days.first_day, through)
    bad = [report.bad_rows(table).copy() for table in tables]
    for rows, place, table in zip(bad, places, placed, strict=True):
        rows[place] |= report.bad_rows(table)
    good = [table.keep(place & ~rows) for table, place, rows in zip(tables, places, bad, strict=True)]
    return good, _rows_of(tables, bad)


def _rows_of(tables: Sequence[Table], chosen: Sequence[BoolArray]) -> Counter[str]:
    """How many of the chosen rows each store has."""
    found: Counter[str] = Counter()
    for table, rows in zip(tables, chosen, strict=True):
        codes, counts = np.unique(table.stores.codes[rows & (table.stores.codes >= 0)], return_counts=True)
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            found[table.stores.words[code]] += count
    return found


def _names(store_ids: "set[str]") -> NameArray:
    return np.array(sorted(store_ids), dtype=np.str_)
