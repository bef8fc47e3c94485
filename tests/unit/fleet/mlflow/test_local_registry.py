"""Which file a tracking URI names, and who may open it meanwhile."""

import fcntl
from pathlib import Path

import pytest

from fleet.errors import RegistryBusyError
from fleet.mlflow import local_registry
from fleet.mlflow.local_registry import artifacts_of, database_of, opening, switching


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sqlite:////srv/home/mlflow.db", "/srv/home/mlflow.db"),
        ("sqlite:////srv/home/mlflow.db?timeout=5", "/srv/home/mlflow.db"),
        ("sqlite:///here/mlflow.db", "here/mlflow.db"),
        ("sqlite:////srv/a home/%20/mlflow.db", "/srv/a home/%20/mlflow.db"),
    ],
)
def test_a_local_registry_is_a_file_with_its_artifacts_beside_it(uri: str, path: str) -> None:
    database = Path.cwd() / path
    assert database_of(uri) == database
    assert artifacts_of(uri) == str(database.parent / "artifacts")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "http://127.0.0.1:5000",
        "postgresql://host/mlflow",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:mlflow.db?mode=ro&uri=true",
        "/srv/home",
    ],
)
def test_any_other_registry_is_no_file_and_is_never_locked(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with opening(uri), switching(uri):
        pass

    assert (database_of(uri), artifacts_of(uri)) == (None, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["opening", "switching"])
def test_one_that_never_ends_is_told_and_the_others_go_on_after_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    alone = getattr(local_registry, name)
    monkeypatch.setattr(local_registry, f"_{name.upper()}_S", 0.0)
    with (tmp_path / f"mlflow.db.{name}").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RegistryBusyError, match=rf"another process.*holds mlflow\.db\.{name}"), alone(uri):
            pass
    with alone(uri):
        pass


def test_what_a_block_raises_is_not_taken_for_a_lock_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(PermissionError, match="of the block"), opening(f"sqlite:///{tmp_path / 'mlflow.db'}"):
        raise PermissionError("of the block")
