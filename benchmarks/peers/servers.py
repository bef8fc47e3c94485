"""What is measured against each other, as processes: graphs that `storecast serve` runs, and the book's app."""

import contextlib
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from prophet.serialize import model_to_json

from fleet import Fleet
from fleet.prophet.convert import future_frame, to_prophet
from graph import GraphOptions, SeldonDeployment, render
from graph.render import to_yaml
from training.synth import AHEAD_DAYS

ROOT = Path(__file__).resolve().parents[2]
FLOOR = "benchmarks.peers.floor"
BOOK = "benchmarks.peers.book:app"
_START_TIMEOUT_S = 60.0
_WORKER = re.compile(r'worker_id="(\d+)"')


@dataclass(frozen=True)
class Served:
    """A running server: where it answers, and its components' metrics pages by name."""

    url: str
    metrics: Mapping[str, str]

    def workers(self) -> dict[str, int]:
        """Process id of each component's worker, as its metrics page names it."""
        found = {}
        for name, url in self.metrics.items():
            pids = _WORKER.findall(_page(url))
            if pids:
                found[name] = int(pids[-1])
        return found


def floor_deployment(*, stock: bool) -> SeldonDeployment:
    """Our graph with components that do nothing; `stock`: without our entry point, too."""
    wire = render(GraphOptions(log_mode="")).to_wire()
    for container in wire["spec"]["predictors"][0]["componentSpecs"][0]["spec"]["containers"]:
        container["args"] = [f"{FLOOR}.{'Router' if container['name'] == 'router' else 'Model'}"]
        if stock:
            container["command"] = [sys.executable, "-m", FLOOR]
    return SeldonDeployment.from_wire(wire)


@contextlib.contextmanager
def graph(home: Path, deployment: SeldonDeployment | None = None) -> Iterator[Served]:
    """`storecast serve` until the block ends: our graph, or another deployment. No request log."""
    home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "storecast", "serve"]
    if deployment is not None:
        file = home / "graph.yaml"
        file.write_text(to_yaml(deployment))
        command.append(str(file))
    log = home / "serve.log"
    with _process([*command, "--port", "0", "--home", str(home), "--no-request-log"], log) as server:
        told = list(itertools.takewhile(lambda words: words[:1] != ["scrape"], map(str.split, server.stdout or ())))
        url = next((words[1] for words in told if words[:1] == ["predictions"]), "")
        if not url:
            raise RuntimeError(f"the graph did not start: {log.read_text()[-2000:]}")
        pages = {words[2].strip("()"): words[1] for words in told if words[:1] == ["metrics"]}
        yield Served(url, {name: page for name, page in pages.items() if name != "engine"})


@contextlib.contextmanager
def book(folder: Path, fleet: Fleet, store_ids: list[str]) -> Iterator[Served]:
    """The FastAPI app with the stock models of some stores, under uvicorn with one worker."""
    folder.mkdir()
    days = fleet.trained_through + np.arange(1, AHEAD_DAYS + 1)
    for store_id in store_ids:
        (folder / f"{store_id}.json").write_text(model_to_json(to_prophet(fleet, store_id)))
        future_frame(fleet, store_id, days).to_parquet(folder / f"{store_id}.parquet")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", BOOK, "--port", str(port), "--log-level", "warning"]
    log, url = folder / "app.log", f"http://127.0.0.1:{port}"
    with _process(command, log, BOOK_FOLDER=str(folder)) as server:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not _answers(port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the app did not start: {log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield Served(url, {})


@contextlib.contextmanager
def _process(command: list[str], log: Path, **environ: str) -> Iterator["subprocess.Popen[str]"]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STORECAST_", "MLFLOW_"))}
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            env=kept | {"PYTHONPATH": str(ROOT)} | environ,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=_START_TIMEOUT_S)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as reply:  # noqa: S310 - loopback
        page: str = reply.read().decode()
    return page
