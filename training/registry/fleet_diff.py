"""What changes for the chain when one fleet takes another's place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fleet import Fleet

SCORES = ("wape", "rmspe", "bias", "coverage_80")
MOST_STORES = 10


@dataclass(frozen=True)
class Registration:
    """One registered version: its fleet, and the metrics of the run that made it."""

    version: str
    fleet: Fleet
    metrics: Mapping[str, float]


def difference(old: Registration, new: Registration) -> dict[str, Any]:
    """Both fleets side by side, and the stores that notice, as plain JSON values.

    Scores are those of each fleet's own backtest; the days judged differ where the histories do. `wape` holds the
    `MOST_STORES` largest changes, the largest first.
    """
    sources_old, sources_new = _sources(old.fleet), _sources(new.fleet)
    both = [store for store in sources_old if store in sources_new]
    return {
        "from": _side(old),
        "to": _side(new),
        "stores_added": [store for store in sources_new if store not in sources_old],
        "stores_removed": [store for store in sources_old if store not in sources_new],
        "source": [
            {"store": store, "from": sources_old[store], "to": sources_new[store]}
            for store in both
            if sources_old[store] != sources_new[store]
        ],
        "wape": _largest_changes(_wape(old.fleet), _wape(new.fleet)),
    }


def _side(registration: Registration) -> dict[str, Any]:
    fleet = registration.fleet
    scores = {name: float(registration.metrics[name]) for name in SCORES if name in registration.metrics}
    return {
        "version": registration.version,
        "trained_through": str(fleet.trained_through),
        "engine": fleet.engine,
        "stores": fleet.n_stores,
        "with_model": fleet.n_models,
        **{name: scores.get(name) for name in SCORES},
    }


def _sources(fleet: Fleet) -> dict[str, str]:
    return {
        store: "fleet" if has_model else "fallback"
        for store, has_model in zip(fleet.store_ids, fleet.has_model.tolist(), strict=True)
    }


def _wape(fleet: Fleet) -> dict[str, float]:
    scores = fleet.facts["wape"].astype(np.float64)
    return {store: score for store, score in zip(fleet.store_ids, scores.tolist(), strict=True) if np.isfinite(score)}


def _largest_changes(old: Mapping[str, float], new: Mapping[str, float]) -> list[dict[str, Any]]:
    changes = {store: new[store] - old[store] for store in old if store in new and new[store] != old[store]}
    largest = sorted(changes, key=lambda store: -abs(changes[store]))[:MOST_STORES]
    return [
        {"store": store, "from": round(old[store], 5), "to": round(new[store], 5), "change": round(changes[store], 5)}
        for store in largest
    ]
