"""The command line refuses a file that is no table in one line."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import ROOT
from support.training.not_tables import NOT_TABLES


@pytest.mark.parametrize("name", ["zipped.csv", "latin.csv", "little.csv", "shop.db", "empty.csv"])
def test_a_training_says_it_in_one_line_and_nothing_else(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(NOT_TABLES[name][0])
    command = [sys.executable, "-m", "storecast", "train", "--data", name, "--home", "home"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, check=False, timeout=120, env={"PYTHONPATH": str(ROOT), "PATH": ""}
    )
    assert done.returncode == 2
    last = done.stderr.decode().splitlines()[-1]
    assert NOT_TABLES[name][1] in last
    for leak in (b"Traceback", b"Exception ignored", b"PK\x03"):
        assert leak not in done.stderr + done.stdout
