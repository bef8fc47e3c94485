"""What a whole chain costs a worker: hardly any memory, and nothing that a store's first request would pay."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from support.fleets import small_fleet
from support.processes import RunningComponent, component

from model_wrapper.components.forecasters import StoreForecaster
from model_wrapper.settings import Settings

N_STORES = 1115
MOST_MB = 20.0
SIX_WEEKS = {"beginDate": "2015-06-20", "endDate": "2015-07-31"}


def resident_mb(pid: int) -> float:
    """Resident memory of one process in MB, shared pages counted whole."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("Rss:"))


def worker_of(running: RunningComponent) -> int:
    pid: int = next(line["pid"] for line in running.log_lines() if line["event"] == "wrapper.fleet_loaded")
    return pid


def ask(running: RunningComponent, store_id: str) -> list[dict[str, Any]]:
    reply = running.predict({"jsonData": {"storeId": store_id, **SIX_WEEKS}})
    entries: list[dict[str, Any]] = reply.json()["jsonData"]
    assert reply.status == 200
    return entries


def memory_after_work(folder: Path, n_stores: int) -> float:
    """Resident memory of a worker that has answered store by store, and three times everything it knows."""
    environ = {"STORECAST_FLEET_URI": str(small_fleet(folder / f"fleet-{n_stores}", n_stores))}
    with component("StoreForecaster", folder, environ) as running:
        for number in range(1, n_stores + 1, 10):
            ask(running, str(number))
        for _ in range(3):
            assert len(ask(running, "*")) == n_stores
        return resident_mb(worker_of(running))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process holds in memory")
def test_a_worker_with_a_whole_chain_holds_at_most_20_mb_more_than_with_one_store(tmp_path: Path) -> None:
    one, chain = (memory_after_work(tmp_path, n_stores) for n_stores in (1, N_STORES))

    assert chain - one <= MOST_MB


def test_after_loading_no_request_reads_anything(tmp_path: Path) -> None:
    path = small_fleet(tmp_path / "fleet", N_STORES, without_model=[4])
    component = StoreForecaster(Settings(fleet_uri=str(path), reload_seconds=0))
    component.load()
    shutil.rmtree(path)
    entries = component.predict_raw({"jsonData": {"storeId": "*", **SIX_WEEKS}})["jsonData"]

    assert {entry["model"]["source"] for entry in entries} == {"fleet", "fallback"}
    assert len(entries) == N_STORES
