"""Seldon's metrics in one memory-mapped file a worker, in the place of a manager process.

Seldon's wrapper keeps the page in a `multiprocessing.Manager`: an update is six round trips to it, threads of a worker
lose each other's counts, and a worker that is killed while it holds the manager's lock stops the page and every other
worker for good. Here a count is an addition in memory, and no process waits for another. The process of the page reads
the files, and what it prints is made by Seldon's own code. As there, a worker that ends takes its metrics with it, and
what one that was killed counted stays; its gauges, which say what is so now, do not.

Seldon takes metrics with each answer, and an idle worker would never tell that the registry is away: here a thread of
each worker also reports every so often.
"""

import atexit
import json
import logging
import os
import shutil
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from prometheus_client.mmap_dict import MmapedDict
from seldon_core import metrics as stock
from seldon_core.metrics import COUNTER, GAUGE, TIMER, SeldonMetrics

logger = logging.getLogger(__name__)

METHOD = "worker"
"""Value of Seldon's label `method` for what a thread reports."""

_SUFFIX = ".db"
_FILE_BYTES = 1 << 18
_EDGES_S = [float(edge) for edge in stock.BINS]
_SUM = -1
_KINDS = frozenset({COUNTER, GAUGE, TIMER})
_MapOfDoubles: Any = MmapedDict  # published without types


class SharedMetrics(SeldonMetrics):  # type: ignore[misc] # published without types
    """What `seldon_core.metrics.SeldonMetrics` is to the wrapper, without its manager; safe for threads."""

    def __init__(
        self, worker_id_func: Callable[[], int] = os.getpid, extra_default_labels: dict[str, str] | None = None
    ) -> None:
        # Not the parent's: it would start the manager.
        self.worker_id_func = worker_id_func
        self._extra_default_labels = extra_default_labels or {}
        self._lock = Lock()
        self._folder = Path(tempfile.mkdtemp(prefix="storecast-metrics-"))
        self._mine: _Worker | None = None
        self._ended = Event()
        atexit.register(_remove, self._folder, os.getpid())

    def __del__(self) -> None:
        """Nothing: there is no manager to end."""

    def update(self, custom_metrics: list[dict[str, Any]], method: str) -> None:
        """Add metrics to the page; `method` becomes a tag of each, as Seldon does it. An unknown type is logged.

        Raises: KeyError, TypeError: a metric without key or value, or with a tag that is no text.
        """
        if not custom_metrics:
            return
        with self._lock:
            worker = self._worker()
            for metric in custom_metrics:
                kind, tags = metric.get("type", COUNTER), metric.get("tags", {})
                tags["method"] = method
                if kind in _KINDS:
                    worker.update(kind, metric["key"], tags, metric["value"])
                else:
                    stock.logger.error("Unknown metrics type: %s", kind)

    @property
    def data(self) -> dict[str, dict[tuple[str, str, str], dict[str, Any]]]:
        """Everything that all workers counted, in the form in which Seldon's manager keeps it."""
        found = {}
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            try:
                series = _series(_MapOfDoubles.read_all_values_from_file(str(path)))
            except FileNotFoundError:
                continue  # of a worker that has just ended
            lives = _lives(path.stem)
            found[path.stem] = {key: kept for key, kept in series.items() if lives or key[0] != GAUGE}
        return found

    def report(self, collect: Callable[[], list[dict[str, Any]]], every_s: float) -> None:
        """Add what `collect` returns to the page, now and every so many seconds, until this worker ends."""
        failed = False
        waiting: list[dict[str, Any]] = []
        while not self._ended.is_set():
            # What the page did not take is reported again: it was counted once.
            waiting = waiting or collect()
            try:
                self.update(waiting, METHOD)
            except OSError as error:
                if not failed:
                    facts = {"reason": f"{type(error).__name__}: {error}"}
                    logger.warning("wrapper.report_failed", extra={"facts": facts})
                failed = True
            else:
                waiting, failed = [], False
            self._ended.wait(every_s)

    def clear(self) -> None:
        """Forget what this worker counted, because it ends."""
        # First: a late report would bring it back.
        self._ended.set()
        with self._lock:
            self._mine = None
            self._path(str(self.worker_id_func())).unlink(missing_ok=True)

    def _worker(self) -> "_Worker":
        name = str(self.worker_id_func())
        if self._mine is None or self._mine.name != name:  # also after a fork
            self._mine = _Worker(name, self._path(name))
        return self._mine

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"


class _Worker:
    """The file of one worker: a double for each counter and gauge; for a timer one a bucket in use, and a sum."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        if not path.exists():
            _make(path)
        self._values = _MapOfDoubles(str(path))
        self._keys: dict[tuple[str, str, str, int], str] = {}

    def update(self, kind: str, name: str, tags: dict[str, str], value: float) -> None:
        series = (kind, name, SeldonMetrics._generate_tags_key(tags))  # noqa: SLF001 - how Seldon identifies it
        if kind == GAUGE:
            self._values.write_value(self._key(series, tags), value, 0.0)
        elif kind == COUNTER:
            self._add(self._key(series, tags), value)
        else:
            seconds = value / 1000
            self._add(self._key(series, tags), seconds)
            # As numpy's histogram: what is in no bucket is in the sum alone.
            if seconds >= _EDGES_S[0]:
                place = min(bisect_right(_EDGES_S, seconds), len(_EDGES_S) - 1) - 1
                self._add(self._key(series, tags, place), 1)

    def _add(self, key: str, value: float) -> None:
        self._values.write_value(key, self._values.read_value(key)[0] + value, 0.0)

    def _key(self, series: tuple[str, str, str], tags: dict[str, str], place: int = _SUM) -> str:
        key = self._keys.get((*series, place))
        if key is None:
            key = self._keys[(*series, place)] = json.dumps([*series, place, tags])
        return key


def _series(entries: Iterable[tuple[str, float, float, int]]) -> dict[tuple[str, str, str], dict[str, Any]]:
    series: dict[tuple[str, str, str], dict[str, Any]] = {}
    for key, value, _, _ in entries:
        kind, name, tags_key, place, tags = json.loads(key)
        if kind != TIMER:
            series[kind, name, tags_key] = {"value": value, "tags": tags}
        elif place == _SUM:
            series[kind, name, tags_key] = {"value": ([0.0] * (len(_EDGES_S) - 1), value), "tags": tags}
        else:
            series[kind, name, tags_key]["value"][0][place] = value
    return series


def _lives(worker_id: str) -> bool:
    """Whether there is a process of that id; a worker that is not named by its process is never taken for dead."""
    try:
        os.kill(int(worker_id), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):
        return True
    return True


def _make(path: Path) -> None:
    """A file whose room is there: a disk that fills up later must not end the worker that writes to it."""
    being_made = path.with_suffix(".new")
    with being_made.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, _FILE_BYTES)
        else:
            file.truncate(_FILE_BYTES)
    being_made.replace(path)


def _remove(folder: Path, owner: int) -> None:
    # Workers are forks, and end with the same list of things to do.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


class _Page:
    """The page of this process: there is one, which Seldon makes before it forks the workers."""

    current: SharedMetrics | None = None


def install() -> None:
    """Let Seldon's microservice keep its metrics here; call it before its `main`."""
    from seldon_core import microservice  # noqa: PLC0415 - reads the environment

    def make(worker_id_func: Callable[[], int]) -> SharedMetrics:
        _Page.current = SharedMetrics(worker_id_func)
        return _Page.current

    microservice.SeldonMetrics = make


def report(collect: Callable[[], list[dict[str, Any]]], every_s: float) -> bool:
    """Start a thread that reports what `collect` returns every so many seconds.

    Returns: False, and nothing is done, where `every_s` is 0 or this process has no page.
    """
    page = _Page.current
    if page is None or every_s == 0:
        return False
    Thread(target=page.report, args=(collect, every_s), name="storecast-report", daemon=True).start()
    return True
