"""Brings what a version holds from an MLflow server that hands out its artifacts itself, without the registry's client.

A server names such artifacts `mlflow-artifacts:/...`, or by its own address; what lies elsewhere, as in S3, is left to
the client.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fleet.names import version_uri
from model_wrapper.errors import FleetUnavailableError
from model_wrapper.registry.cache import FLEET_FILE, FleetCache
from model_wrapper.registry.mlflow_rest import AskTheClientError, NamedModel, Server

_MOST_FOLDERS = 200
_HANDED_OUT = "/api/2.0/mlflow-artifacts/artifacts/"


def bring_fleet(fleet: NamedModel, cache: FleetCache, environ: Mapping[str, str], timeout_s: float) -> None:
    """Bring a version of the fleet into the cache; nothing where it is there already, or the client must be asked.

    Raises: FleetUnavailableError: the server cannot be reached, or is too slow, or the version holds no fleet.
    """
    place = cache.place_of(*fleet)
    server = Server.of(environ, timeout_s)
    if server is None or (place / FLEET_FILE).is_file():
        return
    with cache.incoming(place) as temporary:
        try:
            folder = download(server, fleet, FLEET_FILE, temporary)
        except (AskTheClientError, KeyError, TypeError, ValueError):
            return
        if folder is None:
            told = f"wanted a folder with {FLEET_FILE}, found none"
            raise FleetUnavailableError(f"{version_uri(fleet.name, fleet.version)}: {told}")
        cache.take_in(folder, place)
    cache.forget_old(fleet.name)


def download(server: Server, model: NamedModel, wanted: str, into: Path) -> Path | None:
    """Download the folder of a version that holds a file of that name, the one nearest to the version's root.

    Returns: where it is; None where there is no such file.
    Raises:  FleetUnavailableError, AskTheClientError: as `Server`.  KeyError, TypeError, ValueError: a strange answer.
    """
    said = server.get("mlflow/model-versions/get-download-uri", {"name": model.name, "version": model.version})
    folders = [_path_of(said["artifact_uri"], server)]
    for number, folder in enumerate(folders):
        if number == _MOST_FOLDERS:
            raise AskTheClientError
        found = server.listed(folder)
        if (wanted, False) in found:
            target = into / "files"
            _save_all(server, folder, found, target)
            return target
        folders += [f"{folder}/{name}" for name, is_folder in found if is_folder]
    return None


def tags_of(server: Server, model: NamedModel) -> dict[str, str]:
    """The tags of a version.

    Raises: as `download`.
    """
    said = server.get("mlflow/model-versions/get", {"name": model.name, "version": model.version})
    tags: list[dict[str, Any]] = said["model_version"].get("tags", [])
    return {tag["key"]: tag["value"] for tag in tags}


def _path_of(uri: str, server: Server) -> str:
    parts = urlsplit(uri)
    own = f"{server.base}{_HANDED_OUT}"
    path = parts.path if parts.scheme == "mlflow-artifacts" and not parts.netloc else ""
    path = uri.removeprefix(own) if uri.startswith(own) else path
    # What is encoded may mean two things.
    if not path.strip("/") or any(sign in path for sign in "%?#"):
        raise AskTheClientError
    return path.strip("/")


def _save_all(server: Server, folder: str, found: list[tuple[str, bool]], target: Path) -> None:
    target.mkdir()
    for name, is_folder in found:
        if is_folder:
            _save_all(server, f"{folder}/{name}", server.listed(f"{folder}/{name}"), target / name)
        else:
            server.save(f"{folder}/{name}", target / name)
    os.utime(target)
