"""Two trainings of one registry at once: each is judged against the champion that stands when its alias moves."""

import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from support.servers.mlflow_server import emptied
from support.training import chains
from support.training.trainers import open_at_once, trainer

from fleet.errors import RegistryBusyError
from fleet.mlflow import local_registry
from fleet.names import CHALLENGER, CHAMPION, FLEET_MODEL, GATE_TAG, PREVIOUS
from training.engines.batched import BatchedEngine
from training.errors import AliasMovedError
from training.registry import promotion
from training.registry.fleet_diff import FleetDiff, difference
from training.registry.promotion import promote, rollback
from training.registry.runs import MlflowConnection
from training.registry.tracking_uri import tracking_uri
from training.run import Quiet, TrainingOptions, train


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[dict[str, Path]]:
    before = mlflow.get_tracking_uri()
    yield chains.files(tmp_path / "chain", n_stores=6, n_days=452)
    mlflow.set_tracking_uri(before)


def options_of(chain: dict[str, Path], home: Path, uri: str) -> TrainingOptions:
    return TrainingOptions(chain["train"], chain["store"], chain["calendar"], home, uri, test_days=28, n_folds=2)


@pytest.fixture
def local(chain: dict[str, Path], tmp_path: Path) -> TrainingOptions:
    return options_of(chain, tmp_path / "home", tracking_uri({}, tmp_path / "home"))


@pytest.fixture
def remote(chain: dict[str, Path], tmp_path: Path, mlflow_url: str) -> TrainingOptions:
    return options_of(chain, tmp_path / "home", emptied(mlflow_url))


def assert_first_and_second(options: TrainingOptions, first: dict[str, Any], second: dict[str, Any]) -> None:
    assert first["gate"]["reason"] == "there was no champion before it"
    assert f"the champion, version {first['version']}, is of the same recipe" in second["gate"]["reason"]
    client = MlflowClient(options.tracking_uri)
    assert MlflowConnection(client).aliases() == {CHAMPION: second["version"], PREVIOUS: first["version"]}
    tags = {one["version"]: one["gate"]["reason"] for one in (first, second)}
    assert {v: client.get_model_version(FLEET_MODEL, v).tags[GATE_TAG] for v in tags} == tags


def test_two_that_come_to_a_new_home_at_once_are_first_and_second(local: TrainingOptions) -> None:
    with trainer(local, "register") as one, trainer(local, "register") as other:
        for each in (one, other):
            each.go.set()
        first, second = sorted((one.registered(), other.registered()), key=lambda result: int(result["version"]))

    assert_first_and_second(local, first, second)


def test_one_that_registers_is_waited_for(local: TrainingOptions) -> None:
    with trainer(local, "made") as one, trainer(local, "register") as other:
        other.go.set()
        one.go.set()
        first, second = one.registered(), other.registered()

    assert_first_and_second(local, first, second)


@pytest.mark.parametrize("moment", ["register", "made"])
def test_one_that_finishes_on_a_server_meanwhile_is_the_champion_that_the_other_is_judged_against(
    remote: TrainingOptions, moment: str
) -> None:
    with trainer(remote, moment) as held:
        first = train(remote, BatchedEngine(), Quiet()).to_plain()["registered"]
        held.go.set()
        second = held.registered()

    assert_first_and_second(remote, first, second)
    left = MlflowClient(remote.tracking_uri).search_model_versions(f"name='{FLEET_MODEL}'")
    judged_before = [made.tags[GATE_TAG] for made in left if made.version not in (first["version"], second["version"])]
    assert all("judged against no champion, and 2 became champion" in told for told in judged_before)
    assert len(judged_before) == (moment == "made")


def test_a_new_database_may_be_opened_by_several_at_once(tmp_path: Path) -> None:
    assert open_at_once(tracking_uri({}, tmp_path), tmp_path, 3) == ["", "", ""]


@pytest.fixture
def two_versions(local: TrainingOptions) -> TrainingOptions:
    for _ in range(2):
        train(local, BatchedEngine(), Quiet())
    return local


@pytest.mark.parametrize("move", [promote, rollback])
def test_an_alias_that_moves_under_a_promotion_is_told_and_stays(
    two_versions: TrainingOptions,
    move: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = MlflowClient(two_versions.tracking_uri)
    client.set_registered_model_alias(FLEET_MODEL, CHALLENGER, "1")
    judge = difference

    def meanwhile(*arguments: Any) -> FleetDiff:  # noqa: ANN401 - as it is called
        client.set_registered_model_alias(FLEET_MODEL, PREVIOUS, "2")
        return judge(*arguments)

    monkeypatch.setattr(promotion, "difference", meanwhile)
    with pytest.raises(AliasMovedError, match=r"nothing was moved.*try again") as told:
        move(two_versions.registry())

    assert told.value.exit_code == 3
    assert MlflowConnection(client).aliases() == {CHAMPION: "2", PREVIOUS: "2", CHALLENGER: "1"}


@pytest.mark.parametrize("move", [promote, rollback])
def test_a_promotion_waits_for_a_training_and_says_so_where_that_never_ends(
    two_versions: TrainingOptions,
    move: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    MlflowClient(two_versions.tracking_uri).set_registered_model_alias(FLEET_MODEL, CHALLENGER, "1")
    monkeypatch.setattr(local_registry, "_SWITCHING_S", 0.0)
    with (two_versions.home / "mlflow.db.switching").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(
            RegistryBusyError, match=r"another process has been changing the registry.*mlflow.db.switching"
        ) as told:
            move(two_versions.registry())
        assert move(two_versions.registry(), dry_run=True)["champion"] == "1"

    assert told.value.exit_code == 3
    assert move(two_versions.registry())["champion"] == "1"
