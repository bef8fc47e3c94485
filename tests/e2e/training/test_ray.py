"""A real Ray cluster: the same bytes as in this process, also when a worker or a whole node is lost on the way."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.training import chains
from support.training.ray_drivers import (
    ENVIRONMENT,
    LIMIT_S,
    ROOT,
    drive,
    lose_a_node,
    lose_a_worker,
    lose_every_worker,
    run_alone,
)

from training.registry.mlflow_registry import MlflowRegistry
from training.registry.registration import load_fleet
from training.registry.tracking_uri import tracking_uri

pytestmark = pytest.mark.timeout(2 * LIMIT_S + 40)  # one test waits for two trainings


@pytest.fixture(autouse=True)
def _ray_in_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_a_node_lost_in_the_middle_changes_no_byte(tmp_path: Path) -> None:
    assert drive(lose_a_node, tmp_path) == 0


def test_a_worker_that_dies_alone_is_replaced_and_changes_no_byte(tmp_path: Path) -> None:
    assert drive(lose_a_worker, tmp_path) == 0


def test_workers_that_always_die_end_the_run_with_the_reason(tmp_path: Path) -> None:
    assert drive(lose_every_worker, tmp_path) == 0


def test_a_cluster_of_its_own_ends_with_the_run(tmp_path: Path) -> None:
    assert drive(run_alone, tmp_path) == 0


def test_the_command_line_trains_the_same_fleet_on_ray(tmp_path: Path) -> None:
    paths = chains.files(tmp_path / "chain", n_stores=12, n_days=200)
    tables = ("--data", paths["train"], "--stores", paths["store"], "--calendar", paths["calendar"])
    homes = [tmp_path / runner for runner in ("inprocess", "ray")]
    for home in homes:
        words = ("train", *map(str, tables), "--runner", home.name, "--test-days", "28", "--home", str(home))
        command = [sys.executable, "-m", "storecast", *words]
        # A test before may have named another registry.
        environ = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT_S, check=False, cwd=ROOT, env=environ
        )
        assert done.returncode == 0, done.stderr
    fleets = [load_fleet(MlflowRegistry(tracking_uri({}, home), home))[0] for home in homes]
    assert fleets[0].version == fleets[1].version
