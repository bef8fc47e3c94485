"""What people do in a registry themselves, in MLflow and in memory alike; and fleets to register."""

from typing import Any, Protocol

import numpy as np
import pandas as pd
from support import fleets

from training.registry.base import Registry
from training.registry.memory import MemoryRegistry, Version
from training.registry.mlflow_registry import MlflowRegistry
from training.registry.registration import Registered, register

DAYS = np.arange("2015-01-01", "2015-03-01", dtype="datetime64[D]").astype("datetime64[ns]")
SALES = pd.DataFrame({"ds": DAYS, "y": 100.0 + np.arange(len(DAYS)) % 7})


class ByHand(Protocol):
    """What no training does."""

    def add(self, model: str) -> str:
        """Register a version that holds no fleet, of a model that may be new; returns its number."""

    def delete(self, model: str, version: str) -> None:
        """Delete a version."""


class InMlflow:
    """By MLflow's own client."""

    def __init__(self, registry: MlflowRegistry) -> None:
        self.registry = registry

    def add(self, model: str) -> str:
        folder = self.registry.home / "empty"
        folder.mkdir(exist_ok=True)
        (folder / "MLmodel").write_text("flavors: {}\n")
        with self.registry.connected() as connection:
            if not connection.client.search_registered_models(f"name='{model}'"):
                connection.client.create_registered_model(model)
            return str(connection.client.create_model_version(model, str(folder)).version)

    def delete(self, model: str, version: str) -> None:
        with self.registry.connected() as connection:
            connection.client.delete_model_version(model, version)


class InMemory:
    """By the registry's methods for this."""

    def __init__(self, registry: MemoryRegistry) -> None:
        self.registry = registry

    def add(self, model: str) -> str:
        return self.registry.add(model, Version({}))

    def delete(self, model: str, version: str) -> None:
        self.registry.delete(model, version)


def by_hand_in(registry: Registry) -> ByHand:
    if isinstance(registry, MemoryRegistry):
        return InMemory(registry)
    assert isinstance(registry, MlflowRegistry)
    return InMlflow(registry)


def registered(registry: Registry, *stores: str, seed: int = 7, **more: Any) -> Registered:  # noqa: ANN401 - any argument
    """A random fleet of four stores, and own models of some of them, registered; by default as champion."""
    own = dict.fromkeys(stores, SALES)
    given: dict[str, Any] = {"parameters": {"engine": "random"}, "metrics": {"wape": 0.25}, **more}
    return register(registry, fleets.contents(4, seed=seed), own_sales=own, **given)
