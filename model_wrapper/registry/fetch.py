"""Fetches a fleet from a registry into the cache, and prints where it is.

    python -m model_wrapper.registry.fetch URI CACHE

Run as a process of its own by `model_wrapper.fleets.source`, so that the registry's client leaves with it.
"""

import argparse
import ctypes
import json
import os
import re
import signal
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from fleet.mlflow.local_registry import database_of, opening
from fleet.mlflow.versions import download_version, fleet_inside
from fleet.names import parse_model_uri, version_uri
from model_wrapper.errors import FleetUnavailableError
from model_wrapper.registry.cache import FLEET_FILE, CachedVersion, FleetCache
from model_wrapper.registry.fetch_stores import PROPHET_FILE, OwnFiles, fetch_each, fetch_stores
from model_wrapper.registry.mlflow_rest import AskTheClientError, NamedModel, Server, registry_state
from model_wrapper.registry.rest_files import bring_fleet, download, tags_of

_PR_SET_PDEATHSIG = 1
_REST_S = 3600.0  # who waits for this process ends it much earlier
_USER_AND_PASSWORD = re.compile(r"(?<=://)[^/\s@]+@")


def fetch(uri: str, cache: FleetCache, stores_s: float | None = None) -> CachedVersion:
    """Bring the version that a URI names into the cache, and the stores' own models.

    Args:   stores_s: seconds after which no further store's model is fetched; None: none at all.
    Raises: FleetUnavailableError: no registry, or no fleet in the version.  NameSyntaxError: the URI names no version.
    """
    until = None if stores_s is None else time.monotonic() + stores_s
    return _fetch_over_rest(uri, cache, until) or _fetch_by_client(uri, cache, until)


def _fetch_over_rest(uri: str, cache: FleetCache, until: float | None) -> CachedVersion | None:
    seen = registry_state(uri, os.environ, _REST_S, with_stores=until is not None)
    server = Server.of(os.environ, _REST_S)
    if seen is None or server is None:
        return None
    bring_fleet(seen.fleet, cache, os.environ, _REST_S)
    place = cache.place_of(*seen.fleet)
    if not (place / FLEET_FILE).is_file():
        return None

    def read(model: NamedModel, folder: Path) -> OwnFiles:
        return OwnFiles(download(server, model, PROPHET_FILE, folder), tags_of(server, model))

    try:
        stores = fetch_each(seen.stores.items(), read, cache, until) if until is not None else {}
    except AskTheClientError:
        return None
    return CachedVersion(place, seen.fleet.version, int(seen.fleet.created), stores)


def _fetch_by_client(uri: str, cache: FleetCache, until: float | None) -> CachedVersion:
    from mlflow import MlflowClient, get_registry_uri  # noqa: PLC0415 - 1-2 s and 75 MB, only in this process

    _refuse_missing_database(get_registry_uri())
    with opening(get_registry_uri()):
        client = MlflowClient()
    name, alias, number = parse_model_uri(uri)
    model: Any = (
        client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, number or "")
    )
    version = str(model.version)
    place = cache.place_of(name, version, str(model.creation_timestamp))
    if not (place / FLEET_FILE).is_file():
        _download(cache, name, version, place)
        cache.forget_old(name)
    stores = fetch_stores(client, cache, until) if until is not None else {}
    return CachedVersion(place, version, int(model.creation_timestamp), stores)


def _refuse_missing_database(registry: str) -> None:
    # The client would make an empty one, and several workers that make it at once break it.
    path = database_of(registry)
    if path is not None and not path.is_file():
        raise FleetUnavailableError(
            f"wanted a registry, got no database {path}; train a fleet first, or set MLFLOW_TRACKING_URI"
        )


def _download(cache: FleetCache, name: str, version: str, place: Path) -> None:
    uri = version_uri(name, version)
    with cache.incoming(place) as temporary:
        fleet = fleet_inside(download_version(uri, temporary))
        if fleet is None:
            raise FleetUnavailableError(f"{uri}: wanted a folder with {FLEET_FILE}, found none")
        cache.take_in(fleet, place)


def main(arguments: list[str] | None = None) -> int:
    """Fetch and print one JSON line; on a problem print one line on stderr and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m model_wrapper.registry.fetch", description=__doc__)
    parser.add_argument("uri", help="models:/NAME@ALIAS or models:/NAME/VERSION")
    parser.add_argument("cache", type=Path, help="folder of the cache")
    parser.add_argument("--parent", type=int, help="process id of the worker that waits; without it, nobody does")
    parser.add_argument("--stores", type=float, help="fetch stores' own models, too, for that many seconds")
    given = parser.parse_args(arguments)
    if given.parent is not None:
        _end_with(given.parent)
    cache = FleetCache(given.cache)
    try:
        with redirect_stdout(sys.stderr):
            found = fetch(given.uri, cache, given.stores)
    except Exception as error:  # noqa: BLE001 - the registry's client raises anything; the parent wants one line
        told = _USER_AND_PASSWORD.sub("", " ".join(str(error).split()))
        sys.stderr.write(f"{type(error).__name__}: {told}\n")
        return getattr(error, "exit_code", FleetUnavailableError.exit_code)
    sys.stdout.write(json.dumps(cache.plain(found)) + "\n")
    return 0


def _end_with(parent: int) -> None:
    # Leave as from an exception, so that temporary files are deleted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(FleetUnavailableError.exit_code))
    # A worker that is killed cannot end us itself; it may also be gone already.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(FleetUnavailableError.exit_code)


if __name__ == "__main__":
    sys.exit(main())
