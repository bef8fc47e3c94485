"""Runners: the same bytes whoever works, however many and in which order; a worker that dies is replaced."""

import socket
from pathlib import Path

import pytest
from support.training import parts
from support.training.fragile_work import Fragile, always_dies, dies_if_odd, dies_once, refuses

from training.errors import DataError, WorkerLostError
from training.workers.partition_job import work
from training.workers.runners import InProcess, Joblib, Ray, runner_of


def test_workers_and_their_order_change_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = parts.jobs(tmp_path, monkeypatch)
    assert len(jobs) > 4
    here = parts.as_bytes(InProcess().run(work, jobs))
    assert len(here) > 20
    assert parts.as_bytes(InProcess().run(work, jobs[::-1])) == here
    for workers in (1, 2, 3):
        assert parts.as_bytes(Joblib(workers).run(work, jobs)) == here


def test_a_worker_that_dies_is_replaced_and_nothing_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = parts.jobs(tmp_path, monkeypatch)
    fragile = [Fragile(job, tmp_path) for job in jobs]
    assert parts.as_bytes(Joblib(2).run(dies_once, fragile)) == parts.as_bytes(InProcess().run(work, jobs))
    assert (tmp_path / "died").exists()


def test_workers_that_always_die_end_the_run_with_the_reason() -> None:
    with pytest.raises(WorkerLostError, match="workers of joblib died 4 times and 2 partitions are left"):
        list(Joblib(2).run(always_dies, [0, 1]))


def test_the_last_partition_that_kills_its_workers_does_not_kill_the_run() -> None:
    results = Joblib(2).run(dies_if_odd, [0, 2, 1])
    assert sorted([next(results), next(results)]) == [0, 2]
    with pytest.raises(WorkerLostError, match="workers of joblib died 4 times and 1 partitions are left"):
        next(results)


def test_what_a_task_raises_reaches_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = parts.jobs(tmp_path, monkeypatch)
    for runner in (InProcess(), Joblib(2)):
        with pytest.raises(DataError, match=r"part \d is bad"):
            list(runner.run(refuses, jobs))


@pytest.mark.timeout(60)
def test_a_ray_cluster_that_is_gone_ends_the_run_at_once_with_the_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    with pytest.raises(WorkerLostError, match=rf"wanted a Ray cluster at {address} .*refused.*HOST:PORT") as caught:
        list(Ray(address).run(always_dies, [0]))
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("address", ["head", "head:x", "127.0.0.1:66000"])
def test_an_address_of_ray_that_is_none_is_named(address: str) -> None:
    with pytest.raises(WorkerLostError, match=rf"wanted a Ray cluster at {address} .*RAY_ADDRESS.*, got \w+Error: "):
        list(Ray(address).run(always_dies, [0]))


@pytest.mark.parametrize("error", [ConnectionError("no head"), RuntimeError("another release"), ValueError("odd")])
def test_what_ray_says_of_a_cluster_it_cannot_join_reaches_the_caller(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise error

    monkeypatch.setattr("ray.init", refuse)
    for address, wanted in (("auto", "a Ray cluster at auto"), ("ray://head:1", "at ray://head:1"), (None, "to start")):
        with pytest.raises(WorkerLostError, match=f"wanted .*{wanted}.*{error}"):
            list(Ray(address).run(always_dies, [0]))


def test_a_runner_is_named_and_ray_knows_its_address() -> None:
    assert runner_of("inprocess", None, {}) == InProcess()
    assert runner_of("joblib", 3, {}) == Joblib(3)
    assert runner_of("ray", None, {"RAY_ADDRESS": "head:6379"}) == Ray("head:6379")
    assert runner_of("ray", 2, {"RAY_ADDRESS": ""}) == Ray(None, 2)
