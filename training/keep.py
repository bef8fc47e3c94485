"""Refit only what changed: a store that is known as it was keeps the champion's parameters, bit for bit."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from fleet import Design, Fleet, Parameters
from fleet.arrays import BoolArray, IntArray
from training.assemble import LOST, data_hash
from training.engine import Engine, Fits, Progress
from training.gate import same_plain
from training.history import History
from training.variants import Variant, combine, fit_variant


@dataclass(frozen=True)
class Kept:
    """`rows`: places in the history of the stores that are not fitted again, and their `parameters` in that order."""

    rows: IntArray
    parameters: Parameters


def unchanged(champion: Fleet, history: History, design: Design, engine: str, settings: dict[str, Any]) -> Kept | None:
    """The stores whose rows, features and settings are the champion's; None where there is none of them."""
    same_recipe = champion.engine == engine and same_plain(dict(champion.settings), settings)
    if not (same_recipe and same_plain(champion.design.to_dict(), design.to_dict())):
        return None
    # A model that lost to the baseline was fitted all the same, and its parameters are there.
    fitted = champion.has_model | (champion.facts["failure"] == LOST.encode())
    hashes = dict(zip(champion.store_ids, champion.facts["data_hash"].tolist(), strict=True))
    places = {store_id: row for row, store_id in enumerate(champion.store_ids) if fitted[row]}
    rows = [
        row
        for row, store_id in enumerate(history.store_ids)
        if store_id in places and hashes[store_id] == data_hash(history, row)
    ]
    if not rows:
        return None
    there = np.array([places[history.store_ids[row]] for row in rows])
    return Kept(np.array(rows), champion.parameters.rows(there))


def fit_changed(
    history: History,
    design: Design,
    engine: Engine,
    variants: Sequence[Variant],
    choice: IntArray,
    kept: Kept | None,
    progress: Progress,
) -> Fits:
    """Fit all stores but the kept ones, with the variants chosen; the kept ones' parameters stand in their rows."""
    n_stores = len(history.store_ids)
    if kept is None:
        return combine([fit_variant(engine, history, design, variant, progress) for variant in variants], choice)
    is_kept = np.zeros(n_stores, dtype=np.bool_)
    is_kept[kept.rows] = True
    progress(len(kept.rows) * len(variants), 0)
    if is_kept.all():
        return Fits(kept.parameters, is_kept, (), {})
    rows = np.flatnonzero(~is_kept)
    some = of_rows(history, rows)
    fits = combine([fit_variant(engine, some, design, variant, progress) for variant in variants], choice[rows])
    return _merged(kept, fits, rows, is_kept)


def _merged(kept: Kept, fits: Fits, rows: IntArray, is_kept: BoolArray) -> Fits:
    def both(name: str) -> "np.typing.NDArray[np.float64]":
        old, new = getattr(kept.parameters, name), getattr(fits.parameters, name)
        whole = np.empty((len(is_kept), *new.shape[1:]))
        whole[kept.rows], whole[rows] = old, new
        return whole

    fitted = is_kept.copy()
    fitted[rows] = fits.fitted
    return Fits(
        Parameters(*(both(field.name) for field in fields(Parameters))),
        fitted,
        tuple(int(rows[row]) for row in fits.too_short),
        {int(rows[row]): reason for row, reason in fits.failures.items()},
    )


def of_rows(history: History, rows: IntArray) -> History:
    """Some stores of a chain."""
    calendar = history.calendar
    return History(
        tuple(history.store_ids[row] for row in rows),
        history.groups[rows],
        history.sales[rows],
        replace(
            calendar,
            values={name: values[rows] for name, values in calendar.values.items()},
            usual_open=calendar.usual_open[rows],
            usual_numbers={name: numbers[rows] for name, numbers in calendar.usual_numbers.items()},
        ),
    )
