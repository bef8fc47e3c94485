"""`storecast serve` and its request log: a real graph of Seldon wrapper processes, a real sink, a real SQLite file."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import requests
from support.fleets import small_fleet

ROOT = Path(__file__).parents[3]
WAIT_S = 120.0
DAYS = {"beginDate": "2015-06-20", "endDate": "2015-06-26"}


@dataclass
class Served:
    """A graph that `storecast serve` runs."""

    home: Path
    told: dict[str, str]

    def ask(self, message: object) -> tuple[str, Any]:
        """Request id and answer."""
        reply = requests.post(self.told["predictions"], json=message, timeout=120)
        assert reply.status_code == 200
        return reply.headers["Seldon-Puid"], reply.json()

    def run(self, *words: str) -> str:
        command = [sys.executable, "-m", "storecast", "request-log", *words, "--home", str(self.home)]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, env=clean()).stdout

    def logged(self, request_id: str) -> list[dict[str, Any]]:
        """The rows of a request, as soon as there are any."""
        rows: list[dict[str, Any]] = []

        def is_there() -> bool:
            rows[:] = json.loads(self.run("show", "--request", request_id, "--json", "--last", "1000"))
            return bool(rows)

        until(is_there)
        return rows

    def sink_pid(self) -> int:
        lines = (self.home / "logs" / "request-log.log").read_text().splitlines()
        started = [json.loads(line) for line in lines if "request_log.started" in line]
        return int(started[-1]["pid"])


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("STORECAST_", "MLFLOW_"))}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("serve")
    fleet = small_fleet(folder / "fleet", without_model=[2])
    words = ["serve", "--port", "0", "--home", str(folder / "home"), "--fleet-uri", str(fleet)]
    process = subprocess.Popen(
        [sys.executable, "-m", "storecast", *words], cwd=ROOT, env=clean(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        lines = [line.split() for line in iter(process.stdout.readline, "\n")]
        yield Served(folder / "home", {" ".join([what, *name]): address for what, address, *name in lines})
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0


def test_what_one_child_and_what_all_children_answered_is_in_the_log_once(graph: Served) -> None:
    one, answer = graph.ask({"jsonData": {"storeId": "4", **DAYS}})
    several, _ = graph.ask({"jsonData": [{"storeId": store, **DAYS} for store in ("1", "3", "nobody")]})
    (row,) = graph.logged(one)
    asked = answer["jsonData"][0]
    assert row["forecasts"] == [day["value"] for day in asked["forecast"]]
    assert row["lowers"] == [day["lower"] for day in asked["forecast"]]
    assert (row["version"], row["source"], row["child"]) == (asked["model"]["version"], "fleet", 0)
    rows = graph.logged(several)
    assert [(each["store_id"], each["source"], each["error_code"], each["child"]) for each in rows] == [
        ("1", "fleet", None, -1),
        ("3", "fallback", None, -1),
        ("nobody", None, "UNKNOWN_STORE", -1),
    ]


def test_rows_are_logged_with_the_level_of_the_request(graph: Served) -> None:
    names = ["store_id", "begin_date", "end_date", "level"]
    table = [["4", "2015-06-20", "2015-06-21", 0.9], ["4", "2015-06-22", "2015-06-23", 0.7]]
    request_id, _ = graph.ask({"data": {"names": names, "ndarray": table}})
    rows = graph.logged(request_id)
    assert [(row["days"][0], len(row["days"]), row["level"]) for row in rows] == [
        ("2015-06-20", 2, 0.9),
        ("2015-06-22", 2, 0.7),
    ]


def test_the_newest_forecasts_of_a_store_are_shown_and_exported(graph: Served, tmp_path: Path) -> None:
    request_id, _ = graph.ask({"jsonData": {"storeId": "5", **DAYS}})
    graph.logged(request_id)
    shown = graph.run("show", "--store", "5", "--last", "1").splitlines()
    assert len(shown) == 2
    assert request_id in shown[1]
    assert "2015-06-20..2015-06-26" in shown[1]
    graph.run("export", "--out", str(tmp_path / "log.parquet"))
    rows = [row for row in pq.read_table(tmp_path / "log.parquet").to_pylist() if row["request_id"] == request_id]
    assert [f"{row['ds']}" for row in rows] == [f"2015-06-{day}" for day in range(20, 27)]


def test_pruning_can_be_tried_first(graph: Served) -> None:
    graph.logged(graph.ask({"jsonData": {"storeId": "4", **DAYS}})[0])
    result = json.loads(graph.run("prune", "--keep-days", "1", "--dry-run"))
    assert (result["rows"], result["dry_run"]) == (0, True)


def test_the_graph_answers_while_the_sink_hangs_and_after_it_was_killed(graph: Served) -> None:
    pid = graph.sink_pid()
    os.kill(pid, signal.SIGSTOP)
    for _ in range(30):
        graph.ask({"jsonData": {"storeId": "4", **DAYS}})
    os.kill(pid, signal.SIGKILL)
    graph.ask({"jsonData": {"storeId": "4", **DAYS}})
    until(lambda: graph.sink_pid() != pid)
    request_id, _ = graph.ask({"jsonData": {"storeId": "2", **DAYS}})
    assert [row["store_id"] for row in graph.logged(request_id)] == ["2"]
