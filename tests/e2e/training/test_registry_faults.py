"""A registry that hangs, dies, lies and comes back, under a component with several workers: every answer is given."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.fleets import small_fleet
from support.processes import RunningComponent, component

from fleet.names import CHAMPION, FLEET_MODEL, alias_uri
from graph.local.free_ports import free_ports
from model_wrapper.registry.cache import FleetCache

WAIT_S = 120
QUESTION = {"jsonData": {"storeId": "1", "beginDate": "2015-06-20", "endDate": "2015-06-26"}}


class Registry:
    """Says over REST which version is the champion, from a port that can be left and taken again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_ports(1)[0]
        self.champion, self.hangs = "1", threading.Event()
        self.released = threading.Event()
        self.environ = {
            "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{self.port}",
            "STORECAST_FLEET_URI": alias_uri(FLEET_MODEL, CHAMPION),
            "STORECAST_CACHE_DIR": str(folder / "cache"),
            "STORECAST_RELOAD_SECONDS": "0.2",
            "STORECAST_FETCH_TIMEOUT_S": "4",
            "GUNICORN_WORKERS": "3",
        }
        self._cache = FleetCache.of(folder / "cache", self.environ)
        self._http: ThreadingHTTPServer | None = None

    def add(self, version: str, n_stores: int) -> None:
        """Put a version where a download would."""
        small_fleet(self._cache.place_of(FLEET_MODEL, version, "1700000000000"), n_stores, seed=int(version))

    def up(self) -> None:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if registry.hangs.is_set():
                    registry.released.wait(WAIT_S)
                    return
                model = {"version": registry.champion, "creation_timestamp": "1700000000000"}
                body = {"model_version": model} if "alias" in self.path else {}
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base class's
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def down(self) -> None:
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    made = Registry(tmp_path)
    made.add("1", 4)
    made.add("2", 4)
    made.add("3", 1)
    made.up()
    yield made
    made.released.set()
    made.down()


@pytest.fixture
def running(registry: Registry, tmp_path: Path) -> Iterator[RunningComponent]:
    """Three workers; a late one would begin with whatever the champion is by then, and have nothing to refuse."""
    with component("StoreForecaster", tmp_path, registry.environ) as started:
        until(lambda: len(loaders(started, "1")) == 3)
        yield started


def version(running: RunningComponent) -> str:
    reply = running.predict(QUESTION)
    assert reply.status == 200
    found: str = reply.json()["jsonData"][0]["model"]["version"]
    return found


def failures(running: RunningComponent) -> list[tuple[int, str]]:
    """Worker and reason of every log line that tells of a failed reload."""
    return [(line["pid"], line["reason"]) for line in failed_reloads(running)]


def failed_reloads(running: RunningComponent) -> list[dict[str, Any]]:
    return [line for line in running.log_lines() if line["event"] == "wrapper.reload_failed"]


def loaders(running: RunningComponent, wanted: str) -> set[int]:
    """The workers that have taken a version into service, those that are gone included."""
    lines = [line for line in running.log_lines() if line["event"] == "wrapper.fleet_loaded"]
    return {line["pid"] for line in lines if line["version"] == wanted}


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not what():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)


def all_serve(running: RunningComponent, wanted: str) -> None:
    until(lambda: {version(running) for _ in range(12)} == {wanted})


def test_a_registry_that_hangs_and_dies_is_told_once_and_taken_up_again(
    registry: Registry, running: RunningComponent
) -> None:
    all_serve(running, "1")
    registry.hangs.set()
    until(lambda: len(failures(running)) >= 1)
    assert version(running) == "1"
    registry.down()
    until(lambda: len({pid for pid, _ in failures(running)}) == 3)
    told = [(line["pid"], line["reason"], line["told"]) for line in failed_reloads(running)]
    assert version(running) == "1"
    registry.champion = "2"
    registry.hangs.clear()
    registry.up()
    all_serve(running, "2")

    # A worker may tell of both, a registry that hangs and one that is gone; of neither twice.
    assert len(told) == len(set(told))
    assert {reason for _, reason, _ in told} == {"registry"}
    assert "storecast_fleet_reload_failures_total{" in running.metrics()


def test_a_champion_with_too_few_stores_waits_until_it_is_moved_again(
    registry: Registry, running: RunningComponent
) -> None:
    registry.champion = "3"
    until(lambda: len({pid for pid, _ in failures(running)}) == 3)
    assert {version(running) for _ in range(12)} == {"1"}
    registry.champion = "2"
    all_serve(running, "2")

    assert {reason for _, reason in failures(running)} == {"too_few_stores"}


def test_a_worker_that_was_killed_comes_back_while_the_registry_is_away(
    registry: Registry, running: RunningComponent
) -> None:
    registry.champion = "2"
    # Told by each worker: a dozen answers may all come from the same two.
    until(lambda: len(loaders(running, "2")) == 3)
    registry.down()
    killed = loaders(running, "2").pop()
    os.kill(killed, 9)
    until(lambda: len(loaders(running, "2")) == 4)

    assert {version(running) for _ in range(12)} == {"2"}
