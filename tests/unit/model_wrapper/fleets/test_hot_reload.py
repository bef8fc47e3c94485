"""A worker looks for another fleet: a good one takes over, a bad one never does, and each reason is told once."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.fleets import contents, small_fleet

from model_wrapper.errors import FleetRefusedError
from model_wrapper.fleets.acceptance import DAMAGED, NEWER_FORMAT, REGISTRY, SELF_FORECAST, TOO_FEW_STORES
from model_wrapper.fleets.hot_reload import Reloader
from model_wrapper.fleets.served import ServedFleet
from model_wrapper.fleets.source import FleetSource
from model_wrapper.metrics.counters import Counters
from model_wrapper.settings import Settings

STORES = 4


class Worker:
    """A worker's state over a folder that a test puts fleets into."""

    def __init__(self, folder: Path, share: float = 0.5) -> None:
        self.path = small_fleet(folder / "fleet", STORES, seed=1)
        settings = Settings(fleet_uri=str(self.path), cache_dir=folder / "cache", min_stores_share=share)
        source = FleetSource(settings, {})
        self.served: ServedFleet = source.open()
        self.first = self.served
        self.counters = Counters()
        self.reloader = Reloader(source, lambda: self.served, self._take, self.counters)

    def _take(self, served: ServedFleet) -> None:
        self.served = served

    def put(self, made: Callable[[Path], object]) -> None:
        """Put another fleet in place of the one there, by renames."""
        new = self.path.with_name("new")
        made(new)
        self.path.rename(self.path.with_name(f"old-{self.path.stat().st_ino}"))
        new.rename(self.path)

    def failures(self) -> list[str]:
        return [count["tags"]["reason"] for count in self.counters.drain() if "failures" in count["key"]]


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(tmp_path)


def newer(path: Path) -> None:
    small_fleet(path, STORES, seed=2)
    said = json.loads((path / "fleet.json").read_text())
    (path / "fleet.json").write_text(json.dumps(said | {"format_version": 99}))


def torn(path: Path) -> None:
    small_fleet(path, STORES, seed=2)
    (path / "beta.npy").write_bytes((path / "beta.npy").read_bytes()[:-8])


def wrong_checksum(path: Path) -> None:
    small_fleet(path, STORES, seed=2)
    raw = bytearray((path / "beta.npy").read_bytes())
    raw[-1] ^= 1
    (path / "beta.npy").write_bytes(raw)


def insane(path: Path) -> None:
    made = contents(STORES, seed=2)
    made.parameters.scalars[1, 1] = np.nan
    made.write(path)


def too_small(path: Path) -> None:
    small_fleet(path, STORES // 2 - 1, seed=2)


def without_models(path: Path) -> None:
    small_fleet(path, STORES, seed=2, without_model=range(1, STORES))


BAD = [
    (without_models, TOO_FEW_STORES),
    (newer, NEWER_FORMAT),
    (torn, DAMAGED),
    (wrong_checksum, DAMAGED),
    (insane, SELF_FORECAST),
    (too_small, TOO_FEW_STORES),
    (lambda path: path.mkdir(), DAMAGED),
]


def test_nothing_new_changes_nothing(worker: Worker) -> None:
    worker.reloader.check()

    assert worker.served is worker.first
    assert worker.counters.drain() == []


def test_a_good_fleet_takes_over_and_is_counted(worker: Worker) -> None:
    worker.put(lambda path: small_fleet(path, STORES, seed=2))
    worker.reloader.check()
    worker.reloader.check()

    assert worker.served.version != worker.first.version
    assert [(count["key"], count["value"]) for count in worker.counters.drain()] == [
        ("storecast_fleet_reloads_total", 1)
    ]


def test_the_fleet_before_still_forecasts_when_its_files_are_gone(worker: Worker) -> None:
    worker.put(lambda path: small_fleet(path, STORES, seed=2))
    for old in worker.path.parent.glob("old-*"):
        shutil.rmtree(old)
    worker.reloader.check()
    days = np.array([worker.first.trained_through], dtype="datetime64[D]")

    assert np.isfinite(worker.first.fleet.predict(["1", "4"], days).value).all()
    assert np.isfinite(worker.first.fleet.fallback(["1", "4"], days).value).all()


@pytest.mark.parametrize(("made", "reason"), BAD)
def test_a_bad_fleet_never_takes_over_and_is_told_once(
    worker: Worker, made: Callable[[Path], None], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    worker.put(made)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            worker.reloader.check()
    told = [record for record in caplog.records if record.getMessage() == "wrapper.reload_failed"]

    assert worker.served is worker.first
    assert worker.failures() == [reason]
    assert [record.__dict__["facts"]["reason"] for record in told] == [reason]


def test_failures_are_counted_each_time_and_retried(worker: Worker) -> None:
    worker.put(torn)
    worker.reloader.check()
    worker.reloader.check()
    counted = worker.counters.drain()
    worker.put(lambda path: small_fleet(path, STORES, seed=3))
    worker.reloader.check()

    assert [count["value"] for count in counted] == [2]
    assert worker.served is not worker.first


def test_another_reason_is_told_again(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    for made in (torn, newer):
        worker.put(made)
        worker.reloader.check()

    told = [record.__dict__["facts"]["reason"] for record in caplog.records if hasattr(record, "facts")]
    assert told == [DAMAGED, NEWER_FORMAT]


def test_the_same_reason_of_another_fleet_is_told_again(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    for made in (too_small, without_models):
        worker.put(made)
        worker.reloader.check()

    told = [record.__dict__["facts"]["reason"] for record in caplog.records if hasattr(record, "facts")]
    assert told == [TOO_FEW_STORES, TOO_FEW_STORES]


def test_an_object_in_the_message_does_not_make_it_a_new_one(
    worker: Worker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = iter(["<Connection object at 0x7f01>: refused", "<Connection object at 0x7f02>: refused"])

    def refuse(*_: object) -> None:
        raise FleetRefusedError(next(said), REGISTRY)

    monkeypatch.setattr(FleetSource, "renewed", refuse)
    worker.reloader.check()
    worker.reloader.check()

    assert [record.getMessage() for record in caplog.records].count("wrapper.reload_failed") == 1


def test_a_folder_that_is_gone_leaves_the_old_fleet_in_service(worker: Worker) -> None:
    worker.path.rename(worker.path.with_name("away"))
    worker.reloader.check()

    assert worker.served is worker.first
    assert worker.failures() == [REGISTRY]


def test_a_smaller_fleet_takes_over_where_the_setting_lets_it(tmp_path: Path) -> None:
    worker = Worker(tmp_path, share=0)
    worker.put(lambda path: small_fleet(path, 1, seed=2))
    worker.reloader.check()

    assert worker.served.fleet.n_stores == 1


def test_a_link_that_is_turned_is_followed(tmp_path: Path) -> None:
    one, two = (small_fleet(tmp_path / name, STORES, seed=seed) for name, seed in (("one", 1), ("two", 2)))
    link = tmp_path / "link"
    link.symlink_to(one)
    source = FleetSource(Settings(fleet_uri=str(link), cache_dir=tmp_path / "cache"), {})
    first = source.open()
    link.unlink()
    link.symlink_to(two)
    second = source.renewed(first)

    assert second is not None
    assert second.version != first.version
