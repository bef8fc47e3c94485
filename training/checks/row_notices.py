"""Notices of rows that were not taken as they are, and of words that mean something else than they seem to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fleet.arrays import BoolArray
from training.checks.notices import EVERY_STORE, LEFT_OUT, NEW_KIND, Notice, Notices, date_of, days_in_words
from training.checks.validate import Problem
from training.sources.arrow_columns import NO_DAY
from training.sources.tables import Table

STAR = "*"
"""What every store is asked for by."""


@dataclass(frozen=True)
class SeenKinds:
    """Values of kinds that rows have, by our name of the column. `ahead`: each with its first day."""

    past: Mapping[str, set[str]]
    ahead: Mapping[str, Mapping[str, int]]


def of_rows(kind: str, table: Table, rows: BoolArray, column: str, what: str) -> Notices:
    """A notice a store that has such rows: how many, and the earliest. `what`: goes on after the number of days."""
    rows = rows & (table.stores.codes >= 0) & (table.days.days != NO_DAY)
    codes, days = table.stores.codes[rows], table.days.days[rows]
    order = np.lexsort((days, codes))
    stores, first, counts = np.unique(codes[order], return_index=True, return_counts=True)
    found = zip(stores.tolist(), days[order][first].tolist(), counts.tolist(), strict=True)
    return Notices(
        tuple(
            Notice(kind, table.stores.words[store], date_of(day), column, f"{days_in_words(count)} of {what}")
            for store, day, count in found
        )
    )


def left_out(problems: Mapping[str, Problem], counts: Mapping[str, int]) -> Notices:
    """Stores that go without some rows. `problems`: the first of each store.  `counts`: rows of each."""
    found = []
    for store_id, problem in problems.items():
        rows = "1 row" if counts[store_id] == 1 else f"{counts[store_id]} rows"
        what = f"{rows} left out; {problem}"
        found.append(Notice(LEFT_OUT, store_id, problem.date, problem.column, what))
    return Notices(tuple(found))


def kinds_seen(train: Table, others: Iterable[Table], last_day: int) -> SeenKinds:
    """The values of kinds in the rows of some tables. `last_day`: of the past."""
    past: dict[str, set[str]] = {name: set() for name in train.kinds}
    ahead: dict[str, dict[str, int]] = {name: {} for name in train.kinds}
    for table in (train, *others):
        for name, words in table.kinds.items():
            for code in np.unique(words.codes[words.codes >= 0]).tolist():
                days = table.days.days[words.codes == code]
                word = words.words[code]
                if days.min() <= last_day:
                    past[name].add(word)
                if days.max() > last_day:
                    first = int(days[days > last_day].min())
                    ahead[name][word] = min(first, ahead[name].get(word, first))
    return SeenKinds(past, ahead)


def kinds_unknown(seen: Sequence[SeenKinds], nones: Mapping[str, str]) -> Notices:
    """Values of kinds in the days ahead that no day of the chain's past has. `nones`: of the ordinary day, by name."""
    found = []
    for name, none in nones.items():
        past = set().union(*(part.past.get(name, set()) for part in seen))
        first: dict[str, int] = {}
        for part in seen:
            for word, day in part.ahead.get(name, {}).items():
                first[word] = min(day, first.get(word, day))
        what = "which no past day has: is it another spelling? Of such days the sales tell nothing"
        found += [
            Notice(NEW_KIND, "", date_of(first[word]), name, f"the days ahead have {word!r}, {what}")
            for word in sorted(first.keys() - past - {none})
        ]
    return Notices(tuple(found))


def id_of_all(store_ids: Sequence[str]) -> Notices:
    """A store by the name that means every store where one asks for forecasts."""
    what = "means every store when it is asked for, so this one can only be had among all: give it another id"
    found = (Notice(EVERY_STORE, STAR, "", "store_id", f"the id {STAR} {what}"),)
    return Notices(found if STAR in store_ids else ())
