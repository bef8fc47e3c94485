"""A registry in MLflow: a tracking server, or a local SQLite file. MLflow itself loads when it is first asked."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.mlflow import local_registry
from training.registry.tracking_uri import public_uri

if TYPE_CHECKING:
    from training.registry.runs import MlflowConnection


@dataclass(frozen=True)
class MlflowRegistry:
    """See `training.registry.base.Registry`. `uri`: of the tracking server or file.  `home`: for what is made here."""

    uri: str
    home: Path

    @property
    def address(self) -> str:
        """See `Registry`."""
        return public_uri(self.uri)

    def load(self) -> None:
        """See `Registry`."""
        import_module("training.registry.runs")

    def is_there(self) -> bool:
        """See `Registry`."""
        database = local_registry.database_of(self.uri)
        return bool(self.uri) and (database is None or database.exists())

    def locked(self) -> AbstractContextManager[None]:
        """See `Registry`."""
        return local_registry.switching(self.uri)

    @contextmanager
    def connected(self, *, reading: bool = False) -> "Iterator[MlflowConnection]":
        """See `Registry`; unless `reading`, our experiment is there afterwards."""
        from training.registry.runs import MlflowConnection, connected  # noqa: PLC0415 - see above

        with connected(self.uri, self.home, reading=reading) as client:
            yield MlflowConnection(client)
