"""Our store of Seldon's metrics prints what Seldon's own prints, and keeps it when workers die."""

import copy
import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seldon_core import metrics as stock
from seldon_core.metrics import SeldonMetrics

from model_wrapper.metrics.shared_metrics import SharedMetrics

WORKER = 7
THREADS, EACH = 8, 500
fork = multiprocessing.get_context("fork")

TAGS = st.dictionaries(st.sampled_from(["source", "kind"]), st.sampled_from(["fleet", "ä b", 'q"\\\n']), max_size=2)
VALUES = st.integers(0, 10**6) | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9)
# Edges of the buckets, in milliseconds, and their neighbours.
TIMES = VALUES | st.sampled_from(
    [1000 * near for edge in stock.BINS[:-1] for near in (edge, math.nextafter(edge, 0), math.nextafter(edge, 99))]
)
COUNTS = st.fixed_dictionaries(
    {"type": st.just("COUNTER"), "key": st.sampled_from(["asked", "asked_total"]), "value": VALUES, "tags": TAGS}
)
GAUGES = st.fixed_dictionaries({"type": st.just("GAUGE"), "key": st.just("age"), "value": VALUES, "tags": TAGS})
TIMERS = st.fixed_dictionaries({"type": st.just("TIMER"), "key": st.just("spent"), "value": TIMES, "tags": TAGS})
UPDATES = st.lists(st.tuples(st.lists(COUNTS | GAUGES | TIMERS, max_size=4), st.sampled_from(["predict", "router"])))


def count(store: SharedMetrics, value: float = 1) -> None:
    store.update([{"type": "COUNTER", "key": "asked", "value": value}], "predict")


def values(store: SharedMetrics) -> dict[str, float]:
    """Worker -> what it counted."""
    return {worker: next(iter(series.values()))["value"] for worker, series in store.data.items()}


@pytest.fixture
def store() -> SharedMetrics:
    return SharedMetrics()


@pytest.fixture(scope="module")
def seldons() -> Iterator[SeldonMetrics]:
    kept = SeldonMetrics(worker_id_func=lambda: WORKER)
    yield kept
    kept._manager.shutdown()


@given(UPDATES)
def test_the_page_is_byte_for_byte_seldons(seldons: SeldonMetrics, updates: list[tuple[list[Any], str]]) -> None:
    ours = SharedMetrics(worker_id_func=lambda: WORKER)
    seldons.clear()
    for metrics, method in updates:
        seldons.update(copy.deepcopy(metrics), method)
        ours.update(copy.deepcopy(metrics), method)
    page = ours.generate_metrics()
    ours.clear()

    assert page == seldons.generate_metrics()


def test_a_reward_is_counted_as_seldon_counts_it(store: SharedMetrics) -> None:
    store.update_reward(2.5)

    page = store.generate_metrics()[0]
    assert "seldon_api_model_feedback_total{" in page
    assert "seldon_api_model_feedback_reward_total{" in page


@pytest.mark.parametrize(
    ("metric", "error"),
    [
        ({"type": "COUNTER", "value": 1}, KeyError),
        ({"type": "GAUGE", "key": "age", "value": 1, "tags": {"a": 1}}, TypeError),
    ],
)
def test_a_metric_that_seldon_refuses_is_refused(
    store: SharedMetrics, metric: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        store.update([metric], "predict")


def test_threads_of_a_worker_lose_no_count(store: SharedMetrics) -> None:
    def work() -> None:
        for _ in range(EACH):
            count(store)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert values(store) == {str(os.getpid()): THREADS * EACH}


def in_a_worker(work: Callable[[], None]) -> int:
    """Run something in a fork of this process; returns its process id when it has ended."""
    worker = fork.Process(target=work)
    worker.start()
    worker.join(20)
    assert worker.pid is not None
    return worker.pid


def test_what_a_killed_worker_counted_stays(store: SharedMetrics) -> None:
    def die() -> None:
        count(store, 3)
        os.kill(os.getpid(), signal.SIGKILL)

    count(store)
    pid = in_a_worker(die)

    assert values(store) == {str(os.getpid()): 1, str(pid): 3}


def test_what_a_killed_worker_said_of_itself_goes_with_it(store: SharedMetrics) -> None:
    def tell(version: int) -> None:
        store.update([{"type": "GAUGE", "key": "version", "value": version}], "predict")

    def die() -> None:
        tell(1)
        os.kill(os.getpid(), signal.SIGKILL)

    tell(2)
    in_a_worker(die)

    assert {each["value"] for series in store.data.values() for each in series.values()} == {2}


def test_a_worker_that_is_killed_in_the_middle_of_an_update_stops_nobody(store: SharedMetrics) -> None:
    def die() -> None:
        store._lock.acquire()
        os.kill(os.getpid(), signal.SIGKILL)

    in_a_worker(die)
    count(store)

    assert values(store) == {str(os.getpid()): 1}


def test_a_worker_that_ends_takes_its_metrics_with_it_and_not_those_of_others(store: SharedMetrics) -> None:
    def end() -> None:
        count(store, 3)
        store.clear()

    count(store)
    in_a_worker(end)

    assert values(store) == {str(os.getpid()): 1}


def test_many_series_grow_the_file_and_all_of_them_are_read(store: SharedMetrics) -> None:
    for number in range(3000):
        tags = {"source": f"{number:050}"}
        store.update([{"type": "COUNTER", "key": "asked", "value": number, "tags": tags}], "predict")

    assert sum(series["value"] for series in store.data[str(os.getpid())].values()) == sum(range(3000))


def test_the_folder_goes_with_the_process_that_made_it_and_with_no_fork(store: SharedMetrics) -> None:
    from model_wrapper.metrics.shared_metrics import _remove  # noqa: PLC0415 - called when a process ends

    count(store)
    _remove(store._folder, os.getppid())
    assert store._folder.exists()
    _remove(store._folder, os.getpid())
    assert not store._folder.exists()
