"""What a training, a promotion and a rollback ask of a registry; in MLflow, and in memory."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from fleet import Fleet, FleetContents
from training.registry.aliases import Move

TRAIN_FIRST = "train first, or name another registry with --home or MLFLOW_TRACKING_URI"


class LoggedRun(Protocol):
    """A training that the registry has noted, with its fleet; what it made can be registered."""

    @property
    def run_id(self) -> str:
        """Of the run."""
        ...

    def register_fleet(self, tags: Mapping[str, str]) -> str:
        """Register its fleet as a new version, born with these tags; returns the version."""
        ...

    def register_store(self, store_id: str, sales: pd.DataFrame) -> str:
        """Register one store of it as a stock Prophet model, too; returns the version.

        Args: sales: that the store was fitted on (columns `ds`, `y`).
        """
        ...


class Connection(Protocol):
    """A registry that answers. A version is its number as text; `model` is a registered name.

    Raises, every method: RegistryError: the registry fails, or does not hold what was asked for.
    """

    def champion(self) -> str | None:
        """The fleet's version with the alias `champion`; None also where no fleet is registered yet."""
        ...

    def aliases(self) -> dict[str, str]:
        """Alias -> version of the fleet."""
        ...

    def move(self, move: Move) -> None:
        """Let an alias point to another version, or to none; whatever it pointed to."""
        ...

    def versions(self) -> list[int]:
        """The fleet's versions, ascending."""
        ...

    def has_version(self, model: str, version: str) -> bool:
        """Whether a model has a version."""
        ...

    def tags(self, version: str) -> Mapping[str, str]:
        """The tags of a version of the fleet."""
        ...

    def set_tag(self, version: str, name: str, text: str) -> None:
        """Set a tag of a version of the fleet."""
        ...

    def metrics(self, version: str) -> Mapping[str, float]:
        """The metrics of the run that made a version of the fleet; none where no run did."""
        ...

    def fetch_fleet(self, version: str) -> Fleet:
        """One version of the fleet, read whole.

        Raises: FleetFormatError: there is none in it, or it is torn, or of a newer format.
        """
        ...

    def open_fleet(self, alias: str) -> tuple[Fleet, str]:
        """The fleet that an alias points to, whose arrays are read when they are needed, and its version.

        Raises: FleetFormatError: as `fetch_fleet`.
        """
        ...

    def store_models(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Registered name of each store's own model, and its aliases (alias -> version)."""
        ...

    def run(
        self,
        contents: FleetContents,
        *,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, float],
        plots: Path | None,
    ) -> AbstractContextManager[LoggedRun]:
        """Note a training: its parameters, metrics, fleet, and the pictures in a folder.

        Raises: FleetFormatError: the fleet cannot be written.
        """
        ...


class Registry(Protocol):
    """Where fleets are registered. Nothing is asked before `connected`."""

    @property
    def address(self) -> str:
        """For people: without a user and password."""
        ...

    def load(self) -> None:
        """Load the code that it needs, which may take seconds; else the first `connected` does."""
        ...

    def is_there(self) -> bool:
        """Whether there is a registry to look into: one in a file is not made by who only looks."""
        ...

    def locked(self) -> AbstractContextManager[None]:
        """Alone with its aliases, from reading them to the last move. A server's cannot be locked.

        Raises: RegistryBusyError: another training or promotion does not come to an end.
        """
        ...

    def connected(self, *, reading: bool = False) -> AbstractContextManager[Connection]:
        """Ask it. What fails inside is raised as `RegistryError`.

        Args:   reading: make nothing there.
        Raises: RegistryError: it cannot be reached or refuses.
        """
        ...
