"""A fleet on disk: one directory of plain `.npy` arrays and a manifest, checksummed, memory-mapped, no pickle.

The manifest carries its own digest and each array's size and SHA-256. Opening reads the manifest alone and looks at the
files' sizes; an array is read, and its checksum proved, when it is first asked for. A directory is written under a
temporary name beside its place and renamed, so that a killed writer leaves no half fleet.
"""

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fleet.arrays import AnyArray
from fleet.errors import FleetFormatError

FORMAT = "storecast-fleet"
FORMAT_VERSION = 1
MANIFEST = "fleet.json"


def write_directory(path: Path, arrays: Mapping[str, AnyArray], meta: Mapping[str, Any]) -> str:
    """Write arrays and facts as a new fleet directory; returns its digest. Same input, same bytes.

    Raises: FleetFormatError: something stands at `path` already.
    """
    if path.exists():
        raise FleetFormatError(f"{path} exists already: a fleet is never overwritten; choose a new directory")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        entries = {name: _write_array(temporary, name, values) for name, values in sorted(arrays.items())}
        body = {"format": FORMAT, "format_version": FORMAT_VERSION, "meta": dict(meta), "arrays": entries}
        digest = _digest(body)
        _write_synced(temporary / MANIFEST, json.dumps({**body, "digest": digest}, indent=1, sort_keys=True).encode())
        temporary.chmod(0o755)  # mkdtemp makes it private; a fleet is read by the serving user too
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return digest


def _write_array(directory: Path, name: str, values: AnyArray) -> dict[str, Any]:
    file = directory / f"{name}.npy"
    with file.open("wb") as stream:
        np.save(stream, np.ascontiguousarray(values), allow_pickle=False)
        stream.flush()
        os.fsync(stream.fileno())
    return {"file": file.name, "bytes": file.stat().st_size, "sha256": _sha256(file)}


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class ArrayDirectory(Mapping[str, AnyArray]):
    """A fleet directory opened for reading: array name -> memory-mapped array, proved when first asked for.

    `mapped`: False reads an array anew whenever it is asked for, and keeps neither it nor its file. A mapped array
    costs a file descriptor for as long as it lives, which many small directories cannot pay.
    """

    def __init__(self, path: Path, *, mapped: bool = True) -> None:
        self.path = path
        self._mapped = mapped
        body = _read_manifest(path / MANIFEST)
        self.meta: dict[str, Any] = body["meta"]
        self.digest: str = body["digest"]
        self._entries: dict[str, dict[str, Any]] = body["arrays"]
        self._open: dict[str, AnyArray] = {}
        for entry in self._entries.values():
            _check_size(path / entry["file"], entry["bytes"])

    def __getitem__(self, name: str) -> AnyArray:
        if not self._mapped:
            return self._read(name)
        if name not in self._open:
            file = self._file(name)
            self._prove(name, _sha256(file))
            # A plain view of the map: indexing a memmap object costs several times the indexing itself.
            self._open[name] = np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))
        return self._open[name]

    def _read(self, name: str) -> AnyArray:
        content = self._file(name).read_bytes()
        self._prove(name, hashlib.sha256(content).hexdigest())
        return np.asarray(np.load(io.BytesIO(content), allow_pickle=False))

    def _file(self, name: str) -> Path:
        return self.path / str(self._entries[name]["file"])

    def _prove(self, name: str, sha256: str) -> None:
        if sha256 != self._entries[name]["sha256"]:
            file = self._file(name)
            raise FleetFormatError(f"{file} does not have the checksum in its manifest: download the fleet again")

    def __iter__(self) -> Any:  # noqa: ANN401 - an iterator of names, as Mapping wants it
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        body = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise FleetFormatError(f"wanted a fleet directory with a {MANIFEST}, found none at {path.parent}") from None
    except ValueError as error:
        raise FleetFormatError(
            f"{path} is not readable JSON ({error}): the fleet is incomplete, download it again"
        ) from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise FleetFormatError(f"{path} is not a manifest of {FORMAT}: choose a directory that storecast wrote")
    version = body.get("format_version")
    if version != FORMAT_VERSION:
        raise FleetFormatError(
            f"{path.parent} has format version {version!r}, this release reads {FORMAT_VERSION}: "
            "use a release that knows it, or train again"
        )
    digest = body.pop("digest", None)
    if digest != _digest(body):
        raise FleetFormatError(
            f"{path} was changed after it was written (its digest differs): download the fleet again"
        )
    return {**body, "digest": digest}


def _check_size(file: Path, wanted: int) -> None:
    found = file.stat().st_size if file.is_file() else None
    if found != wanted:
        came = "the file is missing" if found is None else f"it has {found}"
        raise FleetFormatError(f"wanted {wanted} bytes in {file}, {came}: the fleet is incomplete, download it again")
