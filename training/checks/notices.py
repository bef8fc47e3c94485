"""What is odd in an input that can be trained on, and what is done about it: said in the result, never silently.

A problem ends the run (`validate`); a notice does not. Of each kind the result names the first few stores and counts
all, so that it stays short whatever the chain; a file has them all.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fleet.arrays import as_dates
from training.checks.validate import SHOWN_PER_KIND
from training.history.history import natural_order
from training.sources.tables import Table

FILE = "notices.csv"

GAP, ENDED, NO_HISTORY, NO_SALES = "gap", "history-ended", "no-history", "no-sales"
SALES_ENDED = "sales-ended"
CALENDAR_HOLES = "calendar-holes"
NO_CALENDAR, SHORT_CALENDAR, CALENDAR_ENDS = "no-calendar", "short-calendar", "calendar-ends"
ASSUMED, LIKE_IDS, NO_GROUP = "value-assumed", "ids-alike", "group-unknown"
LEFT_OUT, NEGATIVE_SALES = "rows-left-out", "negative-sales"
NEW_KIND, EVERY_STORE = "kind-unknown", "id-of-all"
RHYTHM = "rhythm"
KINDS = (
    *(LIKE_IDS, EVERY_STORE, NO_GROUP, LEFT_OUT, NEGATIVE_SALES, NEW_KIND),
    *(CALENDAR_ENDS, NO_CALENDAR, SHORT_CALENDAR, CALENDAR_HOLES),
    *(NO_HISTORY, NO_SALES, RHYTHM, GAP, ENDED, SALES_ENDED, ASSUMED),
)
"""In the order in which they are told."""

KindColumn = tuple[str, str]
"""What notices are counted by: their kind, and the column."""


@dataclass(frozen=True)
class Notice:
    """One oddity of a store, or of the chain where `store` is empty; `date`: its first day, `column`: in our words.

    `more`: stores with such a notice that are not shown.
    """

    kind: str
    store: str
    date: str
    column: str
    what: str
    weight: int = 0  # of one kind, heavier ones are told first; no part of the JSON
    more: int = 0

    @property
    def counted_by(self) -> KindColumn:
        """Its kind and column."""
        return self.kind, self.column

    def to_plain(self) -> dict[str, Any]:
        """JSON values; `more` only where there are more."""
        plain = asdict(self)
        del plain["weight"]
        return plain if self.more else {name: part for name, part in plain.items() if name != "more"}


@dataclass(frozen=True)
class Notices:
    """All of them, in the order in which they are told: by kind, column and weight, stores in natural order."""

    all: tuple[Notice, ...] = ()

    def counts(self) -> dict[KindColumn, int]:
        """Stores by kind and column."""
        counts: dict[KindColumn, int] = {}
        for notice in self.all:
            counts[notice.counted_by] = counts.get(notice.counted_by, 0) + 1
        return counts

    def shown(self) -> tuple[Notice, ...]:
        """The first notices of each kind and column, and how many more stores there are."""
        entries: list[Notice] = []
        for (kind, column), count in self.counts().items():
            own = [notice for notice in self.all if notice.counted_by == (kind, column)]
            entries += own[:SHOWN_PER_KIND]
            more = count - SHOWN_PER_KIND
            if more > 0:
                what = f"and {more} more store{'s' if more > 1 else ''}: all of them are in {FILE}"
                entries.append(Notice(kind, "", "", column, what, more=more))
        return tuple(entries)

    def save(self, folder: Path) -> None:
        """Write every notice to `folder`/notices.csv."""
        columns = ["kind", "store", "date", "column", "what"]
        rows = [notice.to_plain() for notice in self.all]
        pd.DataFrame(rows, columns=columns).to_csv(folder / FILE, index=False)


def merged(parts: Sequence[Notices]) -> Notices:
    """The notices of some parts of a chain as one; which part a store is in changes nothing."""
    every = [notice for part in parts for notice in part.all]
    if not every:
        return Notices()
    place = np.empty(len(every), dtype=np.int64)
    place[natural_order(np.array([notice.store for notice in every], dtype=np.str_))] = np.arange(len(every))
    columns = {column: rank for rank, column in enumerate(dict.fromkeys(sorted(notice.column for notice in every)))}

    def order(at: int) -> tuple[int, int, int, int]:
        notice = every[at]
        return KINDS.index(notice.kind), columns[notice.column], -notice.weight, int(place[at])

    return Notices(tuple(every[at] for at in sorted(range(len(every)), key=order)))


def kinds_assumed(train: Table) -> Notices:
    """Days of the past without a value of a kind, which are taken for ordinary ones."""
    found = []
    for name, words in train.kinds.items():
        empty = (words.codes < 0) & (train.stores.codes >= 0)
        stores, first, counts = np.unique(train.stores.codes[empty], return_index=True, return_counts=True)
        for store, at, count in zip(stores.tolist(), first.tolist(), counts.tolist(), strict=True):
            date = date_of(int(train.days.days[empty][at]))
            what = f"{days_in_words(count)} without a value, this is the first: treated as ordinary"
            found.append(Notice(ASSUMED, train.stores.words[store], date, name, what))
    return merged([Notices(tuple(found))])


def groups_unknown(store_ids: Sequence[str], groups: Sequence[str], unknown: str) -> Notices:
    """Stores of which the store table leaves out what groups them. `unknown`: what stands for it in a group."""
    found = [pair for pair in zip(store_ids, groups, strict=True) if unknown in pair[1].split("/")]
    what = "the store table leaves out a value: it is treated as a store of the group"
    return Notices(tuple(Notice(NO_GROUP, store_id, "", "group", f"{what} {group}") for store_id, group in found))


def ids_alike(store_ids: Sequence[str]) -> Notices:
    """Ids that differ in leading zeros only: two stores, or one that a spreadsheet has rewritten."""
    alike: dict[str, list[str]] = {}
    for store_id in store_ids:
        alike.setdefault(store_id.lstrip("0"), []).append(store_id)
    pairs = [sorted(ids, key=len) for ids in alike.values() if len(ids) > 1]
    what = "are treated as different stores; they differ in leading zeros only"
    return Notices(tuple(Notice(LIKE_IDS, ids[0], "", "store_id", f"{', '.join(ids)} {what}") for ids in pairs))


def calendar_end(last_day: int, through: int, horizon_days: int, columns: Sequence[str] = ()) -> Notices:
    """A calendar that ends before the horizon, for every store.

    Args: through: the last day that any table tells of.  columns: what else than opening days is known of the past.
    """
    wanted = last_day + horizon_days
    if through >= wanted:
        return Notices()
    known = f"is known through {date_of(through)}" if through > last_day else "has no day after the history"
    what = f"wanted through {date_of(wanted)}, the calendar {known}: later days are forecast with each store's usual "
    what += "opening"
    if columns:
        what += f" and none of {', '.join(columns)}, so that totals are off where there will be some: give what is "
        what += "planned with --calendar"
    return Notices((Notice(CALENDAR_ENDS, "", date_of(max(through, last_day) + 1), "ds", what),))


def days_in_words(count: int) -> str:
    """A number of days."""
    return "1 day" if count == 1 else f"{count} days"


def date_of(day: int) -> str:
    """A day number as ISO 8601 has it."""
    return str(as_dates(np.array([day]))[0])
