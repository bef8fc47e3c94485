"""What the workers of a machine note of the registry, and when they believe it."""

import shutil
import time
from contextlib import suppress
from pathlib import Path

import pytest
from support.fleets import small_fleet

from model_wrapper.errors import FleetUnavailableError
from model_wrapper.fleets.source import FleetSource
from model_wrapper.registry.cache import CachedVersion, FleetCache
from model_wrapper.registry.lookup import RegistryLookup
from model_wrapper.settings import Settings

URI = "models:/storecast-fleet@champion"
ENVIRON = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}


class Machine:
    """A cache, and a registry that is up and puts its one version there when it is asked."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = Settings(fleet_uri=URI, cache_dir=folder / "cache", fetch_timeout_s=5)
        self.cache = FleetCache.of(self.settings.cache_dir, ENVIRON)
        self.place = self.cache.place_of("storecast-fleet", "3", "100")
        self.good = small_fleet(folder / "good", 2)
        self.asked = 0
        monkeypatch.setattr(RegistryLookup, "_ask", lambda _: self.ask())

    def ask(self) -> CachedVersion:
        self.asked += 1
        if not self.place.exists():
            shutil.copytree(self.good, self.place)
        return CachedVersion(self.place, "3", 100)

    def source(self) -> FleetSource:
        return FleetSource(self.settings, ENVIRON)

    def damage(self) -> None:
        file = self.place / "fallback.npy"
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path, monkeypatch)
    made.source().open()
    return made


@pytest.mark.parametrize("last_used_first", [False, True])
def test_a_worker_starts_with_a_damaged_cache_where_the_registry_is_up(
    machine: Machine, *, last_used_first: bool
) -> None:
    machine.damage()
    served = machine.source().open(last_used_first=last_used_first)

    assert (served.version, served.from_cache, machine.asked) == ("3", False, 2)


def test_a_fresh_note_of_a_fleet_that_left_the_cache_is_not_believed(machine: Machine) -> None:
    shutil.rmtree(machine.place)
    served = machine.source().open()

    assert (served.version, machine.asked) == ("3", 2)


def test_a_fresh_note_is_believed(machine: Machine) -> None:
    machine.source().open()

    assert machine.asked == 1


def test_a_clock_that_was_set_back_does_not_end_the_looks(machine: Machine) -> None:
    note = machine.cache.answer_of(URI)
    machine.cache.write(note, {**machine.cache.read(note), "asked_at": time.time() + 3600})
    machine.source().open()

    assert machine.asked == 2


def test_what_the_client_has_cost_is_believed_for_longer_also_a_failure(machine: Machine) -> None:
    note = machine.cache.answer_of(URI)
    said = machine.cache.read(note)
    registry = RegistryLookup(
        URI, machine.cache, 5.0, {"MLFLOW_TRACKING_URI": "postgresql://nowhere"}, with_stores=True
    )

    def asked(age_s: float, **more: object) -> int:
        before = machine.asked
        machine.cache.write(note, {**said, "asked_at": time.time() - age_s, **more})
        with suppress(FleetUnavailableError):
            registry.now(asked_after=time.time() - 1, wait_s=0)
        return machine.asked - before

    assert [asked(5, took_s=0.01), asked(5, took_s=4), asked(25, took_s=4), asked(35, took_s=400)] == [1, 0, 1, 1]
    away: dict[str, object] = {"problem": "away", "told_at": time.time()}
    assert [asked(5, took_s=0.01, **away), asked(5, took_s=4, **away), asked(31, took_s=30, **away)] == [1, 0, 1]


def test_what_a_server_has_said_over_rest_is_not_believed_for_longer(machine: Machine) -> None:
    note = machine.cache.answer_of(URI)
    machine.cache.write(note, {**machine.cache.read(note), "asked_at": time.time() - 5, "took_s": 4.0})
    RegistryLookup(URI, machine.cache, 5.0, ENVIRON, with_stores=True).now(asked_after=time.time() - 1, wait_s=0)

    assert machine.asked == 2


def test_a_local_database_that_was_written_is_asked_whatever_that_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path, monkeypatch)
    database = tmp_path / "mlflow.db"
    database.write_text("one")
    registry = RegistryLookup(
        URI, machine.cache, 5.0, {"MLFLOW_TRACKING_URI": f"sqlite:///{database}"}, with_stores=True
    )
    registry.now(asked_after=time.time(), wait_s=0)
    note = machine.cache.answer_of(URI)
    machine.cache.write(note, {**machine.cache.read(note), "took_s": 5.0})
    registry.now(asked_after=time.time(), wait_s=0)
    assert machine.asked == 1
    database.write_text("more")
    registry.now(asked_after=time.time(), wait_s=0)

    assert machine.asked == 2


def test_what_a_writer_is_at_work_on_is_not_swept(tmp_path: Path) -> None:
    cache = FleetCache(tmp_path)
    running = small_fleet(tmp_path / "0123456789abcdef" / ".fetch-now", 1)
    cache.sweep(older_than_s=60)

    assert running.exists()
