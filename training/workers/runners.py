"""Where the work on partitions is done: in this process, on all cores of this machine, or on a Ray cluster.

A task is a function of one job, found by its import path; a job says where its partition lies. Which runner, how many
workers and in which order changes nothing in what comes back.
"""

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeVar

from fleet import StorecastError
from training.errors import WorkerLostError

J = TypeVar("J")
R = TypeVar("R")

MAX_RETRIES = 3
"""Times that a task whose worker died is given to another."""


CONNECT_TIMEOUT_S = 10
"""For the head of a Ray cluster to take a connection; Ray itself tries a dead address for many minutes."""

_OF_MANY_MACHINES = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Ray reads it when it is imported: 0 keeps a cluster on loopback, where Linux else lets other machines join it."""


class Runner(Protocol):
    """Runs a task on every job."""

    @property
    def name(self) -> str:
        """As `--runner` says it."""
        ...

    def run(self, task: Callable[[J], R], jobs: Sequence[J]) -> Iterator[R]:
        """Results as they are ready, in any order.

        Raises: what a task raises.  WorkerLostError: workers died again and again.
        """
        ...


@dataclass(frozen=True)
class InProcess:
    """One job after the other, here."""

    name: str = "inprocess"

    def run(self, task: Callable[[J], R], jobs: Sequence[J]) -> Iterator[R]:
        """See `Runner.run`."""
        for job in jobs:
            yield task(job)


@dataclass(frozen=True)
class Joblib:
    """Processes of this machine. `workers`: how many, None for one a core."""

    workers: int | None = None
    name: str = "joblib"

    def run(self, task: Callable[[J], R], jobs: Sequence[J]) -> Iterator[R]:
        """See `Runner.run`."""
        from joblib import Parallel, cpu_count, delayed  # noqa: PLC0415 - loads slowly, and most verbs never fit
        from joblib.externals.loky.process_executor import TerminatedWorkerError  # noqa: PLC0415

        waiting = dict(enumerate(jobs))
        for attempt in range(MAX_RETRIES + 1):
            # One worker is this process itself: not where a job may be what killed a worker.
            n_jobs = max(min(self.workers or cpu_count(), len(waiting)), 2 if attempt else 1)
            parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
            try:
                calls = [delayed(_numbered)(task, place, job) for place, job in waiting.items()]
                for place, result in parallel(calls):
                    del waiting[place]
                    yield result
            except TerminatedWorkerError as error:
                if attempt == MAX_RETRIES:
                    raise WorkerLostError(_lost(len(waiting), "joblib")) from error
            else:
                return


def _numbered(task: Callable[[J], R], place: int, job: J) -> tuple[int, R]:
    return place, task(job)


def _lost(n_jobs: int, runner: str) -> str:
    return (
        f"wanted every partition to finish, but workers of {runner} died {MAX_RETRIES + 1} times and {n_jobs} "
        "partitions are left; if memory is short, use fewer workers with --workers"
    )


@dataclass(frozen=True)
class Ray:
    """Tasks on a Ray cluster. `address`: of the cluster, None for one that is started here and ends with the run.

    Every node must see the partitions' folder under the same path, and have Storecast installed.
    """

    address: str | None = None
    workers: int | None = None
    name: str = "ray"

    def run(self, task: Callable[[J], R], jobs: Sequence[J]) -> Iterator[R]:
        """See `Runner.run`.

        Raises: WorkerLostError: also where no cluster can be reached or started.
        """
        if self.address is None:
            os.environ.setdefault(_OF_MANY_MACHINES, "0")
        import ray  # noqa: PLC0415 - loads slowly, and few runs use it

        started = not ray.is_initialized()
        try:
            if started:
                self._connect()
            yield from self._results(task, jobs)
        finally:
            if started:
                ray.shutdown()

    def _connect(self) -> None:
        import ray  # noqa: PLC0415 - see `run`

        try:
            if self.address:
                _knock(self.address)
            ray.init(address=self.address, num_cpus=None if self.address else self.workers, log_to_driver=False)
        # Ray raises all of these: for an address that is none, a cluster that is gone, and one of another release.
        except (OSError, RuntimeError, ValueError, OverflowError) as error:
            wanted = f"a Ray cluster at {self.address} (RAY_ADDRESS)" if self.address else "to start Ray here"
            raise WorkerLostError(
                f"wanted {wanted}, got {type(error).__name__}: {error}. Set RAY_ADDRESS to the HOST:PORT of a running "
                "head with the same Ray release, or choose another --runner"
            ) from error

    def _results(self, task: Callable[[J], R], jobs: Sequence[J]) -> Iterator[R]:
        import ray  # noqa: PLC0415 - see `run`

        # Ray takes functions alone for remote; a task may be any callable.
        remote: Any = ray.remote(num_cpus=1, max_retries=MAX_RETRIES)(_call)
        todo = iter(jobs)
        running: list[Any] = []
        # A few tasks more than cores keep all of them busy, and few results wait in memory.
        at_once = max(2 * int(ray.cluster_resources().get("CPU", 1)), 2)  # type: ignore[no-untyped-call]
        while True:
            running += [remote.remote(task, job) for job in islice(todo, at_once - len(running))]
            if not running:
                return
            done, running = ray.wait(running, num_returns=1)
            try:
                yield ray.get(done[0])
            except ray.exceptions.RayTaskError as error:
                raise _cause(error) from None
            except ray.exceptions.RayError as error:
                raise WorkerLostError(_lost(len(running) + 1, "Ray")) from error


def _call(task: Callable[[J], R], job: J) -> R:
    return task(job)


def _knock(address: str) -> None:
    """See that somebody listens at HOST:PORT; an address of another form is for Ray to read.

    Raises: OSError: nobody does.  OverflowError: the port is none.
    """
    host, _, port = address.rpartition(":")
    if "://" not in address and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT_S).close()


def _cause(error: Exception) -> Exception:
    """What the task raised, as it would have in this process."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, StorecastError) else error


def runner_of(name: str, workers: int | None, environ: Mapping[str, str]) -> Runner:
    """The runner of that name; Ray's address is taken from `RAY_ADDRESS`."""
    runners: dict[str, Callable[[], Runner]] = {
        "inprocess": InProcess,
        "joblib": lambda: Joblib(workers),
        "ray": lambda: Ray(environ.get("RAY_ADDRESS") or None, workers),
    }
    return runners[name]()


RUNNERS = ("inprocess", "joblib", "ray")
