"""Which store models are tried again, and which are refused for good."""

import json
import os
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from support.serving.store_models import small_store_model

from fleet import ConversionError
from model_wrapper.registry import fetch_stores
from model_wrapper.registry.cache import CachedStore, FleetCache, refusal_of

NAME = "prophet-retail-forecaster-store-4"


class Registry:
    """Plays the registry's client: store 4 has a champion, whose file a test scripts, download by download."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.version, self.files, self.downloads = 1, ["{}"], 0
        artifacts = ModuleType("mlflow.artifacts")
        artifacts.download_artifacts = self.download  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "mlflow", ModuleType("mlflow"))
        monkeypatch.setitem(sys.modules, "mlflow.artifacts", artifacts)

    def download(self, artifact_uri: str, dst_path: str) -> str:
        self.downloads += 1
        said = self.files.pop(0) if len(self.files) > 1 else self.files[0]
        assert artifact_uri == f"models:/{NAME}/{self.version}"
        (Path(dst_path) / "model.pr").write_text(said)
        return dst_path

    def search_registered_models(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - a page of MLflow's
        model = SimpleNamespace(name=NAME, aliases={"champion": str(self.version)}, creation_timestamp=1)
        return type("Page", (list,), {"token": None})([model])

    def get_model_version(self, *_: object) -> Any:  # noqa: ANN401 - MLflow's
        return SimpleNamespace(tags={})

    def fetched(self, cache: FleetCache) -> CachedStore:
        return fetch_stores.fetch_stores(self, cache, time.monotonic() + 60)["4"]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    def convert(said: object, place: Path, _: str) -> None:
        if said != {}:
            raise ConversionError("wanted another model")
        small_store_model(place)

    monkeypatch.setattr(fetch_stores, "_convert", convert)
    return Registry(monkeypatch)


def test_a_torn_download_is_tried_again(registry: Registry, tmp_path: Path) -> None:
    cache = FleetCache(tmp_path)
    registry.files = ['{"torn": ', "{}"]

    assert registry.fetched(cache) == CachedStore("1", None)
    assert registry.fetched(cache).path is not None


def test_a_model_that_cannot_be_converted_is_downloaded_once(registry: Registry, tmp_path: Path) -> None:
    cache = FleetCache(tmp_path)
    registry.files = [json.dumps({"growth": "strange"})]
    registry.fetched(cache)
    again = registry.fetched(cache)

    assert "wanted another model" in again.problem
    assert registry.downloads == 1


def test_a_refusal_of_an_older_release_counts_no_more(registry: Registry, tmp_path: Path) -> None:
    cache = FleetCache(tmp_path)
    place = cache.place_of(NAME, "1", "1")
    place.parent.mkdir(parents=True)
    place.with_name(f"{place.name}.refused").write_text("ConversionError: not yet")

    assert refusal_of(place).name != f"{place.name}.refused"
    assert registry.fetched(cache).path is not None


def test_old_versions_and_refusals_of_a_store_model_leave_the_cache(registry: Registry, tmp_path: Path) -> None:
    cache = FleetCache(tmp_path)
    for version in range(1, 13):
        registry.version, registry.files = version, ["{}" if version % 2 else "[]"]
        registry.fetched(cache)
        place = cache.place_of(NAME, str(version), "1")
        os.utime(place if version % 2 else refusal_of(place), (version, version))

    assert [number for number in range(1, 13, 2) if cache.store_of(NAME, str(number), "1").path] == [3, 5, 7, 9, 11]
    assert [number for number in range(2, 13, 2) if cache.store_of(NAME, str(number), "1").problem] == [4, 6, 8, 10, 12]
