"""`storecast train` on a real terminal and in a pipe."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from support.terminals import terminal
from support.training import chains

ROOT = Path(__file__).parents[3]
N_STORES = 12
SOME_FAILED = 4


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A training of twelve stores, of which one cannot be fitted."""
    folder = tmp_path_factory.mktemp("chain")
    paths = chains.files(folder, n_stores=N_STORES, n_days=200)
    (folder / "columns.toml").write_text(chains.NUMBERED)
    for name in ("train", "calendar"):
        table = pd.read_csv(paths[name], dtype=str, keep_default_na=False)
        table["Price"] = (table["Date"].str.slice(8).astype(int) % 5).astype(str)
        if name == "train":
            table.loc[table["Store"] == "2", "Price"] = "1e39"
        table.to_csv(paths[name], index=False)
    named = [("--data", "train"), ("--stores", "store"), ("--calendar", "calendar")]
    tables = [word for option, name in named for word in (option, str(paths[name]))]
    rest = ["--mapping", str(folder / "columns.toml"), "--max-failed-share", "0.5", "--folds", "2", "--test-days", "28"]
    words = [*tables, *rest, "--dry-run", "--runner", "inprocess", "--home", str(folder / "home")]
    return [sys.executable, "-m", "storecast", "train", *words]


def run(command: list[str], stderr: int) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STORECAST_", "MLFLOW_"))}
    return subprocess.run(
        command, cwd=ROOT, env=kept, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False, timeout=400
    )


def test_the_bar_counts_stores_whatever_the_number_of_fits(command: list[str]) -> None:
    with terminal() as shown:
        done = run(command, shown.end)
    frames = shown.frames()
    assert done.returncode == SOME_FAILED, frames
    assert json.loads(done.stdout)["stores"]["failed"] == 1
    for stage in ("read", "models"):
        last = [frame for frame in frames if frame.startswith(stage)][-1]
        assert f" {N_STORES}/{N_STORES} stores [" in last
        assert "stores/s" in last
    assert last.endswith(", failed=1]")
    assert any(frame.startswith("lessons") and "stores" not in frame for frame in frames)


def test_nothing_of_the_bar_is_written_into_a_pipe(command: list[str]) -> None:
    done = run(command, subprocess.PIPE)
    assert done.returncode == SOME_FAILED, done.stderr
    assert "stores/s" not in done.stderr + done.stdout
    assert "\r" not in done.stderr + done.stdout
    told = [json.loads(line) for line in done.stderr.splitlines()]
    counted = {line["stage"]: line["n_stores"] for line in told if line["event"] == "training.stage"}
    assert (counted["read"], counted["models"]) == (N_STORES, N_STORES)
