"""A registry with three fleets that brought stores' own models, and how the aliases of all of them stand."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from support.training.registries import by_hand_in, registered

from fleet.names import CHALLENGER, CHAMPION, FLEET_MODEL, PREVIOUS, store_model_name
from training.registry.aliases import Move
from training.registry.base import Registry
from training.registry.promotion import promote, rollback
from training.registry.registration import Registered

State = dict[str, dict[str, str]]
"""The fleet or a store -> alias -> version."""

START: State = {
    FLEET_MODEL: {CHAMPION: "2", PREVIOUS: "1", CHALLENGER: "3"},
    "1": {CHAMPION: "2"},
    "2": {CHAMPION: "1"},
    "3": {CHALLENGER: "1"},
    "4": {},
}
"""Fleet 1 brought store 1's own model 1; fleet 2 brought 2 of store 1 and 1 of store 2; fleet 3 brought store 3's."""


def changed(state: State, **stores: dict[str, str]) -> State:
    """The state with other aliases: `fleet` for the fleet's, `s1` for store 1's."""
    return state | {FLEET_MODEL if key == "fleet" else key[1:]: aliases for key, aliases in stores.items()}


BACK = changed(START, fleet={CHAMPION: "1", PREVIOUS: "2", CHALLENGER: "3"}, s1={CHAMPION: "1"}, s2={})
PROMOTED = changed(START, fleet={CHAMPION: "3", PREVIOUS: "2"}, s1={}, s2={}, s3={CHAMPION: "1"})


class OwnModelChain:
    """Such a registry; the models of its store 4, and the third of store 1, nobody's training brought."""

    def __init__(self, registry: Registry) -> None:
        self.registry, self.by_hand = registry, by_hand_in(registry)
        self.train("1")
        self.train("1", "2")
        self.train("3", alias=CHALLENGER)
        self.by_hand.add(store_model_name("4"))
        self.by_hand.add(store_model_name("1"))

    def train(self, *stores: str, alias: str = CHAMPION) -> Registered:
        return registered(self.registry, *stores, alias=alias)

    def promote(self, version: str | None = None, *, dry_run: bool = False) -> dict[str, Any]:
        return promote(self.registry, version, dry_run=dry_run)

    def rollback(self, *, dry_run: bool = False) -> dict[str, Any]:
        return rollback(self.registry, dry_run=dry_run)

    def tags(self, version: str) -> Mapping[str, str]:
        with self.registry.connected() as connection:
            return connection.tags(version)

    def tag(self, version: str, name: str, text: str) -> None:
        with self.registry.connected() as connection:
            connection.set_tag(version, name, text)

    def state(self) -> State:
        with self.registry.connected() as connection:
            stores = dict(connection.store_models())
            return {FLEET_MODEL: connection.aliases()} | {
                key: stores[store_model_name(key)] for key in START if key != FLEET_MODEL
            }

    def put(self, wanted: State) -> None:
        with self.registry.connected() as connection:
            for key, aliases in wanted.items():
                model = key if key == FLEET_MODEL else store_model_name(key)
                for alias in (CHAMPION, PREVIOUS, CHALLENGER):
                    connection.move(Move(alias, None, aliases.get(alias), model))


class _CutShortError(Exception):
    """The process is gone."""


def cut_short(chain: OwnModelChain, after: int, command: Callable[..., object], *args: str) -> None:
    """A command whose process ends when `after` aliases have moved."""
    with chain.registry.connected() as connection:
        of_registry: Any = type(connection)
    real, moved = of_registry.move, 0

    def move(connection: object, move: Move) -> None:
        nonlocal moved
        if moved == after:
            raise _CutShortError
        moved += 1
        real(connection, move)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(of_registry, "move", move)
        with pytest.raises(_CutShortError):
            command(*args)
