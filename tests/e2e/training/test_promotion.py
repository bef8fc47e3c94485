"""Promote and roll back for real: SQLite without a server, and an MLflow server over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from support.servers.mlflow_databases import empty_database
from support.servers.mlflow_server import emptied
from support.training import chains

from fleet.names import CHALLENGER, CHAMPION, FLEET_MODEL, PREVIOUS
from storecast import __main__ as command_line
from storecast import exit_codes
from training.engines.batched import BatchedEngine
from training.errors import MissingAliasError, RegistryError, UnknownVersionError
from training.registry.mlflow_registry import MlflowRegistry
from training.registry.promotion import promote, rollback
from training.registry.runs import MlflowConnection
from training.registry.tracking_uri import tracking_uri
from training.run import Quiet, TrainingOptions, train


@pytest.fixture(params=["sqlite", "server"], scope="module")
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainingOptions]:
    """A registry with three versions; the third is champion, the second `previous`."""
    before = mlflow.get_tracking_uri()
    folder = tmp_path_factory.mktemp("promotion")
    paths = chains.files(folder / "chain", n_stores=6, n_days=452)
    tables = (paths["train"], paths["store"], paths["calendar"], folder / "home")
    if request.param == "sqlite":
        empty_database(folder / "home" / "mlflow.db")
        yield _train(TrainingOptions(*tables, tracking_uri({}, folder / "home"), test_days=28, n_folds=1))
    else:
        url = emptied(request.getfixturevalue("mlflow_url"))
        yield _train(TrainingOptions(*tables, url, test_days=28, n_folds=1))
    mlflow.set_tracking_uri(before)


def _train(options: TrainingOptions) -> TrainingOptions:
    for _ in range(3):
        train(options, BatchedEngine(), Quiet())
    return options


@pytest.fixture
def options(trained: TrainingOptions) -> TrainingOptions:
    """The same start for every test: 2 is champion, 1 `previous`, 3 the challenger."""
    client = MlflowClient(trained.tracking_uri)
    for alias, version in ((CHAMPION, "2"), (PREVIOUS, "1"), (CHALLENGER, "3")):
        client.set_registered_model_alias(FLEET_MODEL, alias, version)
    return trained


def found(options: TrainingOptions) -> dict[str, str]:
    return MlflowConnection(MlflowClient(options.tracking_uri)).aliases()


def test_promoting_moves_the_aliases_once_and_tells_the_difference(options: TrainingOptions) -> None:
    result = promote(options.registry())
    assert found(options) == {CHAMPION: "3", PREVIOUS: "2"}
    assert result["changes"]["to"]["version"] == "3"
    assert result["changes"]["to"]["with_model"] == result["changes"]["from"]["with_model"] > 0
    assert result["changes"]["to"]["wape"] is not None
    again = promote(options.registry(), "3")
    assert (again["moves"], again["changes"]) == ([], None)
    assert found(options) == {CHAMPION: "3", PREVIOUS: "2"}


def test_a_second_rollback_undoes_the_first_and_a_dry_run_moves_nothing(options: TrainingOptions) -> None:
    before = found(options)
    assert rollback(options.registry(), dry_run=True)["champion"] == "1"
    assert found(options) == before
    rollback(options.registry())
    assert found(options) == {CHAMPION: "1", PREVIOUS: "2", CHALLENGER: "3"}
    rollback(options.registry())
    assert found(options) == before


def test_what_is_not_there_cannot_be_promoted_or_gone_back_to(options: TrainingOptions, tmp_path: Path) -> None:
    with pytest.raises(UnknownVersionError, match="wanted version 99 of storecast-fleet, it has 1 to 3") as caught:
        promote(options.registry(), "99")
    assert caught.value.exit_code == 2
    client = MlflowClient(options.tracking_uri)
    client.delete_registered_model_alias(FLEET_MODEL, CHALLENGER)
    with pytest.raises(MissingAliasError, match="nothing to promote"):
        promote(options.registry())
    client.delete_registered_model_alias(FLEET_MODEL, PREVIOUS)
    with pytest.raises(MissingAliasError, match="has only champion: nothing to go back to") as missing:
        rollback(options.registry())
    assert missing.value.exit_code == 2
    with pytest.raises(RegistryError, match="there is no registry at") as away:
        rollback(MlflowRegistry(tracking_uri({}, tmp_path), tmp_path))
    assert away.value.exit_code == 3
    assert list(tmp_path.glob("*.db")) == []


@pytest.mark.parametrize(
    ("verb", "alias", "told"),
    [("promote", CHALLENGER, "nothing to promote"), ("rollback", PREVIOUS, "nothing to go back to")],
)
def test_a_verb_with_nothing_to_move_ends_as_a_usage_error(
    options: TrainingOptions,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    alias: str,
    told: str,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", options.tracking_uri)
    MlflowClient(options.tracking_uri).delete_registered_model_alias(FLEET_MODEL, alias)
    assert command_line.main([verb, "--home", str(options.home)]) == exit_codes.USAGE
    assert told in capsys.readouterr().err


def test_the_verbs_print_what_changes(
    options: TrainingOptions, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", options.tracking_uri)
    assert command_line.main(["promote", "--dry-run", "--home", str(options.home)]) == 0
    told = capsys.readouterr().out
    assert "would change:\n  previous   1 -> 2\n  champion   2 -> 3\n  challenger 3 -> none\n" in told
    assert "stores with a model" in told
    assert command_line.main(["rollback", "--json", "--home", str(options.home)]) == 0
    assert '"champion": "1"' in capsys.readouterr().out
