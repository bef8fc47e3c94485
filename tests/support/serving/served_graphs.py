"""A whole graph as `storecast serve` runs it, in processes of its own, over a small fleet."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families
from support.processes import ROOT, Reply, request

from benchmarks.memory import family

PREDICTIONS = "/api/v1.0/predictions"
JSON = {"Content-Type": "application/json"}
WAIT_S = 120.0
_WORKER = re.compile(r'worker_id="(\d+)"')


@dataclass(frozen=True)
class ServedGraph:
    """A running graph: its process, the engine's port, and the metrics page of each component."""

    process: subprocess.Popen[str]
    port: int
    pages: Mapping[str, str]
    log: Path

    def send(self, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        return request(self.port, "POST", PREDICTIONS, body, JSON if headers is None else headers)

    def ask(self, payload: object) -> Reply:
        return self.send(json.dumps({"jsonData": payload}).encode())

    def metric(self, component: str, name: str, **labels: str) -> float:
        """Sum of a metric's samples that have those labels; `component` may be `engine`."""
        at = urlsplit(self.pages[component])
        page = request(int(at.port or 0), "GET", at.path).body.decode()
        samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
        return sum(each.value for each in samples if each.name == name and labels.items() <= each.labels.items())

    def workers(self, component: str) -> list[int]:
        """Process ids of the living workers of a component that have told of themselves."""
        at = urlsplit(self.pages[component])
        page = request(int(at.port or 0), "GET", at.path).body.decode()
        return [pid for pid in map(int, sorted(set(_WORKER.findall(page)))) if Path(f"/proc/{pid}").exists()]

    def pids(self) -> list[int]:
        """The process of the engine, and all below it."""
        return family(self.process.pid)

    def memory_mb(self) -> float:
        """Memory of all its processes, shared pages counted in parts."""
        return sum(map(_pss_mb, self.pids()))


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def until(what: Callable[[], bool]) -> None:
    """Wait for something; a server that does not answer yet has not done it."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            if what():
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.1)


@contextmanager
def served_graph(
    fleet: Path | str, home: Path, *words: str, registry: str = "", **settings: str
) -> Iterator[ServedGraph]:
    """`storecast serve` without a request log until the block ends; `settings`: variables of ours."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STORECAST_", "MLFLOW_"))}
    given = {f"STORECAST_{name.upper()}": value for name, value in settings.items()}
    given |= {"MLFLOW_TRACKING_URI": registry} if registry else {}
    command = [sys.executable, "-m", "storecast", "serve", "--port", "0", "--home", str(home)]
    log = home / "serve.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--fleet-uri", str(fleet), "--no-request-log", *words],
            cwd=ROOT,
            env=kept | given,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        )
    try:
        yield _started(process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT_S)


def _started(process: subprocess.Popen[str], log: Path) -> ServedGraph:
    port, pages = 0, {}
    for words in map(str.split, process.stdout or ()):
        if words[:1] == ["predictions"]:
            port = int(urlsplit(words[1]).port or 0)
        if words[:1] == ["metrics"]:
            pages[words[2].strip("()")] = words[1]
        if words[:1] == ["logs"]:
            return ServedGraph(process, port, pages, log)
    raise RuntimeError(f"the graph did not start: {log.read_text()[-3000:]}")


def _pss_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def forecasts_of(reply: Reply) -> list[Any]:
    """The entries of an answer without what says who gave it."""
    return [entry.get("forecast", entry.get("error")) for entry in reply.json()["jsonData"]]
