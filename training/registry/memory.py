"""A registry in this process's memory, and gone with it: for trials and tests. It answers as the one in MLflow does."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from fleet import Fleet, FleetContents, FleetFormatError
from fleet.errors import NameSyntaxError
from fleet.names import CHAMPION, FLEET_MODEL, TRANSFORM_TAG, store_id_of, store_model_name
from training.errors import RegistryError
from training.registry.aliases import Move
from training.registry.base import TRAIN_FIRST


@dataclass(frozen=True)
class NotedRun:
    """What a training noted. `plots`: name of each picture's file -> its bytes."""

    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    plots: Mapping[str, bytes]


@dataclass
class Version:
    """One version of a model. `fleet`: None in one that holds none, as a store's own model.  `sales`: of such a one."""

    tags: dict[str, str]
    run_id: str = ""
    fleet: Fleet | None = None
    sales: pd.DataFrame | None = None


@dataclass
class Model:
    """One registered model. `made`: versions so far, also those that were deleted since."""

    versions: dict[str, Version] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    made: int = 0


class MemoryRegistry:
    """See `training.registry.base`: this is both, a `Registry` and its `Connection`.

    `add` and `delete` are what people do by hand in MLflow, as are `move` and `set_tag`.
    """

    address = "memory"

    def __init__(self) -> None:
        self.models: dict[str, Model] = {}
        self.runs: dict[str, NotedRun] = {}
        self._alone = threading.Lock()
        self._run_ids = map(str, count(1))

    def load(self) -> None:
        """See `Registry`."""

    def is_there(self) -> bool:
        """See `Registry`."""
        return True

    def locked(self) -> AbstractContextManager[Any]:
        """See `Registry`."""
        return self._alone

    @contextmanager
    def connected(self, *, reading: bool = False) -> Iterator["MemoryRegistry"]:  # noqa: ARG002 - nothing to make
        """See `Registry`."""
        yield self

    def champion(self) -> str | None:
        """See `Connection`."""
        return self.models[FLEET_MODEL].aliases.get(CHAMPION) if FLEET_MODEL in self.models else None

    def aliases(self) -> dict[str, str]:
        """See `Connection`."""
        return dict(self._model(FLEET_MODEL).aliases)

    def move(self, move: Move) -> None:
        """See `Connection`."""
        aliases = self._model(move.model).aliases
        if move.new is None:
            aliases.pop(move.alias, None)
        else:
            self._version(move.model, move.new)
            aliases[move.alias] = move.new

    def versions(self) -> list[int]:
        """See `Connection`."""
        return sorted(map(int, self.models[FLEET_MODEL].versions)) if FLEET_MODEL in self.models else []

    def has_version(self, model: str, version: str) -> bool:
        """See `Connection`."""
        return model in self.models and version in self.models[model].versions

    def tags(self, version: str) -> Mapping[str, str]:
        """See `Connection`."""
        return dict(self._version(FLEET_MODEL, version).tags)

    def set_tag(self, version: str, name: str, text: str) -> None:
        """See `Connection`."""
        self._version(FLEET_MODEL, version).tags[name] = text

    def metrics(self, version: str) -> Mapping[str, float]:
        """See `Connection`."""
        run_id = self._version(FLEET_MODEL, version).run_id
        return self.runs[run_id].metrics if run_id else {}

    def fetch_fleet(self, version: str) -> Fleet:
        """See `Connection`."""
        fleet = self._version(FLEET_MODEL, version).fleet
        if fleet is None:
            raise FleetFormatError(
                f"version {version} of {FLEET_MODEL}: wanted a fleet, found none; register one again"
            )
        return fleet

    def open_fleet(self, alias: str) -> tuple[Fleet, str]:
        """See `Connection`."""
        version = self._model(FLEET_MODEL).aliases.get(alias)
        if version is None:
            raise self._missing(f"alias {alias} of {FLEET_MODEL}")
        return self.fetch_fleet(version), version

    def store_models(self) -> Iterator[tuple[str, dict[str, str]]]:
        """See `Connection`."""
        for name, model in self.models.items():
            try:
                store_id_of(name)
            except NameSyntaxError:
                continue
            yield name, dict(model.aliases)

    @contextmanager
    def run(
        self,
        contents: FleetContents,
        *,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, float],
        plots: Path | None,
    ) -> Iterator["MemoryRun"]:
        """See `Connection`."""
        fleet, run_id = Fleet.from_contents(contents), next(self._run_ids)
        pictures = {path.name: path.read_bytes() for path in sorted(plots.iterdir())} if plots else {}
        self.runs[run_id] = NotedRun(dict(parameters), dict(metrics), pictures)
        yield MemoryRun(self, run_id, fleet)

    def add(self, name: str, version: Version) -> str:
        """Register a version of a model that may be new; returns its number, which no other version ever has."""
        model = self.models.setdefault(name, Model())
        model.made += 1
        model.versions[str(model.made)] = version
        return str(model.made)

    def delete(self, name: str, version: str) -> None:
        """Delete a version, and the aliases that point to it."""
        model = self._model(name)
        del model.versions[version]
        model.aliases = {alias: pointed for alias, pointed in model.aliases.items() if pointed != version}

    def _model(self, name: str) -> Model:
        if name not in self.models:
            raise self._missing(f"registered model {name}")
        return self.models[name]

    def _version(self, name: str, version: str) -> Version:
        versions = self._model(name).versions
        if version not in versions:
            raise self._missing(f"version {version} of {name}")
        return versions[version]

    def _missing(self, what: str) -> RegistryError:
        return RegistryError(f"the registry in {self.address} failed: {what} not found; {TRAIN_FIRST}")


@dataclass(frozen=True)
class MemoryRun:
    """See `training.registry.base.LoggedRun`."""

    registry: MemoryRegistry
    run_id: str
    fleet: Fleet

    def register_fleet(self, tags: Mapping[str, str]) -> str:
        """See `LoggedRun`."""
        return self.registry.add(FLEET_MODEL, Version(dict(tags), self.run_id, self.fleet))

    def register_store(self, store_id: str, sales: pd.DataFrame) -> str:
        """See `LoggedRun`; what is kept is the sales."""
        tags = {TRANSFORM_TAG: self.fleet.design.transform}
        return self.registry.add(store_model_name(store_id), Version(dict(tags), self.run_id, sales=sales))
