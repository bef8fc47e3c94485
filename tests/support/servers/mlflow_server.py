"""A real MLflow server on loopback, ended by its own process group."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient
from support.servers.mlflow_databases import empty_database

from graph.local.free_ports import free_ports


@contextmanager
def mlflow_server(
    folder: Path, port: int = 0, *, ended_by: signal.Signals = signal.SIGTERM, start_timeout_s: float = 240
) -> Iterator[str]:
    """Base URL of a server with SQLite and proxied artifacts under `folder`; port 0 takes a free one."""
    if not (folder / "server.db").exists():
        empty_database(folder / "server.db")
    port = port or free_ports(1)[0]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder / 'server.db'}",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environ, cwd=folder, start_new_session=True)
        try:
            _wait(process, f"http://127.0.0.1:{port}/health", folder / "server.log", start_timeout_s)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, ended_by)
            try:
                process.wait(120)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(120)


def emptied(url: str) -> str:
    """That server, without a registered model of a test before; its runs stay."""
    client = MlflowClient(url)
    for model in client.search_registered_models(max_results=1000):
        client.delete_registered_model(model.name)
    return url


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path, timeout_s: float) -> None:
    give_up = time.monotonic() + timeout_s
    while time.monotonic() < give_up and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own loopback address
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"the MLflow server did not start in {timeout_s} s:\n{log.read_text()[-2000:]}")
