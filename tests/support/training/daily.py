"""Histories in memory, from a table of sales a store and day."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fleet.arrays import FloatArray, day_numbers
from training.chain.survey import chain_of, days_between, survey_tables
from training.checks.clean import store_ids
from training.history.history import History
from training.history.panel import groups_of, panel
from training.sources.mapping import Mapped
from training.sources.tables import CALENDAR, TRAIN, Table, table_of

FIRST = dt.date(2021, 1, 4)
"""A Monday."""

PLAIN = Mapped("store_id", "ds", "y", open=None, flags={}, kinds={}, group=())
"""A file of sales that says nothing else."""


def daily(
    sales: FloatArray,
    *,
    groups: Sequence[str] | None = None,
    mapped: Mapped = PLAIN,
    columns: dict[str, npt.NDArray[Any]] | None = None,
    ahead: dict[str, npt.NDArray[Any]] | None = None,
) -> History:
    """The history that a training reads of these sales.

    Args: sales: (n_stores, n_days) from `FIRST` on, NaN where there is no row; stores are called 1, 2, 3 ...
          groups: of each store.  columns: further columns of the same shape, by our names.  ahead: columns of the days
          after, (n_stores, any number of days).
    """
    tables = [_table(TRAIN, {"y": sales} | (columns or {}), 0, mapped)]
    if ahead:
        tables.append(_table(CALENDAR, ahead, sales.shape[1], mapped))
    named = None if groups is None else {str(row + 1): group for row, group in enumerate(groups)}
    spans = [table.span() or (None, None) for table in tables]
    days = days_between(spans[0], spans[-1] if ahead else (None, None))
    found = survey_tables(tables, named, mapped, days)
    assert not found.problems, found.problems
    ids = store_ids(tables, named)
    return panel(tables, ids, groups_of(ids, named), replace(chain_of([found], days, mapped), snapshots={}))


def _table(name: str, columns: dict[str, npt.NDArray[Any]], first: int, mapped: Mapped) -> Table:
    shape = next(iter(columns.values())).shape
    there = np.isfinite(columns["y"]) if "y" in columns else np.ones(shape, dtype=np.bool_)
    rows, places = np.nonzero(there)
    cells = {column: pa.array(np.asarray(values)[there]) for column, values in columns.items()}
    dates = (int(day_numbers(FIRST)) + first + places).astype("datetime64[D]")
    raw = pa.table({"store_id": pa.array([str(row + 1) for row in rows]), "ds": pa.array(dates), **cells})
    return table_of(raw, name, mapped)
