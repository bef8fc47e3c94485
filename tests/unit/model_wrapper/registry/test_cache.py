"""The cache of fleets: nothing that a registry or a note says leads out of it."""

import time
from pathlib import Path

import pytest
from support.fleets import small_fleet

from model_wrapper.errors import FleetUnavailableError
from model_wrapper.fleets.source import FleetSource
from model_wrapper.registry.cache import CachedVersion, FleetCache
from model_wrapper.registry.lookup import RegistryLookup
from model_wrapper.settings import Settings

URI = "models:/storecast-fleet@champion"
NAME = "storecast-fleet"


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A folder beside the cache, with a file that is nobody's business."""
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "thesis.txt").write_text("a")
    return folder


@pytest.mark.parametrize(("version", "created"), [("../../../precious/x", "1"), ("1", "../x"), ("", "1"), ("²", "1")])
def test_a_version_that_is_no_number_has_no_place(tmp_path: Path, version: str, created: str) -> None:
    with pytest.raises(FleetUnavailableError, match="wanted a version and its time of creation as whole numbers"):
        FleetCache(tmp_path).place_of(NAME, version, created)


def test_a_stores_version_that_is_no_number_is_refused_alone(tmp_path: Path) -> None:
    found = FleetCache(tmp_path).store_of("prophet-retail-forecaster-store-4", "../1", "5")

    assert found.path is None
    assert "whole numbers" in found.problem


@pytest.mark.parametrize("path", ["../precious", "/precious", "a/../../precious", "."])
def test_a_note_that_leads_out_of_the_cache_is_not_believed(tmp_path: Path, path: str) -> None:
    cache = FleetCache(tmp_path / "cache")

    assert cache.version_in({"path": path, "version": "1"}) is None
    assert cache.version_in({"path": "a/1-1", "version": "1", "stores": {"4": ["1", path, ""]}}) is None
    assert cache.version_in({"path": "a/1-1", "version": "1"}) is not None


def test_what_is_not_in_the_cache_is_never_deleted(tmp_path: Path, precious: Path) -> None:
    cache = FleetCache(tmp_path / "cache")
    inside = small_fleet(cache.place_of(NAME, "1", "0"), 1)
    for place in (precious, cache.root / ".." / "precious", cache.root, inside):
        cache.remove(place)

    assert (precious / "thesis.txt").exists()
    assert cache.root.exists()
    assert not inside.exists()


def test_a_fleet_that_takes_a_torn_ones_place_deletes_nothing_else(tmp_path: Path, precious: Path) -> None:
    with pytest.raises(OSError, match="precious"):
        FleetCache(tmp_path / "cache").take_in(small_fleet(tmp_path / "new", 1), precious)

    assert (precious / "thesis.txt").exists()


def test_a_damaged_fleet_outside_of_the_cache_is_left_where_it_is(
    tmp_path: Path, precious: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(fleet_uri=URI, cache_dir=tmp_path / "cache")
    monkeypatch.setattr(RegistryLookup, "now", lambda *_, **__: CachedVersion(precious, "9", int(time.time())))
    with pytest.raises(FleetUnavailableError, match="cannot be opened"):
        FleetSource(settings, {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}).open()

    assert (precious / "thesis.txt").exists()
