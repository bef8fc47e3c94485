"""Fleets from a registry, kept in a folder: one directory a version, and for every URI the version last used.

Several workers may write at once: everything is written under a temporary name and renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fleet.storage import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Mapping

REGISTRY_SCHEME: Final = "models:/"
FLEET_FILE: Final = MANIFEST
_KEY_CHARS: Final = 16


@dataclass(frozen=True, slots=True)
class CachedVersion:
    """A fleet directory in the cache and its version in the registry."""

    path: Path
    version: str


@dataclass(frozen=True, slots=True)
class FleetCache:
    """The part of the cache that belongs to one registry."""

    root: Path

    @classmethod
    def of(cls, cache_dir: Path, environ: Mapping[str, str]) -> FleetCache:
        """Choose the part that belongs to the registry this environment points to.

        Two registries may hold different fleets under one name, so the registry's address is part of the place. A
        local database is addressed relative to the working folder, which therefore counts too.
        """
        addresses = [environ.get(name, "") for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")]
        if not any(address.startswith(("http:", "https:")) for address in addresses):
            addresses.append(str(Path.cwd()))
        return cls(cache_dir / _key("\n".join(addresses)))

    def place_of(self, name: str, version: str, created: str) -> Path:
        """Return where a version belongs; `created` tells a version apart from one of a registry made anew."""
        return self.root / _key(name) / f"{version}-{created}"

    def remember(self, uri: str, version: CachedVersion) -> None:
        """Note that this version was the last one used for a URI."""
        said = json.dumps({"path": str(version.path.relative_to(self.root)), "version": version.version})
        self.root.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.root, prefix=".last-")
        with os.fdopen(handle, "w") as file:
            file.write(said)
        Path(temporary).replace(self._note_of(uri))

    def last_used(self, uri: str) -> CachedVersion | None:
        """Return the version last used for a URI, if the cache still has it."""
        try:
            said = json.loads(self._note_of(uri).read_text())
            version = CachedVersion(self.root / said["path"], said["version"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return version if (version.path / FLEET_FILE).is_file() else None

    def _note_of(self, uri: str) -> Path:
        return self.root / f"last-{_key(uri)}.json"


def is_registry_uri(uri: str) -> bool:
    """Tell whether a fleet URI names a registry."""
    return uri.startswith(REGISTRY_SCHEME)


def fleet_inside(folder: Path) -> Path | None:
    """Find the fleet directory in a downloaded model version: the one that holds fleet.json."""
    found = sorted(folder.rglob(FLEET_FILE), key=lambda path: len(path.parts))
    return found[0].parent if found else None


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_CHARS]
