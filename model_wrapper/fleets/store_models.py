"""Stores' own registered models: which of them the served fleet can use, and the last used of them in memory."""

import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from threading import Lock
from typing import cast

from fleet import Fleet, StorecastError
from fleet.prophet.store_model import StoreModel
from model_wrapper.registry.cache import CachedStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BoundStoreModel:
    """One store's own model, ready to forecast: a fleet of that store alone, over the served fleet's calendar."""

    fleet: Fleet
    version: str
    trained_through: date


class StoreModels:
    """The stores' own models beside one fleet; safe for threads.

    Whether a store has one that can be used is decided once, here, from its manifest and the fleet's calendar: every
    component of a graph that sees the same registry decides the same.
    """

    def __init__(self, fleet: Fleet | None, stores: Mapping[str, CachedStore], most: int) -> None:
        """Find what can be used, and read the first `most` of it.

        Args: most: models kept in memory; the one not used for longest makes room.
        """
        self._fleet, self._most, self._lock = fleet, most, Lock()
        self._ready: OrderedDict[str, BoundStoreModel] = OrderedDict()
        self._versions: dict[str, str] = {}
        self._own: dict[str, StoreModel] = {}
        self.refused: dict[str, str] = {}
        self.missing = sum(store.path is None and not store.problem for store in stores.values())
        for store_id, store in stores.items():
            self._add(store_id, store)
        for store_id in list(self._own)[:most]:
            self.get(store_id)

    def __contains__(self, store_id: str) -> bool:
        """Whether a store has its own model."""
        return store_id in self._own

    def __len__(self) -> int:
        """Count the stores that have one."""
        return len(self._own)

    @property
    def loaded(self) -> int:
        """Count the models in memory."""
        return len(self._ready)

    def get(self, store_id: str) -> BoundStoreModel | None:
        """A store's own model; None where it has none, or it turned out to be damaged."""
        own = self._own.get(store_id)
        if own is None:
            return None
        with self._lock:
            if store_id not in self._ready:
                made = self._read(store_id, own)
                if made is None:
                    return None
                self._ready[store_id] = made
                while len(self._ready) > self._most:
                    self._ready.popitem(last=False)
                return made
            self._ready.move_to_end(store_id)
            return self._ready[store_id]

    def _add(self, store_id: str, store: CachedStore) -> None:
        if store.path is None:
            if store.problem:
                self._refuse(store_id, store.version, store.problem)
            return
        try:
            own = StoreModel.open(store.path)
            own.design_within(cast("Fleet", self._fleet), store_id)
        except (StorecastError, OSError, KeyError, TypeError) as error:
            self._refuse(store_id, store.version, str(error))
        else:
            self._own[store_id], self._versions[store_id] = own, store.version

    def _read(self, store_id: str, own: StoreModel) -> BoundStoreModel | None:
        try:
            fleet = own.within(cast("Fleet", self._fleet), store_id)
        except (StorecastError, OSError) as error:
            self._refuse(store_id, self._versions[store_id], str(error))
            return None
        return BoundStoreModel(fleet, self._versions[store_id], cast("date", own.trained_through.astype(object)))

    def _refuse(self, store_id: str, version: str, reason: str) -> None:
        if store_id not in self.refused:
            facts = {"store": store_id, "version": version, "reason": reason}
            logger.warning("wrapper.store_model_refused", extra={"facts": facts})
        self.refused[store_id] = reason


NO_STORE_MODELS = StoreModels(None, {}, 0)
