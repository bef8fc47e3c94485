"""Stores' own registered Prophet models, from training to the answer: they win over the fleet, and never mislead it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from prophet import Prophet
from support.servers.mlflow_databases import empty_database
from support.training import chains

from fleet import Fleet
from fleet.arrays import FloatArray
from fleet.names import CHAMPION, TRANSFORM_TAG, store_model_name
from fleet.prophet.convert import future_frame, to_prophet
from model_wrapper.components.forecasters import FallbackForecaster, StoreForecaster
from model_wrapper.components.router import StoreRouter
from model_wrapper.fleets.source import FleetSource
from model_wrapper.settings import Settings
from training.engines.batched import BatchedEngine
from training.registry.mlflow_registry import MlflowRegistry
from training.registry.registration import load_fleet
from training.registry.tracking_uri import tracking_uri
from training.run import Quiet, TrainingOptions, train

ROOT = Path(__file__).resolve().parents[3]
DAYS = np.arange("2014-03-29", "2014-04-05", dtype="datetime64[D]")
ITEM = {"beginDate": "2014-03-29", "endDate": "2014-04-04"}
AS_TRAINED, TUNED, WITHOUT_MODEL, UNUSABLE, NO_PROPHET = "4", "3", "8", "5", "6"


class Home:
    """A home folder with a trained chain, and what is registered by hand beside it."""

    def __init__(self, folder: Path) -> None:
        paths = chains.files(folder / "chain", n_stores=10, n_days=452)
        self.uri = tracking_uri({}, folder / "home")
        self.cache = folder / "cache"
        empty_database(folder / "home" / "mlflow.db")
        options = TrainingOptions(
            paths["train"], paths["store"], paths["calendar"], folder / "home", self.uri, test_days=28,
            register_stores=(AS_TRAINED,),
        )  # fmt: skip
        train(options, BatchedEngine(), Quiet())
        self.client = MlflowClient(self.uri)
        self.fleet: Fleet = load_fleet(MlflowRegistry(self.uri, folder / "home"))[0]

    def settings(self, **more: Any) -> Settings:  # noqa: ANN401 - any setting
        return Settings(cache_dir=self.cache, fetch_timeout_s=120, reload_seconds=0, **more)

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "MLFLOW_TRACKING_URI": self.uri}

    def register(self, store_id: str, model: Prophet) -> None:
        name = store_model_name(store_id)
        with mlflow.start_run():
            made = mlflow.prophet.log_model(model, name="model", pip_requirements=[])
        self.point(name, made.model_uri)

    def point(self, name: str, source: str) -> None:
        self.client.create_registered_model(name)
        version = self.client.create_model_version(name, source).version
        self.client.set_model_version_tag(name, str(version), TRANSFORM_TAG, "log1p")
        self.client.set_registered_model_alias(name, CHAMPION, str(version))


def tuned(fleet: Fleet) -> Prophet:
    model = to_prophet(fleet, TUNED)
    model.params["m"] += 0.05
    model.params["beta"] *= 0.9
    return model


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    before = mlflow.get_tracking_uri()
    made = Home(tmp_path_factory.mktemp("chain"))
    mlflow.set_tracking_uri(made.uri)
    mlflow.set_experiment("by hand")
    made.register(TUNED, tuned(made.fleet))
    made.register(WITHOUT_MODEL, tuned(made.fleet))
    strange = to_prophet(made.fleet, UNUSABLE)
    strange.extra_regressors["rainfall"] = strange.extra_regressors.pop(next(iter(strange.extra_regressors)))
    made.register(UNUSABLE, strange)
    empty = made.cache.parent / "no-prophet"
    empty.mkdir()
    (empty / "MLmodel").write_text("flavors: {}\n")
    made.point(store_model_name(NO_PROPHET), str(empty))
    yield made
    mlflow.set_tracking_uri(before)


@pytest.fixture
def ask(home: Home, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - a function
    monkeypatch.setenv("MLFLOW_TRACKING_URI", home.uri)
    component = StoreForecaster(home.settings())
    component.load()

    def answer(store_id: str) -> dict[str, Any]:
        entry: dict[str, Any] = component.predict_raw({"jsonData": {"storeId": store_id, **ITEM}})["jsonData"][0]
        return entry

    return answer


def stock(model: Prophet, fleet: Fleet, store_id: str) -> FloatArray:
    fitted = model.predict(future_frame(fleet, store_id, DAYS))["yhat"].to_numpy()
    return np.where(fleet.fallback([store_id], DAYS).closed[0], 0.0, np.expm1(fitted))


def values(entry: dict[str, Any]) -> list[float]:
    return [day["value"] for day in entry["forecast"]]


def test_a_tuned_model_wins_over_the_fleet_and_equals_stock_prophet(home: Home, ask: Any) -> None:  # noqa: ANN401
    entry = ask(TUNED)

    np.testing.assert_allclose(values(entry), stock(tuned(home.fleet), home.fleet, TUNED), rtol=1e-9)
    assert (entry["model"]["source"], entry["model"]["version"]) == ("store", "1")
    assert entry["model"]["trainedThrough"] == str(home.fleet.trained_through)


def test_a_model_registered_by_training_answers_what_the_fleet_would(home: Home, ask: Any) -> None:  # noqa: ANN401
    entry = ask(AS_TRAINED)

    np.testing.assert_allclose(values(entry), home.fleet.predict([AS_TRAINED], DAYS).value[0], rtol=1e-9)
    assert entry["model"]["source"] == "store"


def test_a_store_without_a_model_in_the_fleet_is_answered_by_its_own(home: Home, ask: Any) -> None:  # noqa: ANN401
    assert not home.fleet.has_model[home.fleet.position(WITHOUT_MODEL)]
    assert ask(WITHOUT_MODEL)["model"]["source"] == "store"


@pytest.mark.parametrize(("store_id", "reason"), [(UNUSABLE, "rainfall"), (NO_PROPHET, "model.pr")])
def test_a_model_that_cannot_be_served_leaves_the_store_to_the_fleet(
    home: Home,
    ask: Any,  # noqa: ANN401
    store_id: str,
    reason: str,
) -> None:
    served = FleetSource(home.settings(), home.environ).open()

    assert reason in served.own.refused[store_id]
    assert ask(store_id)["model"]["source"] in ("fleet", "fallback")


def test_the_router_sends_such_a_store_to_its_forecaster(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", home.uri)
    settings = home.settings(shards=2, behind_router=True)
    router, fallback = StoreRouter(settings), FallbackForecaster(settings)
    router.load()
    fallback.load()
    message = {"jsonData": {"storeId": WITHOUT_MODEL, **ITEM}}
    child = router.child_for(message)
    forecaster = StoreForecaster(home.settings(shards=2, behind_router=True, shard_index=child))
    forecaster.load()

    assert child in (0, 1)
    assert forecaster.predict_raw(message)["jsonData"][0]["model"]["source"] == "store"
    assert fallback.predict_raw(message)["jsonData"] == [None]


def test_the_number_in_memory_is_bounded_and_the_last_used_stay(home: Home) -> None:
    served = FleetSource(home.settings(store_models=2), home.environ).open()
    for store_id in (TUNED, AS_TRAINED, TUNED, WITHOUT_MODEL):
        assert served.own.get(store_id) is not None
    kept = served.own.get(TUNED)

    assert served.own.loaded == 2
    assert served.own.get(TUNED) is kept
    assert len(served.own) == 3


def test_without_the_setting_no_store_has_its_own(home: Home) -> None:
    served = FleetSource(home.settings(store_models=0), home.environ).open()

    assert len(served.own) == 0


def test_an_alias_that_moves_away_gives_the_store_back_to_the_fleet(home: Home) -> None:
    source = FleetSource(home.settings(), home.environ)
    first = source.open()
    home.client.delete_registered_model_alias(store_model_name(AS_TRAINED), CHAMPION)
    second = source.renewed(first)
    home.client.set_registered_model_alias(store_model_name(AS_TRAINED), CHAMPION, "1")

    assert AS_TRAINED in first.own
    assert second is not None
    assert AS_TRAINED not in second.own
    assert second.fleet is first.fleet


def test_serving_needs_neither_prophet_nor_mlflow(home: Home) -> None:
    code = (
        "import json, os, sys; from model_wrapper.components.forecasters import StoreForecaster; "
        "component = StoreForecaster(); component.load(); "
        f"answer = component.predict_raw({{'jsonData': {{'storeId': '{TUNED}', 'beginDate': '2014-03-29'}}}}); "
        "source = answer['jsonData'][0]['model']['source']; "
        "print(json.dumps([source, *({'prophet', 'mlflow', 'pandas'} & set(sys.modules))]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=home.environ | {"STORECAST_CACHE_DIR": str(home.cache)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert json.loads(done.stdout) == ["store"]
