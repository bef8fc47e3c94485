"""Trainings in processes of their own that stop at a chosen moment, until a test lets them go on."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any
from unittest.mock import patch

from training.engines.batched import BatchedEngine
from training.registry import runs
from training.run import Quiet, TrainingOptions, train

WAIT_S = 240.0
PROCESSES = multiprocessing.get_context("spawn")


class Trainer:
    """A training that stops once: at the beginning of `register`, or when its version is made and no alias moved."""

    def __init__(self, options: TrainingOptions, moment: str) -> None:
        self.reached, self.go = PROCESSES.Event(), PROCESSES.Event()
        self._results: Queue[dict[str, Any] | str] = PROCESSES.Queue()
        arguments = (options, moment, self.reached, self.go, self._results)
        self.process = PROCESSES.Process(target=_train, args=arguments, daemon=True)

    def registered(self) -> dict[str, Any]:
        """Where it went; what it raised is an error here."""
        result = self._results.get(timeout=WAIT_S)
        assert isinstance(result, dict), result
        return result


@contextmanager
def trainer(options: TrainingOptions, moment: str) -> Iterator[Trainer]:
    """A trainer that has come to its moment."""
    made = Trainer(options, moment)
    made.process.start()
    try:
        assert made.reached.wait(WAIT_S)
        yield made
    finally:
        made.process.kill()
        made.process.join()


def _train(
    options: TrainingOptions, moment: str, reached: Event, go: Event, results: "Queue[dict[str, Any] | str]"
) -> None:
    def stop() -> None:
        if not reached.is_set():
            reached.set()
            go.wait(WAIT_S)

    class Stopping(Quiet):
        def stage(self, name: str, n_stores: int) -> None:
            super().stage(name, n_stores)
            if name == moment == "register":
                stop()

    make = runs._new_version

    def made(*arguments: Any) -> str:  # noqa: ANN401 - as it is called
        version = make(*arguments)
        if moment == "made":
            stop()
        return version

    try:
        with patch.object(runs, "_new_version", made):
            results.put(train(options, BatchedEngine(), Stopping()).to_plain()["registered"])
    except Exception as error:  # noqa: BLE001 - the test tells it
        results.put(repr(error))


def open_at_once(uri: str, home: Path, n_processes: int) -> list[str]:
    """What each of some processes that open a registry at the same moment says; empty where all is well."""
    barrier, results = PROCESSES.Barrier(n_processes), PROCESSES.Queue()
    arguments = (uri, home, barrier, results)
    processes = [PROCESSES.Process(target=_open, args=arguments, daemon=True) for _ in range(n_processes)]
    for process in processes:
        process.start()
    said = [results.get(timeout=WAIT_S) for _ in processes]
    for process in processes:
        process.join()
    return said


def _open(uri: str, home: Path, barrier: Barrier, results: "Queue[str]") -> None:
    barrier.wait(WAIT_S)
    try:
        with runs.connected(uri, home) as client:
            client.search_registered_models()
        results.put("")
    except Exception as error:  # noqa: BLE001 - the test tells it
        results.put(repr(error))
