"""A real graph under faults: killed processes, a slow sink, hostile requests, many clients.

A component that is away is answered as the real executor answers it, with 500 and its text; nothing else ever is.
"""

import gzip
import itertools
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
from support.fleets import small_fleet
from support.serving.contract_check import faults_of
from support.serving.served_graphs import JSON, ServedGraph, forecasts_of, parent_of, served_graph, until

from graph import GraphOptions, render, to_yaml

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a graph in /proc")

N_STORES = 40
WITHOUT_MODEL = (2, 7, 11)  # rows: the stores 3, 8 and 12
SPAN = {"beginDate": "2015-06-20", "endDate": "2015-06-26"}
WEEK = [{"storeId": str(number + 1), **SPAN} for number in range(N_STORES)]
SERVED = "seldon_api_executor_server_requests_seconds_count"
CALLED = "seldon_api_executor_client_requests_seconds_count"
MEMORY_MARGIN_MB = 25.0


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_fleet(tmp_path_factory.mktemp("fleet") / "fleet", N_STORES, without_model=WITHOUT_MODEL)


@pytest.fixture(scope="module")
def graph(fleet: Path) -> Iterator[ServedGraph]:
    with served_graph(fleet, fleet.parent / "home") as running:
        yield running


@pytest.fixture(scope="module")
def calm(graph: ServedGraph) -> list[Any]:
    """What the graph answers before anything happens to it."""
    return forecasts_of(graph.ask(WEEK))


def item(**more: object) -> dict[str, Any]:
    return {"storeId": "1", **SPAN, **more}


def deep(levels: int) -> bytes:
    return b'{"jsonData":' + b"[" * levels + b"]" * levels + b"}"


HOSTILE: list[tuple[str, bytes, dict[str, str] | None, str]] = [
    ("5 MB in one id", json.dumps({"jsonData": item(storeId="4" * 5_000_000)}).encode(), None, "jsonData.storeId"),
    ("5 MB in a field that nobody knows", json.dumps({"jsonData": item(), "x": "y" * 5_000_000}).encode(), None, "x"),
    ("5 MB that are no JSON", b"[" + b" " * 5_000_000, None, "ends too early"),
    ("10,000 items", json.dumps({"jsonData": [item()] * 10_000}).encode(), None, "STORECAST_MAX_ITEMS"),
    ("10,000 levels of lists", deep(10_000), None, "deep"),
    ("10,000 levels of objects", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, None, "deep"),
    ("text", json.dumps({"jsonData": item()}).encode(), {"Content-Type": "text/plain"}, "text/plain"),
    ("no Content-Type", json.dumps({"jsonData": item()}).encode(), {}, "no Content-Type"),
    ("a compressed body", gzip.compress(b'{"jsonData": {"storeId": "1"}}'), JSON | {"Content-Encoding": "gzip"}, ""),
    ("NaN", b'{"jsonData": {"storeId": "1", "level": NaN}}', None, "level"),
    ("infinity", b'{"jsonData": {"storeId": "1", "expectedSales": Infinity}}', None, "expectedSales"),
    ("minus infinity", b'{"jsonData": {"storeId": "1", "overrides": {"x": {"2015-06-20": -Infinity}}}}', None, "x"),
    ("a number beyond floats", b'{"jsonData": {"storeId": "1", "expectedSales": 1e999}}', None, "expectedSales"),
    ("the year 0", json.dumps({"jsonData": item(beginDate="0000-01-01")}).encode(), None, "beginDate"),
    ("the year 10000", json.dumps({"jsonData": item(endDate="10000-01-01")}).encode(), None, "endDate"),
    ("level 0", json.dumps({"jsonData": item(level=0)}).encode(), None, "level"),
    ("level 1", json.dumps({"jsonData": item(level=1)}).encode(), None, "level"),
    ("level 2", json.dumps({"jsonData": item(level=2)}).encode(), None, "level"),
    ("an id of 300 bytes", json.dumps({"jsonData": item(storeId="é" * 300)}).encode(), None, "storeId"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "headers", "named"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE]
)
def test_a_hostile_request_is_a_400_that_names_what_is_wrong(
    graph: ServedGraph, body: bytes, headers: dict[str, str] | None, named: str
) -> None:
    reply = graph.send(body, headers)

    assert (reply.status, faults_of(reply.status, reply.body)) == (400, [])
    assert named in json.dumps(reply.json())
    assert len(reply.body) < 10_000


@pytest.mark.parametrize(
    "store_id", ['"', "'", "a/b", "../4", "\\", "🏪", "* ", "%00", "\0", "\x1b[2J", "\u202e4", "é" * 100]
)
def test_a_strange_id_is_an_unknown_store_and_comes_back_as_it_was(graph: ServedGraph, store_id: str) -> None:
    reply = graph.ask([item(), item(storeId=store_id)])
    good, strange = reply.json()["jsonData"]

    assert faults_of(reply.status, reply.body) == []
    assert "forecast" in good
    assert strange["error"]["code"] == "UNKNOWN_STORE"
    assert strange["request"]["storeId"] == store_id


@pytest.mark.parametrize(
    "begin", ["1677-09-20", "1677-09-22", "2262-04-11", "2262-04-12", "1582-10-10", "9999-12-31", "0001-01-01"]
)
def test_days_at_the_ends_of_time_are_refused_or_out_of_range(graph: ServedGraph, begin: str) -> None:
    reply = graph.ask([item(), {"storeId": "1", "beginDate": begin, "endDate": begin}])

    assert faults_of(reply.status, reply.body) == []
    if reply.status == 200:
        assert reply.json()["jsonData"][1]["error"]["code"] == "DATE_OUT_OF_RANGE"


def test_a_store_asked_twice_is_answered_twice(graph: ServedGraph) -> None:
    entries = graph.ask([item(), item(storeId="3"), item(), item(storeId="3")]).json()["jsonData"]

    assert entries[0] == entries[2]
    assert entries[1] == entries[3]
    assert entries[0]["model"]["source"] != entries[1]["model"]["source"]


class Load:
    """Clients that ask one store after the other until told to stop; statuses and answers that were wrong."""

    def __init__(self, graph: ServedGraph, calm: list[Any], clients: int = 4) -> None:
        self._graph, self._calm = graph, calm
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(first,)) for first in range(clients)]
        self.replies: list[tuple[int, bytes]] = []
        self.wrong: list[bytes] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self, first: int) -> None:
        for number in itertools.count(first):
            if self._stopping.is_set():
                return
            place = number % N_STORES
            reply = self._graph.ask(WEEK[place])
            self.replies.append((reply.status, reply.body))
            if reply.status == 200 and forecasts_of(reply) != [self._calm[place]]:
                self.wrong.append(reply.body)

    def wait_for(self, more: int) -> None:
        """Let the clients be answered so many times more."""
        wanted = len(self.replies) + more
        until(lambda: len(self.replies) >= wanted)

    @property
    def statuses(self) -> Counter[int]:
        return Counter(status for status, _ in self.replies)

    @property
    def failures(self) -> list[str]:
        return [json.loads(body)["status"]["info"] for status, body in self.replies if status != 200]


def counted(graph: ServedGraph) -> Counter[int]:
    """The engine's own count of its answers by status."""
    found = {
        code: int(graph.metric("engine", SERVED, service="predictions", code=str(code))) for code in (200, 400, 500)
    }
    return Counter(found)


def has_another_worker(graph: ServedGraph, component: str, before: int) -> bool:
    return [pid for pid in graph.workers(component) if pid != before] != [] and graph.ask(WEEK[0]).status == 200


@pytest.mark.parametrize("component", ["forecaster", "router", "fallback"])
def test_a_killed_worker_is_replaced_and_every_lost_request_is_counted(
    graph: ServedGraph, calm: list[Any], component: str
) -> None:
    graph.ask(WEEK)
    before, [worker] = counted(graph), graph.workers(component)
    with Load(graph, calm) as load:
        load.wait_for(50)
        os.kill(worker, signal.SIGKILL)
        load.wait_for(200)
    seen = counted(graph)
    until(lambda: has_another_worker(graph, component, worker))

    assert load.wrong == []
    assert set(load.statuses) <= {200, 500}
    # As of the real executor: which call failed, or of an answer that broke off only that.
    named = ("/predict", "/route", "/aggregate", "unexpected EOF")
    assert [info for info in load.failures if not any(name in info for name in named)] == []
    assert seen - before == load.statuses
    assert forecasts_of(graph.ask(WEEK)) == calm


@pytest.mark.parametrize("component", ["forecaster", "router"])
def test_a_killed_component_is_started_again_and_the_graph_answers_as_before(
    graph: ServedGraph, calm: list[Any], component: str
) -> None:
    graph.ask(WEEK)
    before, [worker] = counted(graph), graph.workers(component)
    with Load(graph, calm) as load:
        load.wait_for(50)
        os.kill(parent_of(worker), signal.SIGKILL)
        until(lambda: has_another_worker(graph, component, worker))
        load.wait_for(50)
    others = {name: graph.workers(name) for name in ("router", "forecaster", "fallback")}

    assert load.wrong == []
    assert set(load.statuses) <= {200, 500}
    assert sum((counted(graph) - before).values()) >= len(load.replies)
    assert "graph.component_died" in graph.log.read_text()
    assert all(len(pids) == 1 for pids in others.values())
    assert forecasts_of(graph.ask(WEEK)) == calm


def settled(graph: ServedGraph, name: str) -> float:
    """A metric of the forecaster, once its worker has reported all that it has counted so far."""
    for _ in range(2):  # a report that has begun may not be whole; where the next one has begun, it is
        await_a_report(graph)
    return graph.metric("forecaster", name)


def await_a_report(graph: ServedGraph) -> None:
    before = graph.metric("forecaster", "storecast_requests_total")
    graph.ask(WEEK)
    until(lambda: graph.metric("forecaster", "storecast_requests_total") > before)


def mixed(number: int) -> tuple[bytes, int]:
    """The nth request of a client, and the status it must have."""
    good = json.dumps({"jsonData": WEEK[number % N_STORES]}).encode()
    many = json.dumps({"jsonData": WEEK[:20]}).encode()
    bad = json.dumps({"jsonData": item(level=number)}).encode()
    return ((good, 200), (bad, 400), (many, 200), (b"{", 400), (good, 200))[number % 5]


def asked_by_50_clients(graph: ServedGraph, each: int) -> Counter[tuple[int, int]]:
    """Wanted and got status -> how often."""

    def client(first: int) -> list[tuple[int, int]]:
        requests = [mixed(first + number) for number in range(each)]
        return [(wanted, graph.send(body).status) for body, wanted in requests]

    with ThreadPoolExecutor(50) as pool:
        return Counter(pair for pairs in pool.map(client, range(50)) for pair in pairs)


def test_50_clients_that_mix_good_and_bad_get_what_each_deserves_and_leave_no_memory_behind(
    graph: ServedGraph, calm: list[Any]
) -> None:
    asked_by_50_clients(graph, 10)
    refused = settled(graph, "storecast_refused_requests_total")
    memory_mb, before = graph.memory_mb(), counted(graph)
    got = asked_by_50_clients(graph, 40)
    wanted = Counter({200: got[200, 200], 400: got[400, 400]})

    assert set(got) == {(200, 200), (400, 400)}
    assert sum(got.values()) == 2000
    assert counted(graph) - before == wanted
    assert settled(graph, "storecast_refused_requests_total") == refused + wanted[400]
    assert forecasts_of(graph.ask(WEEK)) == calm
    assert graph.memory_mb() <= memory_mb + MEMORY_MARGIN_MB


class SlowSink(BaseHTTPRequestHandler):
    """Takes an event and answers when it is told to."""

    released = threading.Event()
    taken: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.released.wait(60)
        self.taken.append(self.headers["Ce-Type"])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_sink_that_does_not_answer_holds_up_no_request_and_loses_no_event(fleet: Path, tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), SlowSink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    file = tmp_path / "graph.yaml"
    file.write_text(to_yaml(render(GraphOptions(log_url=f"http://127.0.0.1:{server.server_port}/"))))
    try:
        with served_graph(fleet, tmp_path / "home", str(file)) as slow:
            statuses = Counter(slow.ask(WEEK[number % N_STORES]).status for number in range(100))
            taken_before = len(SlowSink.taken)
            SlowSink.released.set()
            until(lambda: slow.metric("engine", "storecast_engine_payload_events_total", outcome="sent") >= 200)
            dropped = slow.metric("engine", "storecast_engine_payload_events_total", outcome="dropped")
    finally:
        SlowSink.released.set()
        server.shutdown()
        server.server_close()

    assert statuses == {200: 100}
    assert (taken_before, dropped) == (0, 0)
