"""One registered version a fleet, one alias that says which is served: register, and find it again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fleet import Fleet, FleetContents, FleetFormatError
from fleet.names import CHALLENGER, CHAMPION, FLEET_MODEL, GATE_TAG, store_model_name
from training.errors import AliasMovedError, RegistryError
from training.registry import aliases, store_models
from training.registry.aliases import Move
from training.registry.base import TRAIN_FIRST, Connection, Registry
from training.registry.store_models import Plan, StoreModelVersion

ANY_CHAMPION = "any"


@dataclass(frozen=True)
class Registered:
    """Where a training went: the run, the fleet's version, the stores' own models (name -> version).

    store_moves: how aliases of own models moved with the fleet's.  left_alone: those that somebody set by hand.
    """

    run_id: str
    version: str
    alias: str
    store_models: Mapping[str, str]
    store_moves: Sequence[Move]
    left_alone: Sequence[StoreModelVersion]


@dataclass(frozen=True)
class Champion:
    """The version that is served; no fleet where this release cannot open it."""

    version: str
    fleet: Fleet | None


def register(
    registry: Registry,
    contents: FleetContents,
    *,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    own_sales: Mapping[str, pd.DataFrame] | None = None,
    alias: str = CHAMPION,
    gate: str = "",
    against: str | None = ANY_CHAMPION,
    plots: Path | None = None,
) -> Registered:
    """Log one run, register its fleet as a new version, and move the alias to it; an old champion becomes `previous`.

    The aliases of stores' own models move with it, as in a promotion.

    Args:   own_sales: stores to register as stock Prophet models, too, with the sales that they were fitted on
            (columns `ds`, `y`).  alias: `champion` or `challenger`.  gate: why it is that, for the version's tags.
            against: the version that the gate compared with, None where there was no champion.
            plots: folder of pictures for the run's page.
    Raises: AliasMovedError: another version is champion now; no alias has moved.  RegistryError.
            FleetFormatError: the fleet cannot be written.
    """
    with registry.locked(), registry.connected() as connection:
        _check_champion(connection, against)
        with connection.run(contents, parameters=parameters, metrics=metrics, plots=plots) as run:
            # Before the fleet's version, which is born with the tag that says what it brings.
            stores = {store_id: run.register_store(store_id, sales) for store_id, sales in (own_sales or {}).items()}
            new = run.register_fleet({GATE_TAG: gate, **store_models.tag_of(stores)})
            _check_champion(connection, against, new)
            plan = _point(connection, new, alias, brings=bool(stores))
            named = {store_model_name(store_id): version for store_id, version in stores.items()}
            return Registered(run.run_id, new, alias, named, plan.of_stores, plan.left_alone)


def _check_champion(connection: Connection, against: str | None, made: str | None = None) -> None:
    """Refuse to go on where the champion is not the one that the gate compared with; `made`: the version that waits.

    A local registry is locked meanwhile. On a server, another training may finish between the two looks.
    """
    if against == ANY_CHAMPION or (standing := connection.champion()) == against:
        return
    if made is not None:
        why = f"without an alias: it was judged against {against or 'no champion'}, and {standing} became champion"
        connection.set_tag(made, GATE_TAG, why)
    raise AliasMovedError(
        f"wanted version {against or 'none'} of {FLEET_MODEL} as champion, which this fleet was judged against, it is "
        f"{standing or 'none'} now: train again"
    )


def _point(connection: Connection, version: str, alias: str, *, brings: bool) -> Plan:
    """Move an alias to a new version, and those of stores' own models with it; `brings`: the version brought some."""
    before = connection.aliases()
    if alias != CHAMPION:
        plan = store_models.plan(connection, before, aliases.to_challenger(before, version))
    elif not brings:
        plan = store_models.plan(connection, before, aliases.to_champion(before, version))
    else:
        # Cut short among the stores, it is the challenger: the next promotion or training knows whose models they are.
        moves = aliases.to_champion({**before, CHALLENGER: version}, version)
        plan = store_models.plan(connection, before, moves)
        ended = sum(move.alias == CHALLENGER for move in plan.of_stores)
        plan.moves.insert(ended, Move(CHALLENGER, before.get(CHALLENGER), version))
    for move in plan.moves:
        connection.move(move)
    return plan


def check_there(registry: Registry) -> None:
    """See `Registry.is_there`.

    Raises: RegistryError: there is no such file.
    """
    if not registry.is_there():
        raise RegistryError(f"there is no registry at {registry.address}: {TRAIN_FIRST}")


def load_fleet(registry: Registry, alias: str = CHAMPION) -> tuple[Fleet, str]:
    """The fleet that an alias points to, and its version.

    Raises: RegistryError: no server, or nothing is registered under that alias yet.
    """
    check_there(registry)
    with registry.connected() as connection:
        return connection.open_fleet(alias)


def current_champion(registry: Registry) -> Champion | None:
    """The champion, if there is one; nothing is made in the registry, nor the registry.

    Raises: RegistryError.
    """
    if not registry.is_there():
        return None
    with registry.connected(reading=True) as connection:
        version = connection.champion()
        if version is None:
            return None
        try:
            return Champion(version, connection.fetch_fleet(version))
        except FleetFormatError:
            return Champion(version, None)
