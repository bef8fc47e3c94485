"""What changes for the chain when one fleet takes another's place."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fleet import Fleet

SCORES = ("wape", "rmspe", "bias", "coverage_80")
MOST_STORES = 10

_IN_JSON = {"old": "from", "new": "to"}


@dataclass(frozen=True)
class Registration:
    """One registered version: its fleet, and the metrics of the run that made it."""

    version: str
    fleet: Fleet
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Side:
    """One of the two fleets; its scores are those of its own backtest, None where it has none."""

    version: str
    trained_through: str
    engine: str
    stores: int
    with_model: int
    wape: float | None
    rmspe: float | None
    bias: float | None
    coverage_80: float | None


@dataclass(frozen=True)
class SourceChange:
    """A store that another source answers: `fleet`, its model, or `fallback`."""

    store: str
    old: str
    new: str


@dataclass(frozen=True)
class WapeChange:
    """A store whose WAPE differs; `change`: new - old."""

    store: str
    old: float
    new: float
    change: float


@dataclass(frozen=True)
class FleetDiff:
    """Both fleets side by side, and the stores that notice.

    `wape`: the `MOST_STORES` largest changes, the largest first; the days judged differ where the histories do.
    """

    old: Side
    new: Side
    stores_added: tuple[str, ...]
    stores_removed: tuple[str, ...]
    source: tuple[SourceChange, ...]
    wape: tuple[WapeChange, ...]

    def to_plain(self) -> dict[str, Any]:
        """JSON values, in which old and new are `from` and `to`."""
        return asdict(self, dict_factory=_as_json)


def _as_json(parts: list[tuple[str, Any]]) -> dict[str, Any]:
    return {_IN_JSON.get(name, name): list(part) if isinstance(part, tuple) else part for name, part in parts}


def difference(old: Registration, new: Registration) -> FleetDiff:
    """What is another in the new fleet."""
    sources_old, sources_new = _sources(old.fleet), _sources(new.fleet)
    return FleetDiff(
        old=_side(old),
        new=_side(new),
        stores_added=tuple(store for store in sources_new if store not in sources_old),
        stores_removed=tuple(store for store in sources_old if store not in sources_new),
        source=tuple(
            SourceChange(store, source, sources_new[store])
            for store, source in sources_old.items()
            if store in sources_new and source != sources_new[store]
        ),
        wape=_largest_changes(_wape(old.fleet), _wape(new.fleet)),
    )


def _side(registration: Registration) -> Side:
    fleet = registration.fleet
    scores = {name: float(registration.metrics[name]) for name in SCORES if name in registration.metrics}
    return Side(
        version=registration.version,
        trained_through=str(fleet.trained_through),
        engine=fleet.engine,
        stores=fleet.n_stores,
        with_model=fleet.n_models,
        **{name: scores.get(name) for name in SCORES},
    )


def _sources(fleet: Fleet) -> dict[str, str]:
    return {
        store: "fleet" if has_model else "fallback"
        for store, has_model in zip(fleet.store_ids, fleet.has_model.tolist(), strict=True)
    }


def _wape(fleet: Fleet) -> dict[str, float]:
    scores = fleet.facts["wape"].astype(np.float64)
    return {store: score for store, score in zip(fleet.store_ids, scores.tolist(), strict=True) if np.isfinite(score)}


def _largest_changes(old: Mapping[str, float], new: Mapping[str, float]) -> tuple[WapeChange, ...]:
    changes = {store: new[store] - old[store] for store in old if store in new and new[store] != old[store]}
    largest = sorted(changes, key=lambda store: -abs(changes[store]))[:MOST_STORES]
    return tuple(
        WapeChange(store, round(old[store], 5), round(new[store], 5), round(changes[store], 5)) for store in largest
    )
