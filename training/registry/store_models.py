"""Which aliases of stores' own models move with the fleet's: a fleet version remembers the models that it brought."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fleet.names import CHALLENGER, CHAMPION, FLEET_MODEL, OWN_MODELS_TAG, store_model_name
from training.errors import RegistryError
from training.registry import aliases
from training.registry.aliases import Move
from training.registry.base import Connection


@dataclass(frozen=True)
class StoreModelVersion:
    """One version of a store's own model, and the alias that it has or would have got."""

    model: str
    alias: str
    version: str


@dataclass(frozen=True)
class Plan:
    """What moves, in this order: own models' challengers, own models' champions, the fleet.

    left_alone: aliases that somebody set by hand.  missing: what the incoming fleet brought and somebody deleted since.
    """

    moves: list[Move] = field(default_factory=list)
    left_alone: list[StoreModelVersion] = field(default_factory=list)
    missing: list[StoreModelVersion] = field(default_factory=list)

    @property
    def of_stores(self) -> list[Move]:
        """The moves of the stores' own models."""
        return [move for move in self.moves if move.model != FLEET_MODEL]


def tag_of(brought: Mapping[str, str]) -> dict[str, str]:
    """The tag of a fleet version that brings those own models, store id -> version."""
    return {OWN_MODELS_TAG: json.dumps(brought)} if brought else {}


def brought_by(connection: Connection, version: str | None) -> dict[str, str]:
    """The own models that a fleet version brought, registered name -> version; none where there is no fleet version.

    Raises: RegistryError: its tag is not what `tag_of` writes.
    """
    if version is None:
        return {}
    said = connection.tags(version).get(OWN_MODELS_TAG, "{}")
    try:
        return {store_model_name(store_id): str(own) for store_id, own in json.loads(said).items()}
    except (ValueError, AttributeError):
        raise RegistryError(
            f"wanted a JSON object, store id to version, in the tag {OWN_MODELS_TAG} of version {version} of "
            f"{FLEET_MODEL}, got {said!r}: correct the tag, or delete it to leave the stores' models alone"
        ) from None


def plan(connection: Connection, found: Mapping[str, str], moves: Sequence[Move]) -> Plan:
    """The fleet's moves from the aliases `found`, and before them those of own models that go with the fleet.

    The stores' come first: as long as the fleet's champion stands, the same command finds the same outgoing fleet, and
    completes what was cut short.

    Raises: RegistryError.
    """
    made, after = Plan(), aliases.after(found, moves)
    changed = [alias for alias in (CHALLENGER, CHAMPION) if found.get(alias) != after.get(alias)]
    models = dict(connection.store_models()) if changed else {}
    # A promotion or training that was cut short, and never done again, left models of the challenger as champions.
    stray = brought_by(connection, found.get(CHALLENGER)) if changed else {}
    for alias in dict.fromkeys([*changed, CHAMPION] if stray else changed):
        outgoing = [brought_by(connection, found.get(alias)), *([stray] if alias == CHAMPION else [])]
        incoming = brought_by(connection, after.get(alias))
        for model in sorted(models.keys() | incoming.keys()):
            current = models.get(model, {}).get(alias)
            leaving = {brought[model] for brought in outgoing if model in brought}
            if alias in changed or current == stray.get(model) is not None:
                _plan_store(connection, made, Move(alias, current, incoming.get(model), model), leaving)
    made.moves.extend(moves)
    return made


def _plan_store(connection: Connection, made: Plan, move: Move, leaving: set[str]) -> None:
    """Add one alias of one store to the plan; `leaving`: the versions that the outgoing fleet brought."""
    if move.old is not None and move.old not in leaving | {move.new}:
        made.left_alone.append(StoreModelVersion(move.model, move.alias, move.old))
        return
    if move.new not in (None, move.old) and not connection.has_version(move.model, move.new):
        made.missing.append(StoreModelVersion(move.model, move.alias, move.new))
        move = Move(move.alias, move.old, None, move.model)
    if move.old != move.new:
        made.moves.append(move)
