"""Real component processes on loopback, started through our entry point and ended by their own process id."""

import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from benchmarks.memory import family
from graph.local.free_ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 120
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Reply:
    """What came back over HTTP."""

    status: int
    content_type: str
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - any JSON
        return json.loads(self.body)


@dataclass(frozen=True)
class RunningComponent:
    """A component process and where it listens."""

    process: subprocess.Popen[bytes]
    port: int
    metrics_port: int
    log: Path

    def post(self, path: str, message: object) -> Reply:
        return self.send("POST", path, json.dumps(message).encode(), _JSON)

    def get(self, path: str) -> Reply:
        return self.send("GET", path)

    def predict(self, message: object) -> Reply:
        return self.post("/predict", message)

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        return request(self.port, method, path, body, headers)

    def metrics(self) -> str:
        return request(self.metrics_port, "GET", "/metrics").body.decode()

    def log_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


def request(
    port: int, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """Send one request to this machine.

    Raises: OSError: nobody answers, or who did went away meanwhile.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return Reply(response.status, response.getheader("Content-Type", ""), response.read())
    except HTTPException as error:
        raise ConnectionError(f"the answer of port {port} broke off: {error!r}") from error
    finally:
        connection.close()


@contextmanager
def component(
    interface: str, folder: Path, environ: Mapping[str, str] | None = None, *, wait: bool = True
) -> Iterator[RunningComponent]:
    """Run one component until the block ends."""
    port, metrics_port = free_ports(2)
    log = folder / f"{interface.rpartition('.')[2]}-{port}.log"
    settings = {
        "PREDICTIVE_UNIT_HTTP_SERVICE_PORT": str(port),
        "PREDICTIVE_UNIT_METRICS_SERVICE_PORT": str(metrics_port),
        "STORECAST_BIND_HOST": "127.0.0.1",
        "STORECAST_METRICS_SECONDS": "0",  # so that a page has what was answered a moment ago
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
        **(environ or {}),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STORECAST_", "PREDICTIVE_"))}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "model_wrapper", interface],
            cwd=folder,
            env=kept | settings,
            stdout=output,
            stderr=output,
        )
    running = RunningComponent(process, port, metrics_port, log)
    try:
        if wait:
            _wait_until_up(running)
        yield running
    finally:
        stop(process)


def listening_addresses(port: int) -> set[str]:
    """The IPv4 addresses that somebody listens on at a port, as Linux tells them."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    at_port = [row[1].split(":")[0] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port]
    return {socket.inet_ntoa(bytes.fromhex(address)[::-1]) for address in at_port}


def addresses_listened_on(pid: int) -> set[str]:
    """The addresses that a process and all below it listen on, as Linux tells them."""
    found = set()
    for each in family(pid):
        sockets = {str(link.readlink()) for link in Path(f"/proc/{each}/fd").glob("*") if link.is_symlink()}
        for table in ("tcp", "tcp6"):
            rows = [line.split() for line in Path(f"/proc/{each}/net/{table}").read_text().splitlines()[1:]]
            found |= {row[1].split(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}
    return {_address(kernels) for kernels in found}


def _address(kernels: str) -> str:
    """The address that the kernel writes as words in the order of this machine; an IPv4 one in IPv6 as itself."""
    words = bytes.fromhex(kernels)
    address = ipaddress.ip_address(b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4)))
    return str(getattr(address, "ipv4_mapped", None) or address)


def pids_that_name(text: str) -> list[int]:
    """Find the living processes whose command line holds a text; empty where there is no /proc."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in command.read_bytes():
                found.append(int(command.parent.name))
        except OSError:
            continue
    return found


def stop(process: subprocess.Popen[bytes]) -> int:
    """End one process, kindly at first; returns its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait(STOP_TIMEOUT_S)


def _wait_until_up(running: RunningComponent) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if running.process.poll() is not None:
            break
        try:
            if running.get("/health/ping").status == 200 and request(running.metrics_port, "GET", "/metrics"):
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the component did not start; its log: {running.log.read_text()[-3000:]}")
