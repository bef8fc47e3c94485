"""A training registered for real: SQLite without a server, and an MLflow server over HTTP."""

import dataclasses
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from support.servers.mlflow_databases import empty_database
from support.servers.mlflow_server import emptied
from support.training import chains

from fleet import Fleet
from fleet.names import CHAMPION, FLEET_ARTIFACT, FLEET_MODEL, PREVIOUS, TRANSFORM_TAG, alias_uri, store_model_name
from graph.local.free_ports import free_ports
from training.engines import stan
from training.engines.batched import BatchedEngine
from training.engines.stan import StanEngine
from training.errors import DataError, RegistryError, TooManyFailuresError
from training.pooling.variants import STEADY
from training.registry.mlflow_registry import MlflowRegistry
from training.registry.registration import load_fleet
from training.registry.tracking_uri import tracking_uri
from training.run import Quiet, TrainingOptions, train


@pytest.fixture(autouse=True)
def _own_mlflow_state() -> Iterator[None]:
    before = mlflow.get_tracking_uri()
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def server(mlflow_url: str) -> str:
    return emptied(mlflow_url)


@pytest.fixture(params=["sqlite", "server"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> TrainingOptions:
    paths = chains.files(tmp_path / "chain", n_stores=10, n_days=452)
    home = tmp_path / "home"
    empty_database(home / "mlflow.db")
    uri = tracking_uri({}, home) if request.param == "sqlite" else request.getfixturevalue("server")
    return TrainingOptions(paths["train"], paths["store"], paths["calendar"], home, uri, test_days=28)


def run(options: TrainingOptions, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any option
    return train(dataclasses.replace(options, **changes), BatchedEngine(), Quiet()).to_plain()


def test_a_training_is_one_run_one_version_and_one_alias(options: TrainingOptions) -> None:
    result = run(options, register_stores=("4",))
    client = MlflowClient(options.tracking_uri)
    version = client.get_model_version_by_alias(FLEET_MODEL, CHAMPION)
    assert str(version.version) == result["registered"]["version"]
    logged = client.get_run(result["registered"]["run_id"])
    assert logged.data.metrics["wape"] == result["backtest"]["wape"]
    of_run = f"source_run_id = '{logged.info.run_id}' AND name = '{FLEET_ARTIFACT}'"
    (model,) = client.search_logged_models([logged.info.experiment_id], of_run)
    assert {metric.key: metric.value for metric in model.metrics or ()} == logged.data.metrics
    assert logged.data.params["engine"] == "batched"
    table = pd.read_csv(mlflow.artifacts.download_artifacts(run_id=logged.info.run_id, artifact_path="stores.csv"))
    with_model = result["stores"]["fitted"] - result["backtest"]["stores_left_to_baseline"]
    assert (table["source"] == "fleet").sum() == with_model >= 6
    assert table.set_index("store_id")["failure"].to_dict()[8] == "too few open days for a model"
    assert not table.astype(str).apply(lambda column: column.str.startswith("b'")).any(axis=None)

    opened, opened_version = load_fleet(options.registry())
    assert opened_version == str(version.version)
    days = np.arange("2014-03-29", "2014-04-05", dtype="datetime64[D]")
    direct = opened.predict(["4"], days, 0.9)

    notebook = mlflow.pyfunc.load_model(alias_uri(FLEET_MODEL, CHAMPION))
    asked = pd.DataFrame({"store_id": ["4", "8"], "begin_date": ["2014-03-29"] * 2, "end_date": ["2014-04-04"] * 2})
    answer = notebook.predict(asked, params={"level": 0.9})
    assert answer["source"].tolist() == ["fleet"] * 7 + ["fallback"] * 7
    np.testing.assert_array_equal(answer["upper"].to_numpy()[:7], direct.upper[0])
    assert (
        isinstance(notebook.unwrap_python_model().fleet, Fleet) or notebook.unwrap_python_model().fleet.n_stores == 10
    )

    name = store_model_name("4")
    own = mlflow.prophet.load_model(alias_uri(name, CHAMPION))
    own.uncertainty_samples = 0
    yhat = own.predict(own.history.drop(columns="y")).yhat
    assert len(own.history) > 100
    assert np.isfinite(yhat).all()
    assert client.get_model_version_by_alias(name, CHAMPION).tags[TRANSFORM_TAG] == "log1p"


def test_the_run_shows_its_backtest_in_pictures(options: TrainingOptions) -> None:
    run_id = run(options)["registered"]["run_id"]
    pictures = mlflow.artifacts.list_artifacts(run_id=run_id, artifact_path="plots")
    names = {"best_and_worst_stores", "coverage_by_horizon", "scores_by_group"}
    assert {picture.path for picture in pictures} == {f"plots/{name}.png" for name in names}


def test_a_second_training_moves_the_alias_and_keeps_the_way_back(options: TrainingOptions) -> None:
    first, second = (run(options, test_days=0, gate_margin=None)["registered"]["version"] for _ in range(2))
    aliases = MlflowClient(options.tracking_uri).get_registered_model(FLEET_MODEL).aliases
    assert {name: str(version) for name, version in aliases.items()} == {CHAMPION: second, PREVIOUS: first}


def test_a_fleet_that_nobody_judged_does_not_take_the_champions_place(options: TrainingOptions) -> None:
    run(options, test_days=0)
    unjudged = run(options, test_days=0)["registered"]
    assert unjudged["alias"] == "challenger"
    assert "there was no backtest to judge it by" in unjudged["gate"]["reason"]


def test_a_dry_run_and_a_run_over_the_threshold_register_nothing(
    options: TrainingOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = versions(options)
    assert "registered" not in run(options, dry_run=True)

    def scripted(*_: object) -> None:
        raise RuntimeError("scripted fault")

    monkeypatch.setattr(stan, "_fit_store", scripted)
    with pytest.raises(TooManyFailuresError, match=r"at most 10% of 10 stores to fail, 8 did.*scripted fault"):
        train(dataclasses.replace(options, variants=(STEADY,)), StanEngine(workers=1), Quiet())
    assert versions(options) == before


def versions(options: TrainingOptions) -> int:
    with options.registry().connected() as connection:
        return len(connection.versions())


def test_a_store_without_a_model_cannot_be_registered_alone(options: TrainingOptions) -> None:
    with pytest.raises(DataError, match="8 have none"):
        run(options, register_stores=("8", "4"))


def test_a_registry_that_is_not_there_is_named_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    uri = f"http://someone:hidden@127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(RegistryError) as caught:
        load_fleet(MlflowRegistry(uri, tmp_path))
    assert "127.0.0.1" in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert caught.value.exit_code == 3
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "2"


def test_nothing_registered_yet_says_so(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"there is no registry at .*: train first"):
        load_fleet(MlflowRegistry(tracking_uri({}, tmp_path / "home"), tmp_path / "home"))
    assert not (tmp_path / "home").exists()
    with MlflowRegistry(tracking_uri({}, tmp_path), tmp_path).connected():
        pass
    with pytest.raises(RegistryError, match=r"storecast-fleet.*train first"):
        load_fleet(MlflowRegistry(tracking_uri({}, tmp_path), tmp_path))


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE experiments (name TEXT)", "CREATE TABLE alembic_version (version_num TEXT)"],
)
def test_a_database_that_is_not_mlflows_is_told_without_a_traceback(tmp_path: Path, statement: str) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute(statement)
        if "alembic" in statement:
            connection.execute("INSERT INTO alembic_version VALUES ('of another release')")
        connection.commit()
    with pytest.raises(RegistryError, match=r"failed: .*") as told:
        load_fleet(MlflowRegistry(tracking_uri({}, tmp_path), tmp_path))

    assert told.value.exit_code == 3
