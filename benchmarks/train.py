"""A whole training, from files to the registry: seconds a stage and peak memory.

    python benchmarks/train.py                       # 1,115 synthetic stores x 942 days
    python benchmarks/train.py --rossmann DIR        # train.csv.gz, store.csv, calendar.csv.gz

The registry is a fresh SQLite store whose tables exist already, as on any day but the first. The peer is the same run
with the registration of one model a store in place of one version: measured on `--register` stores and scaled.
"""

import argparse
import contextlib
import datetime as dt
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fleet.names import store_model_name
from fleet.prophet_io import to_prophet
from training import registry
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


def train(home: Path, words: list[str]) -> tuple[dict[str, object], float]:
    """One run of the command line: its result, and its wall seconds from start to end."""
    command = [sys.executable, "-m", "storecast", "train", "--home", str(home), *words]
    environ = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    result: dict[str, object] = json.loads(done.stdout)
    return result, time.perf_counter() - begun


def one_by_one_s(home: Path, n_stores: int) -> float:
    """Seconds a store of registering each store's Prophet as a model of its own."""
    import mlflow  # noqa: PLC0415 - not before the trainings, whose memory is measured beside it

    uri = registry.tracking_uri({}, home)
    fleet, _ = registry.load_fleet(uri, home)
    ids = [store_id for store_id, on in zip(fleet.store_ids, fleet.has_model, strict=True) if on][:n_stores]
    with registry.connected(uri, home), contextlib.redirect_stderr(io.StringIO()):  # MLflow tells of each
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
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        words = chain_files(Path(folder), args.rossmann, args.stores)
        train(home, words)  # makes the registry's tables, and compiles what has not been compiled
        result, wall = train(home, words)
        peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        seconds = dict(result["seconds"])  # type: ignore[call-overload]
        for stage, spent in seconds.items():
            print(f"{stage:12}{spent:8.2f} s")
        print(f"{'whole run':12}{wall:8.2f} s   (imports included)\n{'peak memory':12}{peak_mb:8.0f} MB")
        stores = dict(result["stores"])  # type: ignore[call-overload]
        each = one_by_one_s(home, args.register)
        total = each * stores["total"]
        ratio = total / seconds["register"]
        print(f"one model a store instead: {total:.0f} s (scaled from {args.register}), {ratio:.0f} times as long")


if __name__ == "__main__":
    main()
