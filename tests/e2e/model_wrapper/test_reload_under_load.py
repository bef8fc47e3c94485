"""Twenty switches of the champion under 2,000 requests, through a real graph over a real MLflow server."""

import asyncio
import itertools
import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import mlflow
import numpy as np
import pytest
from support.servers.mlflow_server import mlflow_server
from support.serving.registered_fleets import STORES, Registry

from fleet import Fleet
from graph.local.runner import LocalGraph
from graph.render import GraphOptions, render
from storecast.commands.serve import local_options

REQUESTS, SWITCHES, CLIENTS = 2000, 20, 4
WAIT_S = 120.0
DAYS = np.arange("2015-06-20", "2015-06-27", dtype="datetime64[D]")
SPAN = {"beginDate": "2015-06-20", "endDate": "2015-06-26"}
IDS = [str(number + 1) for number in range(STORES)]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    before = mlflow.get_tracking_uri()
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as url:
        yield Registry(url, tmp_path_factory.mktemp("fleets"))
    mlflow.set_tracking_uri(before)


def entries_of(said: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of an answer; those of an answer by rows are of the version that it names as a whole."""
    if "data" not in said:
        return list(said.get("jsonData", [said]))
    version, rows = said["meta"]["tags"]["fleet_version"], said["data"]["ndarray"]
    return [
        {
            "request": {"storeId": item[0][0]},
            "model": {"version": version, "source": item[0][5]},
            "forecast": [{"value": row[2]} for row in item],
        }
        for item in (rows[at : at + len(DAYS)] for at in range(0, len(rows), len(DAYS)))
    ]


class Load:
    """Clients that ask until they are told to stop, and remember everything that they heard."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self._lock, self._stopping, self._numbers = threading.Lock(), threading.Event(), itertools.count()
        self.statuses: list[int] = []
        self.entries: list[dict[str, Any]] = []
        self.strange: list[Any] = []

    def run(self) -> None:
        """Ask until `stop`."""
        connection = HTTPConnection(self._host, timeout=WAIT_S)
        while not self._stopping.is_set():
            number = next(self._numbers)
            question = self._question(number)
            rows = [list(item.values()) for item in question]
            by_rows = {"data": {"names": ["store_id", "begin_date", "end_date"], "ndarray": rows}}
            body = json.dumps(by_rows if number % 3 == 0 else {"jsonData": question})
            connection.request("POST", "/api/v1.0/predictions", body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            said = json.loads(reply.read())
            with self._lock:
                self.statuses.append(reply.status)
                self._take(question, said)
        connection.close()

    def _take(self, question: list[dict[str, str]], said: dict[str, Any]) -> None:
        entries = entries_of(said)
        self.entries += entries
        wanted = [store for item in question for store in (IDS if item["storeId"] == "*" else [item["storeId"]])]
        got = [entry.get("request", {}).get("storeId") for entry in entries]
        versions = {entry.get("model", {}).get("version") for entry in entries}
        versions.add(said["meta"]["tags"]["fleet_version"])
        if got != wanted or len(versions) != 1:
            self.strange.append((wanted, got, versions))

    def stop(self) -> None:
        """Let every client finish its request."""
        self._stopping.set()

    def heard(self) -> int:
        """Count the answers."""
        with self._lock:
            return len(self.statuses)

    def heard_from(self, version: str, since: int) -> bool:
        """Whether an entry after the first `since` came from a version."""
        with self._lock:
            return any(entry["model"]["version"] == version for entry in self.entries[since:] if "model" in entry)

    def _question(self, number: int) -> list[dict[str, str]]:
        stores = ["*"] if number % 10 == 1 else [IDS[number % STORES]]
        return [{"storeId": store_id, **SPAN} for store_id in (stores + ["3", "4", "8"] * (number % 4 == 0))]


def switch(load: Load, registry: Registry) -> None:
    """Move the alias to and fro; each time the new version must be heard of, and its share of the requests be over."""
    versions = itertools.cycle(list(registry.fleets)[::-1])
    for done in range(1, SWITCHES + 1):
        version, since = next(versions), len(load.entries)
        registry.point(version)
        deadline = time.monotonic() + WAIT_S
        while load.heard() < done * REQUESTS // SWITCHES or not load.heard_from(version, since):
            if time.monotonic() > deadline:
                raise TimeoutError(f"version {version} was not served after {WAIT_S} s")
            time.sleep(0.02)


def under_load(url: str, registry: Registry) -> Load:
    load = Load(url)
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(load.run) for _ in range(CLIENTS)]
        try:
            switch(load, registry)
        finally:
            load.stop()
        for client in clients:
            client.result()
    return load


@pytest.fixture(scope="module")
def load(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Load:
    folder = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STORECAST_", "MLFLOW_"))}
    environ = {**kept, "STORECAST_RELOAD_SECONDS": "0.2"}
    options = local_options(folder, environ, port=0, uri=registry.url)

    async def run() -> Load:
        async with LocalGraph(render(GraphOptions(shards=2)), options) as graph:
            return await asyncio.to_thread(under_load, graph.base_url, registry)

    return asyncio.run(run())


def test_no_request_fails_while_the_champion_changes(load: Load) -> None:
    assert len(load.statuses) >= REQUESTS
    assert set(load.statuses) == {200}
    assert [entry for entry in load.entries if "error" in entry] == []


def test_every_answer_names_each_store_once_in_order_and_is_of_one_version(load: Load) -> None:
    assert load.strange == []


def own_forecasts(version: str, fleet: Fleet) -> dict[tuple[str, str, str], list[float]]:
    """What a version says of every store: (version, source, store) -> values."""
    modelled = [store_id for store_id, has in zip(IDS, fleet.has_model, strict=True) if has]
    made = {"fleet": fleet.predict(modelled, DAYS), "fallback": fleet.fallback(IDS, DAYS)}
    return {
        (version, source, store_id): values
        for source, forecast in made.items()
        for store_id, values in zip(forecast.store_ids, forecast.value.tolist(), strict=True)
    }


def test_every_entry_is_what_its_own_version_says(load: Load, registry: Registry) -> None:
    wanted: dict[tuple[str, str, str], list[float]] = {}
    for version, fleet in registry.fleets.items():
        wanted |= own_forecasts(version, fleet)
    keys = [
        (entry["model"]["version"], entry["model"]["source"], entry["request"]["storeId"]) for entry in load.entries
    ]
    got = [[day["value"] for day in entry["forecast"]] for entry in load.entries]

    # Not to the last bit: a sum's rounding depends on how many stores were asked at once.
    np.testing.assert_allclose(got, [wanted[key] for key in keys], rtol=1e-12)
    assert {version for version, _, _ in keys} == set(registry.fleets)
