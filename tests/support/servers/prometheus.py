"""A real Prometheus server on loopback, for one test; ended by its own process id."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.processes import stop

from graph.local.free_ports import free_ports

REQUIRED = "STORECAST_REQUIRE_PROMETHEUS"
START_TIMEOUT_S = 120


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str
    log: Path

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query: `metric` with the labels, `value` with time and text."""
        found: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return found

    def total(self, expression: str) -> float:
        """The sum of an instant query's values; 0 where there is nothing."""
        return sum(float(sample["value"][1]) for sample in self.query(expression))

    def targets(self) -> dict[str, dict[str, Any]]:
        """The targets by their label `container`."""
        return {target["labels"]["container"]: target for target in self._get("targets")["activeTargets"]}

    def _get(self, what: str, **query: str) -> dict[str, Any]:
        url = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=120) as reply:  # noqa: S310 - loopback
            data: dict[str, Any] = json.load(reply)["data"]
            return data


def tool(name: str) -> str:
    """The path of a program of Prometheus's package; without it the test is skipped, or fails where it is required."""
    path = shutil.which(name)
    if path is None:
        told = f"{name} is not installed (Debian's package prometheus)"
        if os.environ.get(REQUIRED):
            pytest.fail(told)
        pytest.skip(told)
    return path


@contextmanager
def prometheus(config: Path, folder: Path) -> Iterator[Prometheus]:
    """Run a server that scrapes by the configuration, every second."""
    program = tool("prometheus")
    document = yaml.safe_load(config.read_text())
    document["global"]["scrape_interval"] = "1s"
    quick = folder / "quick.yaml"
    quick.write_text(yaml.safe_dump(document))
    port, log = free_ports(1)[0], folder / "prometheus.log"
    config_flag, storage_flag = f"--config.file={quick}", f"--storage.tsdb.path={folder / 'tsdb'}"
    flags = [config_flag, storage_flag, f"--web.listen-address=127.0.0.1:{port}"]
    with log.open("wb") as output:
        process = subprocess.Popen([program, *flags], stdout=output, stderr=output)
    try:
        yield _ready(Prometheus(f"http://127.0.0.1:{port}", log))
    finally:
        stop(process)


def _ready(server: Prometheus) -> Prometheus:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{server.url}/-/ready", timeout=30):  # noqa: S310 - loopback
                return server
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"Prometheus did not become ready; its log: {server.log.read_text()[-3000:]}")
