"""A registry in an SQLite file: made by one process alone, and usable wherever its folder has been moved or copied to.

MLflow records where artifacts are as absolute paths. Ours lie in the folder `artifacts` beside the database; where the
records say otherwise, they are put right before MLflow reads them.
"""

import fcntl
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from fleet.errors import RegistryBusyError, RegistryFileError
from fleet.names import EXPERIMENT

SQLITE = "sqlite:///"

_ARTIFACTS = "artifacts"
# Every column of MLflow's tables that holds the place of an artifact.
_PLACES = (
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
    ("experiments", "artifact_location"),
)
_OPENING_S = 120.0
_SWITCHING_S = 900.0
_LOOK_EVERY_S = 0.05


def database_of(uri: str) -> Path | None:
    """The SQLite file of a tracking URI; None where the registry is something else."""
    path = uri.removeprefix(SQLITE).partition("?")[0]
    # SQLite's own words for one in memory, and for a file with options.
    own_words = path in ("", ":memory:") or path.startswith("file:")
    return Path(path).absolute() if uri.startswith(SQLITE) and not own_words else None


def artifacts_of(uri: str) -> str | None:
    """The folder for the artifacts of a local registry; None lets a server choose."""
    database = database_of(uri)
    return str(database.parent / _ARTIFACTS) if database else None


@contextmanager
def opening(uri: str) -> Iterator[None]:
    """Alone with a local registry, its places put right: MLflow breaks a database that two processes make at once.

    Raises: RegistryBusyError: another process does not come to an end.  RegistryFileError: it cannot be used.
    """
    database = database_of(uri)
    if database is None:
        yield
        return
    with _locked(database.with_name(f"{database.name}.opening"), _OPENING_S):
        _put_right(database)
        yield


@contextmanager
def switching(uri: str) -> Iterator[None]:
    """Alone with the aliases of a local registry, from reading them to the last move. A server's cannot be locked.

    Raises: RegistryBusyError: another training or promotion does not come to an end.
    """
    database = database_of(uri)
    if database is None:
        yield
        return
    with _locked(database.with_name(f"{database.name}.switching"), _SWITCHING_S):
        yield


def mlflow_store(store_uri: str) -> Any:  # noqa: ANN401 - a store of MLflow
    """MLflow's own model registry in SQLite, its places put right first: so a notebook finds a registry that was moved.

    An entry point of MLflow (`mlflow.model_registry_store`), which calls it for every `sqlite:` URI.
    """
    from mlflow.tracking._model_registry.utils import _get_sqlalchemy_store  # noqa: PLC0415 - MLflow takes seconds

    database = database_of(store_uri)
    if database is not None:
        _put_right(database)
    return _get_sqlalchemy_store(store_uri)  # type: ignore[no-untyped-call]


@contextmanager
def _locked(file: Path, patience_s: float) -> Iterator[None]:
    """Hold a lock that ends with its holder."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("a")
    except OSError:
        # A folder that cannot be written: nobody makes or moves anything there.
        yield
        return
    with stream:
        give_up = time.monotonic() + patience_s
        while not _take(stream.fileno()):
            if time.monotonic() > give_up:
                raise RegistryBusyError(
                    f"another process has been changing the registry in {file.parent} for {patience_s:.0f} s (it "
                    f"holds {file.name}): wait for it, or end it, and try again"
                )
            time.sleep(_LOOK_EVERY_S)
        yield


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _put_right(database: Path) -> None:
    if not database.is_file():
        return
    here = database.parent / _ARTIFACTS
    try:
        with closing(sqlite3.connect(database, timeout=_OPENING_S)) as connection:
            recorded = _recorded(connection)
            if recorded is None or _same(recorded, here) or not _moved(connection, recorded, here):
                return
            with connection:
                for table, column in _PLACES:
                    # The table and column are ours; a place is the old folder itself, or below it.
                    connection.execute(
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608
                        f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                        (str(here), len(recorded) + 1, recorded, len(recorded) + 1, f"{recorded}/"),
                    )
    except sqlite3.Error as error:
        raise RegistryFileError(
            f"wanted a registry that can be read and written in {database}, got: {error}; make it writable, or name "
            "another one with --home or MLFLOW_TRACKING_URI"
        ) from None


def _recorded(connection: sqlite3.Connection) -> str | None:
    """The folder that our experiment writes to; None where there is none yet, or where it is no folder of ours."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {table for table, _ in _PLACES} <= tables:
        return None
    found = connection.execute("SELECT artifact_location FROM experiments WHERE name = ?", (EXPERIMENT,)).fetchone()
    place = str(found[0]) if found and found[0] else ""
    return place if place.startswith("/") and Path(place).name == _ARTIFACTS else None


def _same(recorded: str, here: Path) -> bool:
    if recorded == str(here):
        return True
    try:
        return Path(recorded).samefile(here)
    except OSError:
        return False


def _moved(connection: sqlite3.Connection, recorded: str, here: Path) -> bool:
    """Whether the artifacts are here now; a database may also have been made to stand apart from them."""
    if not Path(recorded).is_dir():
        return True
    rows = connection.execute(
        "SELECT artifact_location FROM logged_models WHERE substr(artifact_location, 1, ?) = ?",
        (len(recorded) + 1, f"{recorded}/"),
    )
    places = [here / str(place)[len(recorded) + 1 :] for (place,) in rows]
    return any(place.exists() for place in places) or not places
