"""Opens the fleet that the setting names, and opens what stands there later: a folder, or a version in a registry.

What came from a registry stays in the cache on this machine and answers when the registry does not.
"""

import dataclasses
import hashlib
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from fleet import Fleet, StorecastError
from model_wrapper.errors import FleetRefusedError, FleetUnavailableError
from model_wrapper.fleets.acceptance import DAMAGED, REGISTRY, Size, check_forecast, check_size, open_whole
from model_wrapper.fleets.served import ServedFleet
from model_wrapper.fleets.store_models import NO_STORE_MODELS, StoreModels
from model_wrapper.registry.cache import FLEET_FILE, CachedVersion, FleetCache, is_registry_uri
from model_wrapper.registry.lookup import RegistryLookup
from model_wrapper.settings import Settings

logger = logging.getLogger(__name__)
_FRESH_AT_START_S = 5.0
_NOTHING = Size(0, 0)


class _Found(NamedTuple):
    """What stands where the setting points; `key` is equal for two that are the same."""

    at: CachedVersion
    key: object
    from_cache: bool = False


class FleetSource:
    """The place that `STORECAST_FLEET_URI` names."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        """Remember where to look.

        Args: environ: passed to the fetching process, which reads `MLFLOW_TRACKING_URI` and credentials from it.
        """
        self._settings = settings
        self._cache = FleetCache.of(settings.cache_dir.expanduser(), environ)
        self._registry: RegistryLookup | None = None
        if is_registry_uri(settings.fleet_uri):
            timeout_s, own = settings.fetch_timeout_s, settings.store_models > 0
            self._registry = RegistryLookup(settings.fleet_uri, self._cache, timeout_s, environ, own)

    def open(self, *, last_used_first: bool = False) -> ServedFleet:
        """Open what stands there; where that cannot be had or is no good, what was used last.

        Args:    last_used_first: ask no registry where the cache has what was last used.
        Raises:  FleetUnavailableError: there is none, here or in the cache, or it cannot be read.
        """
        last = self._last_used()
        try:
            found, served = self._first(last if last_used_first else None)
            self._check_at_start(served, last if last is not None and found.key != last.key else None)
        except FleetUnavailableError as error:
            last = self._last_used()  # it may just have turned out to be damaged
            if last is None and self._settings.fleet_uri in str(error):
                raise
            if last is None:
                raise FleetUnavailableError(f"{self._settings.fleet_uri}: {error}") from error
            facts = {"version": last.at.version, "reason": str(error)}
            logger.warning("wrapper.fleet_from_cache", extra={"facts": facts})
            served = self._opened(last._replace(from_cache=True))
            return self._in_service(served, last.at)
        return self._in_service(served, found.at)

    def _first(self, known: _Found | None) -> tuple[_Found, ServedFleet]:
        wait_s = self._settings.fetch_timeout_s
        try:
            found = known or self._look(wait_s) or self._nothing()
            return found, self._opened(found)
        except FleetRefusedError as error:
            if self._registry is None or error.reason != DAMAGED:
                raise
            # It has left the cache; what the registry has may be whole.
            found = self._look(wait_s, noted=False) or self._nothing()
            return found, self._opened(found)

    def renewed(self, served: ServedFleet | None) -> ServedFleet | None:
        """What stands there now, opened and checked; None where it is what is served.

        Raises: FleetRefusedError: with the reason why what is served must stay.
        """
        try:
            found = self._look(0.0)
        except FleetRefusedError:
            raise
        except FleetUnavailableError as error:
            raise FleetRefusedError(str(error), REGISTRY) from error
        if found is None or (served is not None and found.key == served.key and not served.from_cache):
            return None
        if served is not None and served.key == found.key:
            return dataclasses.replace(served, from_cache=False)
        new = self._opened(found, served)
        if served is None or new.fleet is not served.fleet:
            self._check(new, _NOTHING if served is None else Size.of(served.fleet))
        return self._in_service(new, found.at)

    def _look(self, wait_s: float, *, noted: bool = True) -> _Found | None:
        if self._registry is None:
            return _folder(self._settings.fleet_uri)
        half = self._settings.reload_seconds / 2 if noted else 0.0
        fresh_s = min(half, _FRESH_AT_START_S) if wait_s else half
        try:
            found = self._registry.now(asked_after=time.time() - fresh_s, wait_s=wait_s)
        except OSError as error:
            raise FleetUnavailableError(f"the cache {self._cache.root} cannot be used: {error}") from error
        return None if found is None else _Found(found, _key_of(found))

    def _nothing(self) -> _Found:
        raise FleetUnavailableError(
            "another worker has been asking the registry for too long (STORECAST_FETCH_TIMEOUT_S)"
        )

    def _last_used(self) -> _Found | None:
        last = self._cache.last_used(self._settings.fleet_uri) if self._registry is not None else None
        return None if last is None else _Found(last, _key_of(last))

    def _opened(self, found: _Found, before: ServedFleet | None = None) -> ServedFleet:
        at, settings = found.at, self._settings
        same = before is not None and _path_in(before.key) == at.path
        fleet = before.fleet if before is not None and same else self._fleet_at(at.path)
        wanted = bool(at.stores) and settings.store_models > 0
        own = StoreModels(fleet, at.stores, settings.store_models) if wanted else NO_STORE_MODELS
        version = at.version or fleet.version
        return ServedFleet(fleet, version, settings.max_days_ahead, found.from_cache, at.created_ms, found.key, own)

    def _fleet_at(self, path: Path) -> Fleet:
        try:
            return open_whole(path)
        except FleetRefusedError as error:
            if self._registry is not None and error.reason == DAMAGED:
                # What serves from it has read all of it; the next look fetches it anew.
                self._cache.remove(path)
            raise

    def _check(self, new: ServedFleet, before: Size) -> None:
        check_size(Size.of(new.fleet), before, self._settings.min_stores_share)
        check_forecast(new.fleet)

    def _check_at_start(self, served: ServedFleet, last: _Found | None) -> None:
        if last is not None:
            self._check(served, _size_of(last.at))
            return
        try:
            check_forecast(served.fleet)
        except FleetRefusedError as error:
            # There is nothing better to serve: a store without a number is answered by its fallback, or with an error.
            facts = {"version": served.version, "reason": str(error)}
            logger.warning("wrapper.fleet_strange", extra={"facts": facts})

    def _in_service(self, served: ServedFleet, at: CachedVersion) -> ServedFleet:
        if self._registry is not None:
            try:
                self._cache.remember(self._settings.fleet_uri, at)
            except OSError as error:
                logger.warning("wrapper.cache_not_written", extra={"facts": {"reason": str(error)}})
        served.prepare()
        facts = {"version": served.version, "stores": served.fleet.n_stores, "from_cache": served.from_cache}
        logger.info("wrapper.fleet_loaded", extra={"facts": facts | {"store_models": len(served.own)}})
        return served


def _key_of(found: CachedVersion) -> tuple[Path, object]:
    return found.path, tuple(sorted(found.stores.items()))


def _path_in(key: object) -> object:
    return key[0] if isinstance(key, tuple) else None


def _size_of(last: CachedVersion) -> Size:
    try:
        return Size.of(Fleet.open(last.path))
    except (StorecastError, OSError):
        return _NOTHING


def _folder(uri: str) -> _Found:
    path = Path(unquote(urlsplit(uri).path)) if uri.startswith("file:") else Path(uri).expanduser()
    if not path.is_dir():
        raise FleetUnavailableError(
            f"STORECAST_FLEET_URI: wanted an existing folder or models:/NAME@ALIAS, got {uri!r}; "
            "train a fleet, or point the setting at one"
        )
    # Where a link points now: one that is turned meanwhile must not mix two fleets.
    place = path.resolve()
    try:
        manifest = (place / FLEET_FILE).read_bytes()
        written_ms = int((place / FLEET_FILE).stat().st_mtime * 1000)
    except OSError as error:
        raise FleetRefusedError(f"the fleet cannot be opened: {error}", DAMAGED) from error
    return _Found(CachedVersion(place, "", written_ms), hashlib.sha256(manifest).hexdigest())
