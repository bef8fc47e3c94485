"""Checked tables -> the panel of a chain, or of a part of it."""

from collections.abc import Mapping, Sequence

import numpy as np

from fleet import Calendar, Column
from fleet.arrays import DAYS_A_WEEK, AnyArray, BoolArray, FloatArray, IntArray
from fleet.calendar import OPEN, UNKNOWN
from training.errors import DataError
from training.history.history import ChainContext, History, natural_order, number_of_chain, usual_number, with_habits
from training.history.opening_days import habits_of
from training.history.zero_sales import day_counts, quiet_days
from training.sources.mapping import Mapped
from training.sources.tables import OPENING, TRAIN, NameArray, Table

NO_GROUP = "all"
MAX_LABELS = 200  # a kind is a code of one byte


def labels_of(tables: Sequence[Table], mapped: Mapped) -> dict[str, set[str]]:
    """The values of each kind that some row has, but the ordinary one."""
    return {
        name: set().union(*(table.kinds[name].present() for table in tables if name in table.kinds)) - {kind.none, ""}
        for name, kind in mapped.kinds.items()
    }


def columns_of(labels: Mapping[str, set[str]], mapped: Mapped) -> tuple[Column, ...]:
    """The calendar's columns.

    Raises: DataError: a kind has too many values to be one.
    """
    columns = [Column(OPEN, "flag"), *(Column(name, "flag") for name in mapped.flags)]
    for name, kind in mapped.kinds.items():
        if len(labels[name]) > MAX_LABELS:
            raise DataError(
                f"column {name!r}: wanted at most {MAX_LABELS} kinds, got {len(labels[name])}: is it a number?"
            )
        columns.append(Column(name, "kind", (kind.none, *sorted(labels[name]))))
    return (*columns, *(Column(name, "number") for name in mapped.numbers))


def groups_of(ids: NameArray, groups: Mapping[str, str] | None) -> NameArray:
    """(n_stores,) each store's group."""
    return np.array([NO_GROUP if groups is None else groups[store_id] for store_id in ids.tolist()], dtype="U32")


def naturally(ids: NameArray) -> NameArray:
    """Ids in the order in which people list stores."""
    return ids[natural_order(ids)]


def panel(tables: Sequence[Table], ids: NameArray, groups: NameArray, chain: ChainContext) -> History:
    """The panel of some stores, in the order of `ids`; `tables`: the sales, then others, of which the last one counts.

    A store that knows too little is filled up from the chain's snapshots; without snapshots, from the stores at hand.
    """
    shape = (len(ids), chain.through - chain.first_day + 1)
    places = [_places(table, ids, chain.first_day) for table in tables]
    values = {column.name: _fill(column, tables, places, shape) for column in chain.columns}
    sales = np.full((len(ids), chain.last_day - chain.first_day + 1), np.nan)
    sales[places[0]] = tables[0].numbers["y"].cells
    numbers = {
        column.name: _filled(usual_number(values[column.name]), chain.usual_numbers.get(column.name))
        for column in chain.columns
        if column.type == "number"
    }
    told = OPEN in tables[0].raw.column_names or any(
        table.name == OPENING and len(table) == len(tables[0]) for table in tables
    )
    if chain.snapshots:  # what is told of all, so that it does not depend on who else is here
        told = chain.open_told
    nothing = np.zeros((len(ids), DAYS_A_WEEK), dtype=np.bool_)
    calendar = Calendar(chain.first_day, chain.columns, values, nothing, numbers, open_told=told)
    habits = habits_of(calendar, sales, shape[1], told=told)
    of_groups = chain.snapshots[chain.last_day].habits if chain.snapshots else None
    calendar = with_habits(calendar, groups, habits, of_groups)
    said = np.zeros(sales.shape, dtype=np.bool_)
    for table, place in zip(tables, places, strict=True):
        if table.name == OPENING:
            said[place] = np.isfinite(table.numbers[OPEN].cells)
    quiet = chain.quiet or quiet_of_groups(groups, sales, chain.first_day)
    history = History(tuple(ids.tolist()), groups, sales, calendar, chain if chain.snapshots else None, quiet, said)
    return history.settled()


def quiet_of_groups(groups: NameArray, sales: FloatArray, first_day: int) -> dict[str, BoolArray]:
    """Group -> (n_days,) days on which hardly anybody of it sold."""
    names = np.unique(groups).tolist()
    return {name: quiet_days(day_counts(sales[groups == name], first_day), first_day) for name in names}


def _filled(usual: FloatArray, default: float | None) -> FloatArray:
    known = np.isfinite(usual)
    return np.where(known, usual, number_of_chain(usual) if default is None else default)


def _places(table: Table, ids: NameArray, first_day: int) -> tuple[IntArray, IntArray]:
    """Row and column of each table row in the panel."""
    order = np.argsort(ids, kind="stable")
    words = np.array(table.stores.words, dtype=np.str_)
    row = np.searchsorted(ids, words, sorter=order)
    row = order[np.minimum(row, len(ids) - 1)]
    return row[table.stores.codes], table.days.days - first_day


def _fill(
    column: Column, tables: Sequence[Table], places: Sequence[tuple[IntArray, IntArray]], shape: tuple[int, int]
) -> AnyArray:
    """One column's panel, unknown where no table says."""
    if column.type == "number":
        panel: AnyArray = np.full(shape, np.nan, dtype=np.float32)
    else:
        panel = np.full(shape, UNKNOWN, dtype=np.uint8)
    for table, place in zip(tables, places, strict=True):
        if column.name in table.kinds:
            panel[place] = _coded(table, column)
        elif column.name in table.numbers:
            values = table.numbers[column.name].cells
            # A number too large becomes infinite, which the fit of its store tells of.
            with np.errstate(over="ignore"):
                panel[place] = values if column.type == "number" else np.where(np.isnan(values), UNKNOWN, values)
    return panel


def _coded(table: Table, column: Column) -> AnyArray:
    """Codes of a kind. In the history an empty cell is an ordinary day; in the days ahead nobody has said yet."""
    words = table.kinds[column.name]
    codes = {label: code for code, label in enumerate(column.labels)}
    empty = 0 if table.name == TRAIN else UNKNOWN
    by_word = np.array([*(codes.get(word, empty) for word in words.words), empty], dtype=np.uint8)
    return by_word[words.codes]  # -1, an empty cell, is the last
