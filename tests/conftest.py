"""What all tests share: how hard property tests try, and one database and one MLflow server a test process."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from model_wrapper.fleets.hot_reload import Reloader

# By default few examples, and the same ones in every run: a failure is then the doing of a change.
# HYPOTHESIS_PROFILE=thorough looks longer, and elsewhere each time. How long an example takes is no failure.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", PATIENT, max_examples=25, derandomize=True)
settings.register_profile("thorough", PATIENT, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session", autouse=True)
def no_reload() -> Iterator[None]:
    """No component of a test's own process looks for another fleet behind its back.

    Its thread would go on after the test, and log into the next ones that its folder is gone.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reloader, "start", lambda _reloader, _every_s: None)
        yield


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """SQLAlchemy URL of a real PostgreSQL server that all tests of a process share: name tables apart."""
    from support.servers.postgres import postgres_server  # noqa: PLC0415 - other tests need no database driver

    with postgres_server(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real MLflow server that all tests of a process share; `mlflow_server.emptied` empties it."""
    from support.servers.mlflow_server import mlflow_server  # noqa: PLC0415 - other tests do not load MLflow

    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as url:
        yield url
