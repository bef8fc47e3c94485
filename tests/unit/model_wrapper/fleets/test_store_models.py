"""Store models in memory: how many, and what they hold."""

import gc
import weakref
from datetime import date
from pathlib import Path

import pytest
from support.fleets import small_fleet
from support.serving.store_models import small_store_model

from fleet import Fleet
from model_wrapper.components.request_metrics import fleet_gauges
from model_wrapper.fleets.served import ServedFleet
from model_wrapper.fleets.store_models import StoreModels
from model_wrapper.metrics.counters import STORE_MODELS
from model_wrapper.registry.cache import CachedStore

FILES = Path("/proc/self/fd")


def store_models(folder: Path, n_stores: int, most: int) -> StoreModels:
    fleet = Fleet.open(small_fleet(folder / "fleet", n_stores), verify=True)
    names = [str(number + 1) for number in range(n_stores)]
    stores = {name: CachedStore("1", small_store_model(folder / f"own-{name}")) for name in names}
    return StoreModels(fleet, stores, most)


@pytest.mark.skipif(not FILES.is_dir(), reason="open files are told by Linux alone")
def test_store_models_keep_no_file_open(tmp_path: Path) -> None:
    before = len(list(FILES.iterdir()))
    models = store_models(tmp_path, 12, most=8)
    # The fleet's own arrays are mapped; they are as many for any number of stores.
    fleet_alone = len(Fleet.open(tmp_path / "fleet")._arrays)
    assert models.loaded == 8

    assert len(list(FILES.iterdir())) - before <= fleet_alone


def test_a_model_that_made_room_leaves_nothing_in_memory(tmp_path: Path) -> None:
    models = store_models(tmp_path, 3, most=1)
    first = models.get("1")
    assert first is not None
    read = weakref.ref(first.fleet._arrays["beta"])
    del first
    models.get("2")
    gc.collect()

    assert read() is None
    assert models.loaded == 1


def test_models_that_could_not_be_fetched_yet_are_counted(tmp_path: Path) -> None:
    fleet = Fleet.open(small_fleet(tmp_path / "fleet", 3))
    stores = {"1": CachedStore("1", None), "2": CachedStore("1", None, "no Prophet"), "3": CachedStore("2", None)}
    models = StoreModels(fleet, stores, 8)
    states = {
        line["tags"]["state"]: line["value"]
        for line in fleet_gauges(ServedFleet(fleet, "1", 90, own=models), date(2015, 6, 20))
        if line["key"] == STORE_MODELS
    }

    assert states == {"usable": 0, "loaded": 0, "refused": 1, "missing": 2}
