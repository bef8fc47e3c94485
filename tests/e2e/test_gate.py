"""The gate in real trainings: SQLite without a server, and an MLflow server over HTTP."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from support import chains
from support.mlflow_server import mlflow_server

from fleet.names import FLEET_MODEL
from training import aliases, registry
from training.batched import BatchedEngine
from training.engine import Priors
from training.promotion import promote
from training.run import Quiet, TrainingOptions, train
from training.variants import Variant

BLUNT = Variant("blunt", Priors(seasonality=0.03, regressor=0.03))


@pytest.fixture(params=["sqlite", "server"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TrainingOptions]:
    before = mlflow.get_tracking_uri()
    paths = chains.files(tmp_path / "chain", n_stores=6, n_days=452)
    home = tmp_path / "home"
    tables = (paths["train"], paths["store"], paths["calendar"], home)
    if request.param == "sqlite":
        yield TrainingOptions(*tables, registry.tracking_uri({}, home), test_days=28, n_folds=2)
    else:
        with mlflow_server(tmp_path / "mlflow") as url:
            yield TrainingOptions(*tables, url, test_days=28, n_folds=2)
    mlflow.set_tracking_uri(before)


def registered(options: TrainingOptions, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any option
    result = train(dataclasses.replace(options, **changes), BatchedEngine(), Quiet())["registered"]
    assert isinstance(result, dict)
    return result


def test_a_worse_recipe_is_only_a_challenger_until_somebody_promotes_it(
    options: TrainingOptions, capfd: pytest.CaptureFixture[str]
) -> None:
    first = registered(options)
    assert (first["alias"], first["gate"]["reason"]) == ("champion", "there was no champion before it")
    again = registered(options)
    assert again["alias"] == "champion"
    assert "version 1, of the same recipe" in again["gate"]["reason"]

    worse = registered(options, variants=(BLUNT,), register_stores=("4",))
    assert worse["alias"] == "challenger"
    assert worse["gate"]["wape"] > 1.02 * worse["gate"]["champion_wape"]
    assert worse["gate"]["champion_wape"] == again["gate"]["wape"]
    client = MlflowClient(options.tracking_uri)
    assert client.get_model_version(FLEET_MODEL, "3").tags[registry.GATE_TAG] == worse["gate"]["reason"]
    assert aliases.aliases_of(client) == {"champion": "2", "previous": "1", "challenger": "3"}
    assert set(client.get_registered_model(next(iter(worse["store_models"]))).aliases) == {"challenger"}

    assert promote(options.tracking_uri, options.home)["champion"] == "3"
    better = registered(options)
    assert better["alias"] == "champion"
    assert better["gate"]["wape"] < better["gate"]["champion_wape"] == worse["gate"]["wape"]
    assert registered(options, variants=(BLUNT,), gate_margin=None)["alias"] == "champion"
    assert capfd.readouterr().out == ""


def test_a_champion_that_cannot_be_fitted_again_leaves_the_judgement_to_the_baseline(options: TrainingOptions) -> None:
    registered(options)
    fewer = dataclasses.replace(options.mapped, flags={"school_holiday": "SchoolHoliday"})
    judged = registered(options, mapped=fewer)["gate"]
    assert judged["judged_by"] == "baseline"
    assert "the calendar has no 'promo'" in judged["reason"]
