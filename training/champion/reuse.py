"""Refit only what changed: a store that is known as it was keeps the champion's parameters, bit for bit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fleet import Design, Fleet, Parameters
from fleet.arrays import BoolArray, IntArray
from training.backtest.assemble import LOST, data_hashes
from training.champion.fleet_gate import same_plain
from training.engines.engine import Engine, Fits
from training.history.history import History
from training.pooling.collect import GroupPriors
from training.pooling.variants import Variant, combine, fit_variants


@dataclass(frozen=True)
class Reused:
    """`rows`: places in the history of the stores that are not fitted again, and their `parameters` in that order."""

    rows: IntArray
    parameters: Parameters


@dataclass(frozen=True)
class ChampionRows:
    """What a champion knows of some stores. `hashes`, `places`: store -> its data's hash, its row in `parameters`."""

    hashes: Mapping[str, bytes]
    places: Mapping[str, int]
    parameters: Parameters

    def of(self, store_ids: Iterable[str]) -> "ChampionRows":
        """The same of those of the stores that it knows."""
        ids = [store_id for store_id in store_ids if store_id in self.places]
        rows = np.array([self.places[store_id] for store_id in ids], dtype=np.int64)
        hashes = {store_id: self.hashes[store_id] for store_id in ids}
        return ChampionRows(hashes, {store_id: row for row, store_id in enumerate(ids)}, self.parameters.rows(rows))

    def unchanged(self, history: History) -> Reused | None:
        """The stores whose rows and features are what they were; None where there is none of them."""
        hashes = dict(zip(history.store_ids, data_hashes(history), strict=True))
        rows = [row for row, store_id in enumerate(history.store_ids) if self.hashes.get(store_id) == hashes[store_id]]
        there = np.array([self.places[history.store_ids[row]] for row in rows], dtype=np.int64)
        return Reused(np.array(rows), self.parameters.rows(there)) if rows else None


def champion_rows(champion: Fleet, design: Design, engine: str, settings: dict[str, Any]) -> ChampionRows | None:
    """The fitted stores of a champion; None where its engine, design or settings are not ours."""
    same_recipe = champion.engine == engine and same_plain(dict(champion.settings), settings)
    if not (same_recipe and same_plain(champion.design.to_dict(), design.to_dict())):
        return None
    # A model that lost to the baseline was fitted all the same, and its parameters are there.
    fitted = champion.has_model | (champion.facts["failure"] == LOST.encode())
    hashes = champion.facts["data_hash"].tolist()
    places = {store_id: row for row, store_id in enumerate(champion.store_ids) if fitted[row]}
    return ChampionRows({store_id: hashes[row] for store_id, row in places.items()}, places, champion.parameters)


def fit_changed(
    history: History,
    design: Design,
    engine: Engine,
    variants: Sequence[Variant],
    choice: IntArray,
    reused: Reused | None,
    group_priors: GroupPriors | None = None,
) -> Fits:
    """Fit all stores but the kept ones, with the variants chosen; the kept ones' parameters stand in their rows.

    Args: group_priors: of short histories, for the history's last day and each variant.
    """
    n_stores = len(history.store_ids)
    effects = [group_priors.get((history.last_day, variant.name)) for variant in variants] if group_priors else ()
    if reused is None:
        return combine(fit_variants(engine, history, design, variants, effects), choice)
    is_reused = np.zeros(n_stores, dtype=np.bool_)
    is_reused[reused.rows] = True
    if is_reused.all():
        return Fits(reused.parameters, is_reused, (), {})
    rows = np.flatnonzero(~is_reused)
    some = history.rows(rows)
    fits = combine(fit_variants(engine, some, design, variants, effects), choice[rows])
    return _merged(reused, fits, rows, is_reused)


def _merged(reused: Reused, fits: Fits, rows: IntArray, is_reused: BoolArray) -> Fits:
    whole = fits.parameters.room_for(len(is_reused))
    whole.put(reused.rows, reused.parameters)
    whole.put(rows, fits.parameters)
    fitted = is_reused.copy()
    fitted[rows] = fits.fitted
    return Fits(
        whole,
        fitted,
        tuple(int(rows[row]) for row in fits.too_short),
        {int(rows[row]): reason for row, reason in fits.failures.items()},
    )
