"""Fleets from a registry, kept in a folder: one directory a version, and for every URI the version last used.

Several workers may write at once: everything is written under a temporary name and renamed.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from fleet.names import MODEL_SCHEME
from fleet.storage import MANIFEST
from model_wrapper.errors import FleetUnavailableError

FLEET_FILE = MANIFEST
_KEY_CHARS = 16
_KEPT_VERSIONS = 5
_REFUSED = ".refused"
_CONVERTER = 2  # count it up when more models can be converted: old refusals then count no more


class CachedStore(NamedTuple):
    """A store's own model: its version, and its directory in the cache or why there is none ("" = not fetched yet)."""

    version: str
    path: Path | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CachedVersion:
    """A fleet directory in the cache, its version in the registry, and the stores' own models that stood beside it.

    `created_ms`: when the version was registered, milliseconds since 1970; 0 = not known.
    """

    path: Path
    version: str
    created_ms: int = 0
    stores: Mapping[str, CachedStore] = field(default_factory=dict)

    def is_whole(self) -> bool:
        """Whether all of it is in the cache."""
        own = [store.path for store in self.stores.values() if store.path is not None]
        return all((path / FLEET_FILE).is_file() for path in [self.path, *own])

    def is_complete(self) -> bool:
        """Whether nothing is left to fetch."""
        return self.is_whole() and not any(store.path is None and not store.problem for store in self.stores.values())


@dataclass(frozen=True, slots=True)
class FleetCache:
    """The part of the cache that belongs to one registry."""

    root: Path

    @classmethod
    def of(cls, cache_dir: Path, environ: Mapping[str, str]) -> "FleetCache":
        """Choose the part that belongs to the registry this environment points to.

        Two registries may hold different fleets under one name, so the registry's address is part of the place. A
        local database is addressed relative to the working folder, which therefore counts too.
        """
        addresses = [environ.get(name, "") for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")]
        if not any(address.startswith(("http:", "https:")) for address in addresses):
            addresses.append(str(Path.cwd()))
        return cls(cache_dir / _key("\n".join(addresses)))

    def place_of(self, name: str, version: str, created: str) -> Path:
        """Where a version belongs; `created` tells a version apart from one of a registry made anew.

        Raises: FleetUnavailableError: one of the two is no number; what a registry says must not lead elsewhere.
        """
        if not (_is_number(version) and _is_number(created)):
            raise FleetUnavailableError(
                f"{name}: wanted a version and its time of creation as whole numbers, got {version[:40]!r} and "
                f"{created[:40]!r}: register it again"
            )
        return self.root / _key(name) / f"{version}-{created}"

    def store_of(self, name: str, version: str, created: str) -> CachedStore:
        """What the cache knows of a store's own model: its directory, why it is refused, or neither yet."""
        try:
            place = self.place_of(name, version, created)
        except FleetUnavailableError as error:
            return CachedStore(version, None, str(error))
        if (place / FLEET_FILE).is_file():
            return CachedStore(version, place)
        try:
            return CachedStore(version, None, refusal_of(place).read_text())
        except OSError:
            return CachedStore(version, None)

    @contextmanager
    def incoming(self, place: Path) -> Iterator[Path]:
        """Make a folder beside a place, for what will be taken in there; it is gone afterwards."""
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".fetch-") as temporary:
            yield Path(temporary)

    def take_in(self, folder: Path, place: Path) -> None:
        """Move a fleet directory from beside its place into it, whoever else does the same."""
        try:
            folder.rename(place)
        except OSError:
            # Another worker was faster, or an older attempt left a torn directory.
            if (place / FLEET_FILE).is_file():
                return
            self.remove(place)
            folder.rename(place)
        os.utime(place)  # a copy has the time of its original, and must not look old

    def forget_old(self, name: str) -> None:
        """Delete all but the versions of a model, and the refusals, that were fetched or taken into service last.

        Who serves one of them has read all of it; a store's own model that was not read yet is then the fleet's.
        """
        found = list((self.root / _key(name)).iterdir())
        for place in _oldest([path for path in found if (path / FLEET_FILE).is_file()]):
            self.remove(place)
        for refusal in _oldest([path for path in found if _REFUSED in path.name]):
            refusal.unlink(missing_ok=True)

    def sweep(self, older_than_s: float) -> None:
        """Delete what writers left that were killed: temporary files and folders of more than this age."""
        for path in [*self.root.glob(".note-*"), *self.root.glob("*/.*")]:
            try:
                if time.time() - path.lstat().st_mtime <= older_than_s:
                    continue
            except FileNotFoundError:
                continue
            if path.is_dir():
                self.remove(path)
            else:
                path.unlink(missing_ok=True)

    def remove(self, place: Path) -> None:
        """Delete a directory of the cache, whole or torn; what is not in the cache is left alone."""
        if self._holds(place):
            shutil.rmtree(place, ignore_errors=True)

    def _holds(self, place: Path) -> bool:
        root, found = self.root.resolve(), place.resolve()
        return found != root and found.is_relative_to(root)

    def remember(self, uri: str, version: CachedVersion) -> None:
        """Note that this version was the last one used for a URI."""
        os.utime(version.path)
        self.write(self._note_of(uri), self.plain(version))

    def last_used(self, uri: str) -> CachedVersion | None:
        """The version last used for a URI, if the cache still has it."""
        said = self.read(self._note_of(uri))
        version = self.version_in(said)
        return version if version is not None and (version.path / FLEET_FILE).is_file() else None

    def plain(self, version: CachedVersion) -> dict[str, Any]:
        """A version as JSON values, its places relative to the cache."""
        stores = {
            store_id: [store.version, store.path and str(store.path.relative_to(self.root)), store.problem]
            for store_id, store in version.stores.items()
        }
        path = str(version.path.relative_to(self.root))
        return {"path": path, "version": version.version, "created_ms": version.created_ms, "stores": stores}

    def version_in(self, said: Mapping[str, Any]) -> CachedVersion | None:
        """The inverse of `plain`; None where it is something else."""
        try:
            stores = {
                store_id: CachedStore(version, self._place_in(path) if path else None, problem)
                for store_id, (version, path, problem) in said.get("stores", {}).items()
            }
            place = self._place_in(said["path"])
            return CachedVersion(place, said["version"], int(said.get("created_ms", 0)), stores)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def _place_in(self, path: str) -> Path:
        parts = PurePath(path).parts
        if not parts or ".." in parts or PurePath(path).is_absolute():
            raise ValueError(path)
        return self.root / path

    def write(self, file: Path, said: Mapping[str, Any]) -> None:
        """Write JSON under a temporary name and rename it."""
        self.root.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.root, prefix=".note-")
        with os.fdopen(handle, "w") as stream:
            stream.write(json.dumps(said))
        Path(temporary).replace(file)

    @staticmethod
    def read(file: Path) -> dict[str, Any]:
        """Read a JSON object; an empty one where there is none."""
        try:
            said = json.loads(file.read_text())
        except (OSError, ValueError):
            return {}
        return said if isinstance(said, dict) else {}

    def answer_of(self, uri: str) -> Path:
        """Name the file with the registry's last answer for a URI; beside it, with the suffix .lock, its lock."""
        return self.root / f"answer-{_key(uri)}.json"

    def _note_of(self, uri: str) -> Path:
        return self.root / f"last-{_key(uri)}.json"


def refusal_of(place: Path) -> Path:
    """Name the file that says why the model which belongs at `place` is refused for good by this way to convert it."""
    return place.with_name(f"{place.name}{_REFUSED}-{_CONVERTER}")


def is_registry_uri(uri: str) -> bool:
    """Whether a fleet URI names a registry."""
    return uri.startswith(MODEL_SCHEME)


def _oldest(paths: list[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.stat().st_mtime)[:-_KEPT_VERSIONS]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_CHARS]
