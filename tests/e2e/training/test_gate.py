"""The gate in real trainings: SQLite without a server, and an MLflow server over HTTP."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import numpy.typing as npt
import pytest
from mlflow import MlflowClient
from support.servers.mlflow_databases import empty_database
from support.servers.mlflow_server import emptied
from support.training import chains

from fleet import Fleet
from fleet.names import FLEET_MODEL, GATE_TAG
from training.champion import store_gate
from training.engines.batched import BatchedEngine
from training.engines.engine import Priors
from training.engines.stan import StanEngine
from training.pooling.variants import STEADY, Variant
from training.registry.promotion import promote
from training.registry.registration import load_fleet
from training.registry.runs import MlflowConnection
from training.registry.tracking_uri import tracking_uri
from training.run import Quiet, TrainingOptions, train

BLUNT = Variant("blunt", Priors(seasonality=0.003, regressor=0.003))


@pytest.fixture(params=["sqlite", "server"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TrainingOptions]:
    before = mlflow.get_tracking_uri()
    paths = chains.files(tmp_path / "chain", n_stores=6, n_days=452)
    home = tmp_path / "home"
    tables = (paths["train"], paths["store"], paths["calendar"], home)
    if request.param == "sqlite":
        empty_database(home / "mlflow.db")
        yield TrainingOptions(*tables, tracking_uri({}, home), test_days=28, n_folds=2)
    else:
        url = emptied(request.getfixturevalue("mlflow_url"))
        yield TrainingOptions(*tables, url, test_days=28, n_folds=2)
    mlflow.set_tracking_uri(before)


def registered(options: TrainingOptions, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any option
    result = train(dataclasses.replace(options, **changes), BatchedEngine(), Quiet()).to_plain()["registered"]
    assert isinstance(result, dict)
    return result


def test_a_worse_recipe_is_only_a_challenger_until_somebody_promotes_it(
    options: TrainingOptions, capfd: pytest.CaptureFixture[str]
) -> None:
    first = registered(options)
    assert (first["alias"], first["gate"]["reason"]) == ("champion", "there was no champion before it")
    again = registered(options)
    assert again["alias"] == "champion"
    assert "version 1, is of the same recipe" in again["gate"]["reason"]

    worse = registered(options, variants=(BLUNT,), register_stores=("4",))
    assert worse["alias"] == "challenger"
    assert worse["gate"]["wape"] > 1.02 * worse["gate"]["champion_wape"]
    assert worse["gate"]["champion_wape"] == again["gate"]["wape"]
    client = MlflowClient(options.tracking_uri)
    assert client.get_model_version(FLEET_MODEL, "3").tags[GATE_TAG] == worse["gate"]["reason"]
    assert MlflowConnection(client).aliases() == {"champion": "2", "previous": "1", "challenger": "3"}
    assert set(client.get_registered_model(next(iter(worse["store_models"]))).aliases) == {"challenger"}

    assert promote(options.registry())["champion"] == "3"
    better = registered(options)
    assert better["alias"] == "champion"
    assert better["gate"]["wape"] < better["gate"]["champion_wape"] == worse["gate"]["wape"]
    assert registered(options, variants=(BLUNT,), gate_margin=None)["alias"] == "champion"
    assert capfd.readouterr().out == ""


def test_a_recipe_of_another_engine_is_judged_on_the_same_days(options: TrainingOptions) -> None:
    registered(options)
    result = train(dataclasses.replace(options, variants=(STEADY,), dry_run=True), StanEngine(workers=2), Quiet())
    assert result.would_register
    assert result.would_register.gate.judged_by == "champion"


def test_a_dry_run_says_what_a_run_would_do_and_registers_nothing(options: TrainingOptions) -> None:
    fitted = train(options, BatchedEngine(), Quiet()).stores.fitted
    same = train(dataclasses.replace(options, dry_run=True), BatchedEngine(), Quiet())
    assert same.would_register
    assert (same.refitted, same.kept, same.would_register.alias) == (0, fitted, "champion")
    worse = train(dataclasses.replace(options, dry_run=True, variants=(BLUNT,)), BatchedEngine(), Quiet())
    assert worse.would_register
    assert worse.would_register.alias == "challenger"
    assert "worse" in worse.would_register.gate.reason
    assert MlflowConnection(MlflowClient(options.tracking_uri)).aliases() == {"champion": "1"}


def test_a_champion_that_cannot_be_fitted_again_leaves_the_judgement_to_the_baseline(options: TrainingOptions) -> None:
    registered(options)
    fewer = dataclasses.replace(options.mapped, flags={"school_holiday": "SchoolHoliday"})
    judged = registered(options, mapped=fewer)["gate"]
    assert judged["judged_by"] == "baseline"
    assert "the calendar has no 'promo'" in judged["reason"]


def test_a_store_that_the_new_recipe_makes_clearly_worse_keeps_its_champion_row(
    options: TrainingOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(options)
    before, _ = load_fleet(options.registry())
    # Which stores these are is judged elsewhere; here, every second one.
    monkeypatch.setattr(store_gate, "clearly_worse", lambda wape, _: np.arange(wape.shape[1]) % 2 == 0)
    result = train(dataclasses.replace(options, variants=(BLUNT,), gate_margin=1.0), BatchedEngine(), Quiet())
    assert result.registered
    assert result.registered.alias == "champion"
    assert result.held_back
    assert [held.store for held in result.held_back] == list(before.store_ids[::2])
    kept = [held.store for held in result.held_back if held.kept]
    assert kept == [store_id for store_id in before.store_ids[::2] if before.has_model[before.position(store_id)]]
    assert all("version 1 is clearly better for it" in held.reason for held in result.held_back)
    after, _ = load_fleet(options.registry())
    for store_id, variant in zip(after.store_ids, after.facts["variant"].tolist(), strict=True):
        same = after.parameters.rows(_place(after, store_id)), before.parameters.rows(_place(before, store_id))
        assert (same[0].beta.tobytes() == same[1].beta.tobytes()) == (store_id in kept)
        assert (variant == b"champion:1") == (store_id in kept)


def _place(fleet: Fleet, store_id: str) -> npt.NDArray[np.int64]:
    return np.array([fleet.store_ids.index(store_id)])
