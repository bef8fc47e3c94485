"""The process that fetches a fleet from a registry that hangs."""

import os
import time
from pathlib import Path

import pytest
from support.fleets import small_fleet

from model_wrapper.errors import FleetUnavailableError
from model_wrapper.registry import lookup
from model_wrapper.registry.cache import FleetCache
from model_wrapper.registry.lookup import RegistryLookup

URI = "models:/storecast-fleet@champion"
HANGING_CLIENT = """
class Version:
    version, creation_timestamp = "1", 5
class MlflowClient:
    def get_model_version_by_alias(self, name, alias):
        return Version()
def get_registry_uri():
    return "postgresql://nowhere"
"""
HANGING_DOWNLOAD = """
import pathlib, time
def download_artifacts(artifact_uri, dst_path):
    (pathlib.Path(dst_path) / "calendar.npy").write_bytes(b"0" * 1000)
    pathlib.Path(__file__).with_name("began").touch()
    time.sleep(600)
"""


@pytest.fixture
def hanging_client(tmp_path: Path) -> Path:
    """A folder with a client of MLflow that never ends a download; the file `began` says that one was begun."""
    client = tmp_path / "client" / "mlflow"
    client.mkdir(parents=True)
    (client / "__init__.py").write_text(HANGING_CLIENT)
    (client / "artifacts.py").write_text(HANGING_DOWNLOAD)
    return client


def test_a_fetch_that_takes_too_long_leaves_nothing_behind(
    tmp_path: Path, hanging_client: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = FleetCache(tmp_path / "cache")
    killed = small_fleet(cache.root / "0123456789abcdef" / ".fetch-killed", 1)
    note = cache.root / ".note-killed"
    note.touch()
    for old in (killed, note):
        os.utime(old, (1e9, 1e9))
    environ = {**os.environ, "PYTHONPATH": str(hanging_client.parent), "MLFLOW_TRACKING_URI": "postgresql://nowhere"}
    # The process is to end by itself, and to have begun its download: on a busy machine both take their time.
    monkeypatch.setattr(lookup, "_TIME_TO_END_S", 60.0)
    for limit in (1, 4, 16, 64):
        with pytest.raises(FleetUnavailableError, match=f"gave no fleet within {limit} s"):
            RegistryLookup(URI, cache, limit, environ, with_stores=False).now(asked_after=time.time(), wait_s=0)
        if (hanging_client / "began").exists():
            break

    assert (hanging_client / "began").exists()
    assert [path for path in cache.root.rglob(".*") if path.name.startswith((".fetch-", ".note-"))] == []
