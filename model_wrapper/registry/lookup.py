"""What the registry says now, asked once for all workers of a machine and kept in the cache for a moment.

A file lock lets one worker ask; the others read what it noted, also that it failed. A plain MLflow server is asked over
REST, and gives the fleet that way where it hands out its artifacts itself. Any other registry, and stores' own models,
cost a process (`model_wrapper.registry.fetch`), because the registry's client and Prophet are large and may hang; an
answer that wanted the client is believed the longer. A local database that was not written since then has nothing new
to say.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from fleet import StorecastError
from fleet.mlflow.local_registry import database_of
from model_wrapper.errors import FleetUnavailableError
from model_wrapper.registry.cache import FLEET_FILE, CachedVersion, FleetCache
from model_wrapper.registry.mlflow_rest import RegistryState, Server, registry_state
from model_wrapper.registry.rest_files import bring_fleet

_MAX_REASON_CHARS = 600
_STUCK_AFTER_S = 5.0
_LIMITS = 3  # for asking, for the fleet, and for the process
_BELIEVED_TIMES = 6.0
_BELIEVED_MOST_S = 30.0
_TIME_TO_END_S = 1.0
_LOOK_EVERY_S = 0.05
# The client's own 7 attempts at a registry that refuses take two minutes, while the cache could answer.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
_SHARE_FOR_STORES = 0.5


class RegistryLookup(NamedTuple):
    """A fleet's URI in a registry, and how the registry is reached.

    `environ`: holds `MLFLOW_TRACKING_URI` and credentials.  `with_stores`: ask for stores' own models, too.
    """

    uri: str
    cache: FleetCache
    timeout_s: float
    environ: Mapping[str, str]
    with_stores: bool

    def now(self, *, asked_after: float, wait_s: float) -> CachedVersion | None:
        """What the URI names now, all of it in the cache.

        Args:    asked_after: unix time; an older answer is asked for again.  wait_s: how long another worker that
                 is asking is waited for; one that waits is not told of older failures.
        Returns: None where another worker is asking and nothing is known yet.
        Raises:  FleetUnavailableError: the registry cannot be reached in time, or has no such version; or who asks for
                 all is stuck.
        """
        # Whoever asks for less must not answer for others.
        file = self.cache.answer_of(self.uri if self.with_stores else f"{self.uri} without stores")
        began = time.time()
        with _locked(file.with_suffix(".lock"), wait_s) as mine:
            noted = self.cache.read(file)
            if not mine:
                self._refuse_stuck(file.with_suffix(".lock"))
            too_old = wait_s > 0 and "problem" in noted and noted["told_at"] < began
            asked_at, stamp = time.time(), self._stamp()
            same = noted.get("stamp") == stamp
            if same and Server.of(self.environ, self.timeout_s) is None:
                asked_after = min(asked_after, asked_at - _believed_s(noted))
            # A time to come is a clock that was set back: such a note would be fresh until then.
            fresh = asked_after <= noted.get("asked_at", 0) <= asked_at and not too_old
            if not mine or (fresh and self._is_of_use(noted)):
                return self._told(noted)
            try:
                found = self._unchanged(noted if same and stamp is not None else {}) or self._ask()
            except FleetUnavailableError as error:
                self._note(file, asked_at, stamp, {"told_at": time.time(), "problem": str(error)})
                raise
            self._note(file, asked_at, stamp, self.cache.plain(found))
            return found

    def _note(self, file: Path, asked_at: float, stamp: list[list[int]] | None, said: Mapping[str, Any]) -> None:
        self.cache.write(file, {"asked_at": asked_at, "took_s": time.time() - asked_at, "stamp": stamp, **said})

    def _refuse_stuck(self, lock: Path) -> None:
        # A stopped process keeps its lock.
        if time.time() - lock.stat().st_mtime > _LIMITS * self.timeout_s + _STUCK_AFTER_S:
            raise FleetUnavailableError(
                f"{self.uri}: another worker has been asking the registry for longer than {_LIMITS} times "
                f"{self.timeout_s:g} s (setting STORECAST_FETCH_TIMEOUT_S); end it if it hangs"
            )

    def _told(self, noted: Mapping[str, Any]) -> CachedVersion | None:
        if "problem" in noted:
            raise FleetUnavailableError(noted["problem"])
        return self._whole_in(noted)

    def _is_of_use(self, noted: Mapping[str, Any]) -> bool:
        return "problem" in noted or self._whole_in(noted) is not None

    def _whole_in(self, noted: Mapping[str, Any]) -> CachedVersion | None:
        known = self.cache.version_in(noted)
        return known if known is not None and known.is_whole() else None

    def _unchanged(self, noted: Mapping[str, Any]) -> CachedVersion | None:
        known = self.cache.version_in(noted)
        return known if known is not None and known.is_complete() else None

    def _stamp(self) -> list[list[int]] | None:
        """Say what changes whenever a local database is written; None for any other registry."""
        address = self.environ.get("MLFLOW_REGISTRY_URI") or self.environ.get("MLFLOW_TRACKING_URI", "")
        path = database_of(address)
        return [_stamp_of(Path(f"{path}{suffix}")) for suffix in ("", "-wal")] if path else None

    def _ask(self) -> CachedVersion:
        try:
            seen = registry_state(self.uri, self.environ, self.timeout_s, with_stores=self.with_stores)
            if seen is not None and not (self.cache.place_of(*seen.fleet) / FLEET_FILE).is_file():
                self._sweep()
                bring_fleet(seen.fleet, self.cache, self.environ, self.timeout_s)
        except FleetUnavailableError:
            raise
        except StorecastError as error:
            raise FleetUnavailableError(str(error)) from error
        known = self._cached(seen) if seen is not None else None
        return known if known is not None and known.is_complete() else self._fetch()

    def _cached(self, seen: RegistryState) -> CachedVersion:
        stores = {store_id: self.cache.store_of(*model) for store_id, model in seen.stores.items()}
        return CachedVersion(self.cache.place_of(*seen.fleet), seen.fleet.version, int(seen.fleet.created), stores)

    def _sweep(self) -> None:
        # Who holds the lock is the only one that fetches: older than a fetch may take is left by one that was killed.
        self.cache.sweep(self.timeout_s + _STUCK_AFTER_S)

    def _fetch(self) -> CachedVersion:
        self._sweep()
        command = [sys.executable, "-m", "model_wrapper.registry.fetch", self.uri, str(self.cache.root)]
        command += ["--parent", str(os.getpid())]
        if self.with_stores:
            command += ["--stores", str(self.timeout_s * _SHARE_FOR_STORES)]
        said = json.loads(_run(command, self.uri, self.timeout_s, self.environ).splitlines()[-1])
        found = self.cache.version_in(said)
        if found is None:
            raise FleetUnavailableError(f"{self.uri}: wanted a version from the download process, got other output")
        return found


def _believed_s(noted: Mapping[str, Any]) -> float:
    """How long an answer of the client, or its failure, is believed for what it has cost."""
    took_s: float = noted.get("took_s", 0.0)
    return min(_BELIEVED_TIMES * took_s, _BELIEVED_MOST_S)


@contextmanager
def _locked(file: Path, wait_s: float) -> Iterator[bool]:
    """Hold a lock that ends with its holder; False where another still had it after `wait_s`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    give_up = time.monotonic() + wait_s
    with file.open("a") as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    yield False
                    return
                time.sleep(_LOOK_EVERY_S)
            else:
                os.utime(file)  # since when
                yield True
                return


def _stamp_of(file: Path) -> list[int]:
    try:
        status = file.stat()
    except OSError:
        return []
    return [status.st_ino, status.st_mtime_ns, status.st_size]


def _run(command: list[str], uri: str, timeout_s: float, environ: Mapping[str, str]) -> bytes:
    # A session of its own, so that what it may have started ends with it.
    with subprocess.Popen(  # noqa: S603 - our own module, the URI is one argument
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
                _end(process)
    if process.returncode != 0:
        raise FleetUnavailableError(f"{uri}: the registry gave no fleet: {_last_line(problems)}")
    return output


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)  # it takes its temporary files with it
    try:
        process.wait(_TIME_TO_END_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def _fetching_env(environ: Mapping[str, str]) -> dict[str, str]:
    # The process must find this package wherever the worker found it.
    ours = str(Path(__file__).resolve().parents[2])
    before = environ.get("PYTHONPATH", "")
    return {**_PATIENCE, **environ, "PYTHONPATH": f"{ours}{os.pathsep}{before}" if before else ours}


def _last_line(problems: bytes) -> str:
    lines = problems.decode(errors="replace").strip().splitlines()
    return lines[-1][:_MAX_REASON_CHARS] if lines else "it said nothing"
