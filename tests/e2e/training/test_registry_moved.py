"""A home folder that was moved or copied: everything is found and written where it is now, and nowhere else."""

import dataclasses
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import mlflow
import numpy as np
import pytest
from support.training import chains

from fleet.errors import RegistryFileError
from fleet.mlflow.local_registry import SQLITE
from fleet.names import CHAMPION, EXPERIMENT, PREVIOUS, alias_uri, store_model_name
from model_wrapper.errors import FleetUnavailableError
from model_wrapper.fleets.source import FleetSource
from model_wrapper.settings import Settings
from storecast.client import Question, ask_registry
from training.engines.batched import BatchedEngine
from training.registry import promotion
from training.registry.mlflow_registry import MlflowRegistry
from training.registry.registration import load_fleet
from training.registry.tracking_uri import tracking_uri
from training.run import Quiet, TrainingOptions, train

WEEK = np.arange("2014-03-29", "2014-04-05", dtype="datetime64[D]")
OWN = "4"


@pytest.fixture(autouse=True)
def _own_mlflow_state() -> Iterator[None]:
    before = mlflow.get_tracking_uri()
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainingOptions:
    """A home with a champion, one before it, and a store's own model; tests work on copies of its folder."""
    folder = tmp_path_factory.mktemp("first")
    paths = chains.files(folder / "chain", n_stores=6, n_days=452)
    home = folder / "home"
    tables = (paths["train"], paths["store"], paths["calendar"], home)
    options = TrainingOptions(*tables, tracking_uri({}, home), test_days=28, n_folds=2, register_stores=(OWN,))
    for _ in range(2):
        train(options, BatchedEngine(), Quiet())
    return options


class Placed(NamedTuple):
    """A home that is elsewhere now: what trains into it, and what must stay as it is."""

    options: TrainingOptions
    before: Path
    kept: dict[str, str]

    @property
    def home(self) -> Path:
        return self.options.home

    def check_the_old_place(self) -> None:
        assert files_of(self.before) == self.kept
        assert not any(str(self.before) in place for place in places_in(self.home / "mlflow.db"))


def files_of(folder: Path) -> dict[str, str]:
    """Every file below a folder and what it holds."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def places_in(database: Path) -> list[str]:
    """Every text in the database that is a path, but of programs."""
    connection = sqlite3.connect(database)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = [row for table in tables for row in connection.execute(f"SELECT * FROM '{table}'")]  # noqa: S608 - its own
    connection.close()
    return [cell for row in rows for cell in row if isinstance(cell, str) and "/artifacts" in cell]


@pytest.fixture(params=["moved", "copied"])
def placed(request: pytest.FixtureRequest, trained: TrainingOptions, tmp_path: Path) -> Placed:
    # The records name a folder of this test, so that a stray write into it is seen.
    before, now = tmp_path / "before", tmp_path / "some where" / "now"
    shutil.copytree(trained.home, before)
    load_fleet(MlflowRegistry(tracking_uri({}, before), before))
    now.parent.mkdir()
    if request.param == "moved":
        before.rename(now)
    else:
        shutil.copytree(before, now)
    options = dataclasses.replace(trained, home=now, tracking_uri=tracking_uri({}, now))
    return Placed(options, before, files_of(before))


def test_a_forecast_of_it_is_the_one_of_before(placed: Placed, trained: TrainingOptions) -> None:
    question = Question(("1", OWN), WEEK[0].item(), len(WEEK), 0.8)
    there, _ = ask_registry(question, placed.options.tracking_uri, placed.home, Settings())
    here, _ = ask_registry(question, trained.tracking_uri, trained.home, Settings())

    assert there.rows.equals(here.rows)
    assert "store" in set(there.rows["source"])
    placed.check_the_old_place()


def test_a_training_in_it_keeps_the_champions_rows_and_writes_there_alone(placed: Placed) -> None:
    result = train(placed.options, BatchedEngine(), Quiet())

    assert (result.refitted, result.kept) == (0, result.stores.fitted)
    assert result.registered
    assert "version 2, is of the same recipe" in result.registered.gate.reason
    assert len(list((placed.home / "artifacts").glob("*/artifacts/stores.csv"))) == 3
    placed.check_the_old_place()


def test_a_rollback_and_a_promotion_in_it_say_what_they_change(placed: Placed) -> None:
    back = promotion.rollback(placed.options.registry())
    again = promotion.promote(placed.options.registry(), "2")

    assert (back["champion"], again["champion"]) == ("1", "2")
    assert back["changes"]["from"]["wape"] == again["changes"]["to"]["wape"]
    placed.check_the_old_place()


def test_a_component_fetches_fleet_and_own_models_from_it(placed: Placed, tmp_path: Path) -> None:
    environ = {**os.environ, "MLFLOW_TRACKING_URI": placed.options.tracking_uri}
    settings = Settings(fleet_uri=alias_uri("storecast-fleet", CHAMPION), cache_dir=tmp_path / "cache")
    served = FleetSource(settings.model_copy(update={"fetch_timeout_s": 200}), environ).open()

    assert (served.version, OWN in served.own) == ("2", True)
    placed.check_the_old_place()


def test_a_notebook_finds_what_is_registered_without_any_word_of_ours_before(placed: Placed) -> None:
    lines = (
        "import mlflow, pandas as pd, sys",
        "mlflow.set_tracking_uri(sys.argv[1])",
        f"model = mlflow.pyfunc.load_model('models:/storecast-fleet@{PREVIOUS}')",
        "asked = {'store_id': ['1'], 'begin_date': ['2014-03-29'], 'end_date': ['2014-04-04']}",
        "print(len(model.predict(pd.DataFrame(asked))))",
        f"mlflow.prophet.load_model('{alias_uri(store_model_name(OWN), CHAMPION)}')",
    )
    command = [sys.executable, "-c", "\n".join(lines), placed.options.tracking_uri]
    done = subprocess.run(command, cwd=placed.home, capture_output=True, text=True, check=False, timeout=400)

    assert (done.stdout.splitlines()[-1:], done.returncode) == (["7"], 0), done.stderr
    placed.check_the_old_place()


def test_a_home_that_is_copied_before_anything_is_registered_is_written_where_it_is(
    trained: TrainingOptions, tmp_path: Path
) -> None:
    before, now = tmp_path / "before", tmp_path / "now"
    with MlflowRegistry(tracking_uri({}, before), before).connected():
        shutil.copytree(before, now)
    kept = files_of(before)
    options = dataclasses.replace(trained, home=now, tracking_uri=tracking_uri({}, now), register_stores=())
    train(options, BatchedEngine(), Quiet())

    assert files_of(before) == kept
    assert list((now / "artifacts").glob("*/artifacts/stores.csv"))


def test_a_home_under_two_names_is_left_as_it_is(trained: TrainingOptions, tmp_path: Path) -> None:
    home, name = tmp_path / "home", tmp_path / "name"
    shutil.copytree(trained.home, home)
    load_fleet(MlflowRegistry(tracking_uri({}, home), home))
    name.symlink_to(home)
    places = places_in(home / "mlflow.db")
    load_fleet(MlflowRegistry(tracking_uri({}, name), name))

    assert places_in(home / "mlflow.db") == places


def test_a_database_whose_artifacts_stand_apart_is_left_as_it_is(trained: TrainingOptions, tmp_path: Path) -> None:
    load_fleet(trained.registry())
    database = tmp_path / "apart.db"
    shutil.copy(trained.home / "mlflow.db", database)
    (tmp_path / "artifacts").mkdir()
    places = places_in(database)
    opened, version = load_fleet(MlflowRegistry(f"{SQLITE}{database}", tmp_path))

    assert (opened.n_stores, version) == (6, "2")
    assert places_in(database) == places


def test_artifacts_of_a_new_database_lie_beside_it_whatever_the_home(tmp_path: Path) -> None:
    with MlflowRegistry(f"{SQLITE}{tmp_path / 'shared' / 'mine.db'}", tmp_path / "home").connected() as connection:
        places = {made.name: made.artifact_location for made in connection.client.search_experiments()}

    assert places[EXPERIMENT] == str(tmp_path / "shared" / "artifacts")


def test_a_file_that_is_no_database_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is a text, and long enough to be taken for a page of a database" * 20)
    uri = tracking_uri({}, tmp_path)
    with pytest.raises(RegistryFileError, match=r"wanted a registry.*not a database"):
        load_fleet(MlflowRegistry(uri, tmp_path))
    settings = Settings(fleet_uri=alias_uri("storecast-fleet", CHAMPION), cache_dir=tmp_path / "cache")
    with pytest.raises(FleetUnavailableError, match=r"wanted a registry.*not a database"):
        FleetSource(settings, {**os.environ, "MLFLOW_TRACKING_URI": uri}).open()
