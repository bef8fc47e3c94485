"""One input table in our names and types, beside what was written."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fleet.arrays import BoolArray
from training.sources.arrow_columns import (
    NO_DAY,
    Days,
    Numbers,
    Words,
    main_block,
    read_days,
    read_flags,
    read_kinds,
    read_numbers,
    read_words,
)
from training.sources.base import Source
from training.sources.mapping import Mapped

NameArray = npt.NDArray[np.str_]

TRAIN, CALENDAR, STORES = "train", "calendar", "stores"
OPENING = "opening"
"""What a calendar says of the opening on days of the history, whose own table does not."""


@dataclass(frozen=True)
class Table:
    """Rows of sales or of the days ahead. First axis of all arrays: the row.

    `raw`: the same rows as they were written, under our names.  `numbers`: sales, flags and numbers by our name.
    """

    name: str
    raw: pa.Table
    stores: Words
    days: Days
    numbers: Mapping[str, Numbers]
    kinds: Mapping[str, Words]

    def __len__(self) -> int:
        return len(self.stores.codes)

    def store_ids(self) -> NameArray:
        """Every id that a row has, sorted."""
        seen = np.unique(self.stores.codes[self.stores.codes >= 0])
        return np.array([self.stores.words[code] for code in seen], dtype=np.str_)

    def keep(self, good: BoolArray) -> "Table":
        """Some of the rows."""
        if good.all():
            return self
        return Table(
            self.name,
            self.raw.filter(pa.array(good)),
            Words(self.stores.codes[good], self.stores.words),
            Days(self.days.days[good], self.days.whole[good]),
            {name: Numbers(part.cells[good], part.written[good]) for name, part in self.numbers.items()},
            {name: Words(part.codes[good], part.words) for name, part in self.kinds.items()},
        )

    def span(self, after: int = NO_DAY) -> tuple[int, int] | None:
        """First and last day after another, without days far from all others; None where no row has such a day."""
        return main_block(np.unique(self.days.days[self.days.days > after]))


def mapped_columns(name: str, mapped: Mapped) -> dict[str, str]:
    """Our names of a table's columns -> the source's."""
    wanted = {"store_id": mapped.store_id, "ds": mapped.ds, **mapped.known_ahead()}
    return wanted | ({"y": mapped.y} if name == TRAIN else {})


def present_columns(name: str, source: Source, mapped: Mapped) -> dict[str, str]:
    """Those of the wanted columns that a source has."""
    return {ours: theirs for ours, theirs in mapped_columns(name, mapped).items() if theirs in source.column_names}


def table_of(raw: pa.Table, name: str, mapped: Mapped) -> Table:
    """Read the columns that are there; nothing is checked yet."""
    there = [column for column in mapped_columns(name, mapped) if column in raw.column_names]
    numbers = {
        column: read_numbers(raw[column]) if column in ("y", *mapped.numbers) else read_flags(raw[column])
        for column in there
        if column not in ("store_id", "ds", *mapped.kinds)
    }
    if name == TRAIN and "open" not in numbers and "y" in numbers:
        # Nobody says when a store was open: a day with sales was an open day.
        numbers["open"] = Numbers((numbers["y"].cells > 0).astype(np.float64), np.ones(len(raw), dtype=np.bool_))
    kinds = {name: read_kinds(raw[name], kind.none) for name, kind in mapped.kinds.items() if name in there}
    return Table(name, raw, read_words(raw["store_id"]), read_days(raw["ds"]), numbers, kinds)
