"""Drivers of a Ray cluster, each for a process of its own: Ray ends a driver whose node is lost, without a word."""

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.processes import addresses_listened_on
from support.training import parts
from support.training.fragile_work import Fragile, always_dies, dies_once, held_on_the_doomed_node, refuses

from training.errors import DataError, WorkerLostError
from training.workers.partition_job import work
from training.workers.runners import InProcess, Ray

ROOT = Path(__file__).parents[3]
LIMIT_S = 540
ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",  # no tokens on loopback
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # nodes on loopback
    "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",  # where workers find the tests' tasks
}


def drive(driver: Callable[[Path], None], folder: Path) -> int | None:
    """Run a driver in a new process; its exit code, None where it took too long."""
    process = multiprocessing.get_context("spawn").Process(target=driver, args=(folder,))
    process.start()
    process.join(LIMIT_S)
    code = process.exitcode
    if code is None:
        process.terminate()
        process.join(10)
    process.kill()
    process.join()
    return code


def lose_a_node(folder: Path) -> None:
    """Two nodes work, one is lost on the way: the bytes are those of this process."""
    import ray  # noqa: PLC0415 - loads slowly, and only here
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    with pytest.MonkeyPatch.context() as patch:
        jobs = parts.jobs(folder, patch, stores_a_partition=2)
    here = parts.as_bytes(InProcess().run(work, jobs))
    marks = folder / "marks"
    marks.mkdir()
    # A head without a core, so that all work is on nodes that can be lost.
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        doomed, _ = (cluster.add_node(num_cpus=1) for _ in range(2))
        cluster.wait_for_nodes()
        (marks / "doomed").write_text(doomed.node_id)
        results = Ray(cluster.address).run(held_on_the_doomed_node, [Fragile(job, marks) for job in jobs])
        blocks = [next(results)]  # which is of the other node, and tells that a task is in the middle on the doomed one
        cluster.remove_node(doomed, allow_graceful=False)
        blocks += results
    finally:
        ray.shutdown()
        cluster.shutdown()  # type: ignore[no-untyped-call]
    assert (marks / "held").exists()
    assert parts.as_bytes(blocks) == here  # also of what was held on the lost node


def lose_a_worker(folder: Path) -> None:
    """One worker process dies, its node and all others live: the bytes are those of this process."""
    with pytest.MonkeyPatch.context() as patch:
        jobs = parts.jobs(folder, patch)
    marks = folder / "marks"
    marks.mkdir()
    blocks = list(Ray(None, 2).run(dies_once, [Fragile(job, marks) for job in jobs]))
    assert (marks / "died").exists()
    assert parts.as_bytes(blocks) == parts.as_bytes(InProcess().run(work, jobs))


def lose_every_worker(folder: Path) -> None:  # noqa: ARG001 - as every driver
    """Workers that always die end the run with the reason."""
    with pytest.raises(WorkerLostError, match=r"workers of Ray died 4 times and \d partitions are left"):
        list(Ray(None, 2).run(always_dies, [0, 1]))


def run_alone(folder: Path) -> None:
    """A cluster that the run starts itself: the same bytes, what a task raises, and nothing left."""
    os.environ.pop("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")  # the run keeps to loopback by itself
    with pytest.MonkeyPatch.context() as patch:
        jobs = parts.jobs(folder, patch)
    results = Ray(None, 2).run(work, jobs)
    blocks = [next(results)]
    assert addresses_listened_on(os.getpid()) == {"127.0.0.1"}
    blocks += results
    assert parts.as_bytes(blocks) == parts.as_bytes(InProcess().run(work, jobs))
    import ray  # noqa: PLC0415 - not before the run, which sets what Ray reads when it is imported

    assert not ray.is_initialized()
    with pytest.raises(DataError, match=r"part \d is bad"):
        list(Ray(None, 1).run(refuses, jobs))
