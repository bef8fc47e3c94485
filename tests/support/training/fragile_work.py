"""Tasks whose worker dies or whose node is lost; found by import path, as workers find them."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from training.errors import DataError
from training.workers.partition_job import PartitionJob, PartitionResult, work


@dataclass(frozen=True)
class Fragile:
    """A job, and the folder in which its tasks leave a mark each time one begins."""

    job: PartitionJob
    marks: Path


def dies_once(fragile: Fragile) -> PartitionResult:
    """The first of all tasks takes its worker with it."""
    try:
        (fragile.marks / "died").touch(exist_ok=False)
    except FileExistsError:
        return work(fragile.job)
    os._exit(1)


def held_on_the_doomed_node(fragile: Fragile) -> PartitionResult:
    """Wait for ever on the Ray node that the file `doomed` names; elsewhere, until a task waits there, then work."""
    import ray  # noqa: PLC0415 - loads slowly, and only a Ray worker has it

    held = fragile.marks / "held"
    if ray.get_runtime_context().get_node_id() == (fragile.marks / "doomed").read_text():
        held.touch()
        time.sleep(3600)
    while not held.exists():
        time.sleep(0.01)
    return work(fragile.job)


def always_dies(place: int) -> int:
    """No worker survives this."""
    os._exit(place + 1)


def dies_if_odd(place: int) -> int:
    """An odd place kills its worker, once the others had time to be done."""
    if place % 2:
        time.sleep(0.5)
        os._exit(1)
    return place


def refuses(job: PartitionJob) -> None:
    """Says that its data is bad."""
    raise DataError(f"part {job.partition.index} is bad")
