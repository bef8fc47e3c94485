"""Opens the fleet that the setting names: a folder, or a version in a registry through a cache on this machine.

The registry's client is large and may hang, so it runs in a process of its own (`model_wrapper.fetch`) that ends, and
is ended after a time. What it fetched stays in the cache and answers when the registry does not.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from fleet import Fleet, StorecastError
from model_wrapper.errors import FleetUnavailableError
from model_wrapper.fleet_cache import CachedVersion, FleetCache, is_registry_uri
from model_wrapper.served_fleet import ServedFleet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model_wrapper.settings import Settings

_logger: Final = logging.getLogger(__name__)
_MAX_REASON_CHARS: Final = 600
# The client's own 7 attempts at a registry that refuses take two minutes, while the cache could answer.
_PATIENCE: Final = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    version: str | None
    from_cache: bool = False


def open_served(settings: Settings, environ: Mapping[str, str], *, last_used_first: bool = False) -> ServedFleet:
    """Open the fleet that ``STORECAST_FLEET_URI`` names.

    Args:    environ: passed to the fetching process, which reads ``MLFLOW_TRACKING_URI`` and credentials from it.
             last_used_first: ask no registry where the cache has what was last used.
    Raises:  FleetUnavailableError: there is none, here or in the cache, or it cannot be read.
    """
    found = _find(settings, environ, last_used_first=last_used_first)
    try:
        fleet = Fleet.open(found.path)
    except (StorecastError, OSError) as error:
        raise FleetUnavailableError(f"{settings.fleet_uri}: the fleet cannot be opened: {error}") from error
    served = ServedFleet(fleet, found.version or fleet.version, settings.max_days_ahead, found.from_cache)
    facts = {"version": served.version, "stores": fleet.n_stores, "from_cache": found.from_cache}
    _logger.info("wrapper.fleet_loaded", extra={"facts": facts})
    return served


def _find(settings: Settings, environ: Mapping[str, str], *, last_used_first: bool) -> _Found:
    uri = settings.fleet_uri
    if not is_registry_uri(uri):
        return _Found(_folder(uri), None)
    cache = FleetCache.of(settings.cache_dir.expanduser(), environ)
    known = cache.last_used(uri) if last_used_first else None
    try:
        version = known or _fetch(uri, cache, settings.fetch_timeout_s, environ)
    except FleetUnavailableError as error:
        last = cache.last_used(uri)
        if last is None:
            raise
        _logger.warning("wrapper.fleet_from_cache", extra={"facts": {"version": last.version, "reason": str(error)}})
        return _Found(last.path, last.version, from_cache=True)
    return _Found(version.path, version.version)


def _folder(uri: str) -> Path:
    path = Path(unquote(urlsplit(uri).path)) if uri.startswith("file:") else Path(uri).expanduser()
    if not path.is_dir():
        raise FleetUnavailableError(
            f"STORECAST_FLEET_URI: wanted an existing folder or models:/NAME@ALIAS, got {uri!r}; "
            "train a fleet, or point the setting at one"
        )
    return path


def _fetch(uri: str, cache: FleetCache, timeout_s: float, environ: Mapping[str, str]) -> CachedVersion:
    command = [sys.executable, "-m", "model_wrapper.fetch", uri, str(cache.root), "--parent", str(os.getpid())]
    # A session of its own, so that what it may have started ends with it.
    with subprocess.Popen(  # noqa: S603 (our own module, the URI is one argument)
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_fetching_env(environ), start_new_session=True
    ) as process:
        try:
            output, problems = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise FleetUnavailableError(
                f"{uri}: the registry gave no fleet within {timeout_s:g} s (setting STORECAST_FETCH_TIMEOUT_S)"
            ) from None
        finally:
            # Also where the worker itself is told to end while it waits.
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != 0:
        raise FleetUnavailableError(f"{uri}: the registry gave no fleet: {_last_line(problems)}")
    said = json.loads(output.splitlines()[-1])
    return CachedVersion(Path(said["path"]), said["version"])


def _fetching_env(environ: Mapping[str, str]) -> dict[str, str]:
    # The process must find this package wherever the worker found it.
    ours = str(Path(__file__).resolve().parents[1])
    before = environ.get("PYTHONPATH", "")
    return {**_PATIENCE, **environ, "PYTHONPATH": f"{ours}{os.pathsep}{before}" if before else ours}


def _last_line(problems: bytes) -> str:
    lines = problems.decode(errors="replace").strip().splitlines()
    return lines[-1][:_MAX_REASON_CHARS] if lines else "it said nothing"
