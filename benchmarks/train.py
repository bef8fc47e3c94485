"""A whole training, from files to the registry: seconds a stage and peak memory.

    python benchmarks/train.py                       # 1,115 synthetic stores x 942 days
    python benchmarks/train.py --rossmann DIR        # train.csv.gz, store.csv, calendar.csv.gz
    python benchmarks/train.py --server              # and once more through a real MLflow server on this machine

The registry is a fresh SQLite store whose tables exist already, as on any day but the first. Time and memory are of two
runs, because looking at memory takes time. The peer is the same run with the registration of one model a store in place
of one version: measured on `--register` stores and scaled.
"""

import argparse
import contextlib
import datetime as dt
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.memory import PeakMemory
from fleet.names import store_model_name
from fleet.prophet.convert import to_prophet
from graph.local.free_ports import free_ports
from training.registry.mlflow_registry import MlflowRegistry
from training.registry.registration import load_fleet
from training.registry.tracking_uri import tracking_uri
from training.synth import write_chain

FIRST_DAY = dt.date(2013, 1, 1)


def chain_files(folder: Path, rossmann: Path | None, n_stores: int) -> list[str]:
    """Options of `storecast train` that name the chain's tables."""
    if rossmann:
        names = ("train.csv.gz", "store.csv", "calendar.csv.gz")
        tables = [rossmann / name for name in names]
    else:
        tables = list(write_chain(folder / "chain", n_stores, 942, first=FIRST_DAY, seed=1).values())
    return [
        word
        for option, path in zip(("--data", "--stores", "--calendar"), tables, strict=True)
        for word in (option, str(path))
    ]


def train(
    home: Path, words: list[str], uri: str | None = None, *, watch_every_s: float | None = None
) -> tuple[dict[str, Any], float, float]:
    """One run of the command line that fits every store: its result, its wall seconds from start to end, its peak MB.

    Args: uri: another registry.  watch_every_s: how often to look at its memory; None: not at all.
    """
    command = [sys.executable, "-m", "storecast", "train", "--home", str(home), "--refit", "all", *words]
    environ = environment() | ({"MLFLOW_TRACKING_URI": uri} if uri else {})
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environ)
        with contextlib.ExitStack() as stack:
            watched = stack.enter_context(PeakMemory(run.pid, watch_every_s)) if watch_every_s else None
            told, _ = run.communicate()
            wall_s = time.perf_counter() - begun
        if run.returncode:
            log.seek(0)
            sys.exit(log.read().decode())
    result: dict[str, Any] = json.loads(told)
    return result, wall_s, watched.peak_mb if watched else 0.0


def environment() -> dict[str, str]:
    """Ours, without what would change MLflow."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}


@contextlib.contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """URL of an MLflow server with SQLite and files under `folder`, and of its own two workers."""
    folder.mkdir()
    port = str(free_ports(1)[0])
    where = ("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "files"))
    command = [sys.executable, "-m", "mlflow", "server", "--port", port, "--workers", "2", *where]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment(), start_new_session=True)
        try:
            wait_for(f"http://127.0.0.1:{port}/health")
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def wait_for(url: str, timeout_s: float = 90) -> None:
    """Return when the URL answers."""
    give_up = time.monotonic() + timeout_s
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - our own loopback address
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.2)
        else:
            return


def register_s(result: dict[str, Any]) -> float:
    """Seconds that a run's registration took."""
    return float(result["seconds"]["register"])


def server_s(folder: Path, words: list[str]) -> float:
    """Seconds of a registration through a server that has seen one before."""
    with mlflow_server(folder / "server") as uri:
        train(folder / "client", words, uri)
        return register_s(train(folder / "client", words, uri)[0])


def one_by_one_s(home: Path, n_stores: int) -> float:
    """Seconds a store of registering each store's Prophet as a model of its own."""
    import mlflow  # noqa: PLC0415 - not before the trainings, whose memory is measured beside it

    uri = tracking_uri({}, home)
    fleet, _ = load_fleet(MlflowRegistry(uri, home))
    ids = [store_id for store_id, on in zip(fleet.store_ids, fleet.has_model, strict=True) if on][:n_stores]
    with MlflowRegistry(uri, home).connected(), contextlib.redirect_stderr(io.StringIO()):  # MLflow tells of each
        begun = time.perf_counter()
        for store_id in ids:
            mlflow.prophet.log_model(
                to_prophet(fleet, store_id),
                name="model",
                registered_model_name=store_model_name(store_id),
                pip_requirements=["prophet"],
            )
        return (time.perf_counter() - begun) / len(ids)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rossmann", type=Path)
    parser.add_argument("--stores", type=int, default=1115)
    parser.add_argument("--register", type=int, default=10)
    parser.add_argument("--server", action="store_true", help="register through an MLflow server, too")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        words = chain_files(Path(folder), args.rossmann, args.stores)
        train(home, words)  # makes the registry's tables, and compiles what has not been compiled
        result, wall, _ = train(home, words)
        _, _, peak_mb = train(home, words, watch_every_s=0.1)
        for stage, spent in result["seconds"].items():
            print(f"{stage:12}{spent:8.2f} s")
        print(f"{'whole run':12}{wall:8.2f} s   (imports included)")
        print(f"{'peak memory':12}{peak_mb:8.0f} MB  (of all its processes)")
        each = one_by_one_s(home, args.register)
        total = each * result["stores"]["total"]
        ratio = total / register_s(result)
        print(f"one model a store instead: {total:.0f} s (scaled from {args.register}), {ratio:.0f} times as long")
        if args.server:
            print(f"register through a local MLflow server: {server_s(Path(folder), words):.2f} s")


if __name__ == "__main__":
    main()
