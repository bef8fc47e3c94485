"""A registry in MLflow before MLflow is asked."""

from pathlib import Path

from fleet.mlflow.local_registry import SQLITE
from training.registry.mlflow_registry import MlflowRegistry
from training.registry.registration import current_champion


def test_its_address_has_no_password(tmp_path: Path) -> None:
    assert MlflowRegistry("http://me:hidden@mlflow:5000/x", tmp_path).address == "http://mlflow:5000/x"


def test_one_in_a_file_is_there_when_the_file_is(tmp_path: Path) -> None:
    registry = MlflowRegistry(f"{SQLITE}{tmp_path / 'mlflow.db'}", tmp_path)
    assert not registry.is_there()
    (tmp_path / "mlflow.db").touch()
    assert registry.is_there()


def test_a_server_is_there_until_it_is_asked_and_no_address_is_none(tmp_path: Path) -> None:
    assert MlflowRegistry("http://127.0.0.1:1", tmp_path).is_there()
    assert not MlflowRegistry("", tmp_path).is_there()


def test_where_no_registry_is_there_is_no_champion_and_nothing_is_made(tmp_path: Path) -> None:
    assert current_champion(MlflowRegistry(f"{SQLITE}{tmp_path / 'home' / 'mlflow.db'}", tmp_path / "home")) is None
    assert list(tmp_path.iterdir()) == []
