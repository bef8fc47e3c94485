"""A switch of the champion of a real MLflow server: the fleet and own models come without the registry's client."""

import os
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from support import fleets
from support.servers.mlflow_server import mlflow_server

from fleet import Fleet
from model_wrapper.fleets.source import FleetSource
from model_wrapper.settings import Settings
from training.registry.mlflow_registry import MlflowRegistry
from training.registry.registration import register

DAYS = np.arange("2014-06-01", "2015-06-01", dtype="datetime64[D]")
SALES = pd.DataFrame({"ds": DAYS, "y": 100.0 + np.arange(len(DAYS)) % 7})


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    before = mlflow.get_tracking_uri()
    with mlflow_server(tmp_path / "mlflow") as served:
        yield served
    mlflow.set_tracking_uri(before)


def train(url: str, home: Path, n_stores: int, *own: str) -> str:
    sold = dict.fromkeys(own, SALES)
    contents = fleets.contents(n_stores)
    return register(MlflowRegistry(url, home), contents, parameters={}, metrics={}, own_sales=sold).version


@pytest.fixture
def without_the_client(tmp_path: Path, url: str) -> dict[str, str]:
    """An environment in which a process that loads MLflow ends."""
    poison = tmp_path / "poison" / "mlflow"
    poison.mkdir(parents=True)
    (poison / "__init__.py").write_text("raise RuntimeError('the client was loaded')\n")
    return {**os.environ, "MLFLOW_TRACKING_URI": url, "PYTHONPATH": str(poison.parent)}


def test_a_switch_needs_no_client(url: str, without_the_client: dict[str, str], tmp_path: Path) -> None:
    settings = Settings(cache_dir=tmp_path / "cache", fetch_timeout_s=200).model_copy(update={"reload_seconds": 0})
    source = FleetSource(settings, without_the_client)
    first = train(url, tmp_path, 3)
    served = source.open()
    second = train(url, tmp_path, 5, "2")
    renewed = source.renewed(served)

    assert renewed is not None
    assert (served.version, served.fleet.n_stores) == (first, 3)
    assert (renewed.version, renewed.fleet.n_stores, renewed.from_cache) == (second, 5, False)
    assert ("2" in renewed.own, "1" in renewed.own) == (True, False)
    original = Fleet.open(next((tmp_path / "mlflow" / "files").rglob("fleet.json")).parent)
    assert {served.fleet.version, renewed.fleet.version} >= {original.version}
    assert source.renewed(renewed) is None
