"""Where a fleet comes from: a folder, a real MLflow registry on SQLite, or the cache when the registry fails."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from support.fleets import small_fleet
from support.processes import RunningComponent, component, pids_that_name
from support.servers.mlflow_databases import empty_database

from fleet import Fleet
from model_wrapper.errors import FleetRefusedError, FleetUnavailableError
from model_wrapper.fleets.acceptance import DAMAGED, REGISTRY
from model_wrapper.fleets.source import FleetSource
from model_wrapper.registry.cache import CachedVersion, FleetCache
from model_wrapper.settings import Settings

ROOT = Path(__file__).resolve().parents[4]
WAIT_S = 120
NAME = "storecast-fleet"
CHAMPION = f"models:/{NAME}@champion"
BY_CLIENT = {"MLFLOW_TRACKING_INSECURE_TLS": "true"}  # what only the registry's own client can do


class Registry:
    """A registry in a folder, and a cache beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "mlflow.db"
        self.cache_dir = folder / "cache"
        self.environ = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{self.database}"}
        empty_database(self.database)
        self.client = MlflowClient(tracking_uri=self.environ["MLFLOW_TRACKING_URI"])

    def register(self, n_stores: int) -> str:
        """Register a version with a fleet of that many stores, and make it the champion."""
        if not self.client.search_registered_models():
            self.client.create_registered_model(NAME)
        model = self.folder / f"model-{n_stores}"
        (model / "artifacts").mkdir(parents=True)
        (model / "MLmodel").write_text("flavors: {}\n")
        small_fleet(model / "artifacts" / "fleet", n_stores)
        version = str(self.client.create_model_version(NAME, source=str(model)).version)
        self.client.set_registered_model_alias(NAME, "champion", version)
        return version

    def settings(self, uri: str = CHAMPION, timeout_s: float = 120) -> Settings:
        return Settings(fleet_uri=uri, cache_dir=self.cache_dir, fetch_timeout_s=timeout_s)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    made = Registry(tmp_path_factory.mktemp("registry"))
    made.register(3)
    made.register(4)
    return made


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_folder_is_opened_where_it_is(tmp_path: Path, form: str) -> None:
    path = small_fleet(tmp_path / "fleet")
    served = FleetSource(Settings(fleet_uri=form.format(path)), {}).open()

    assert served.version == Fleet.open(path).version
    assert not served.from_cache


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FleetUnavailableError, match="no-such-folder"):
        FleetSource(Settings(fleet_uri=str(tmp_path / "no-such-folder")), {}).open()


def test_a_folder_without_a_fleet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FleetUnavailableError, match="cannot be opened"):
        FleetSource(Settings(fleet_uri=str(tmp_path)), {}).open()


def test_an_alias_is_served_under_the_registrys_version(registry: Registry) -> None:
    served = FleetSource(registry.settings(), registry.environ).open()

    assert served.version == "2"
    assert served.fleet.n_stores == 4


def test_a_version_is_served_whatever_the_alias_says(registry: Registry) -> None:
    served = FleetSource(registry.settings(f"models:/{NAME}/1"), registry.environ).open()

    assert served.version == "1"
    assert served.fleet.n_stores == 3


def test_the_registrys_client_stays_out_of_the_worker(registry: Registry) -> None:
    code = (
        "import os, sys; from model_wrapper.fleets.source import FleetSource; "
        "from model_wrapper.settings import Settings; "
        "FleetSource(Settings.from_env(os.environ), os.environ).open(); print('mlflow' in sys.modules)"
    )
    own = {"STORECAST_FLEET_URI": CHAMPION, "STORECAST_CACHE_DIR": str(registry.cache_dir)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=registry.environ | own,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert done.stdout.strip() == "False"


def test_two_workers_may_fetch_at_once(registry: Registry, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "model_wrapper.registry.fetch", CHAMPION, str(tmp_path / "cache")]
    running = [
        subprocess.Popen(command, env=registry.environ, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in running]

    assert [process.returncode for process in running] == [0, 0]
    assert said[0] == said[1]
    assert len(list((tmp_path / "cache").rglob("fleet.json"))) == 1
    assert not list((tmp_path / "cache").rglob(".fetch-*"))


def test_an_unknown_alias_is_told_by_the_registry(registry: Registry) -> None:
    with pytest.raises(FleetUnavailableError, match="nobody"):
        FleetSource(registry.settings(f"models:/{NAME}@nobody"), registry.environ).open()


def test_the_last_version_answers_when_the_registry_hangs(silent_port: int, tmp_path: Path) -> None:
    environ = {**os.environ, "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{silent_port}"}
    settings = Settings(fleet_uri=CHAMPION, cache_dir=tmp_path, fetch_timeout_s=4)
    cache = FleetCache.of(tmp_path, environ)
    cache.remember(CHAMPION, CachedVersion(small_fleet(cache.place_of(NAME, "7", "0"), 2), "7"))
    served = FleetSource(settings, environ).open()

    assert (served.version, served.from_cache) == ("7", True)


def test_without_a_cache_a_registry_that_hangs_is_an_error_in_time(silent_port: int, tmp_path: Path) -> None:
    environ = {**os.environ, "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{silent_port}"}
    settings = Settings(fleet_uri=CHAMPION, cache_dir=tmp_path, fetch_timeout_s=2)

    with pytest.raises(FleetUnavailableError, match="STORECAST_FETCH_TIMEOUT_S"):
        FleetSource(settings, environ).open()


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not what():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)


def loaded(running: RunningComponent) -> list[dict[str, Any]]:
    return [line for line in running.log_lines() if line["event"] == "wrapper.fleet_loaded"]


def test_a_component_that_still_fetches_ends_when_told_to_and_so_does_the_fetching(
    silent_port: int, tmp_path: Path
) -> None:
    cache = str(tmp_path / "cache")
    environ = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{silent_port}", "STORECAST_CACHE_DIR": cache, **BY_CLIENT}
    with component("StoreForecaster", tmp_path, environ, wait=False) as running:
        until(lambda: pids_that_name(cache))
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(WAIT_S)

        assert pids_that_name(cache) == []


def test_a_component_that_waits_for_a_silent_server_ends_when_told_to(silent_port: int, tmp_path: Path) -> None:
    environ = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{silent_port}", "STORECAST_CACHE_DIR": str(tmp_path)}
    with component("StoreForecaster", tmp_path, environ, wait=False) as running:
        until(lambda: list(tmp_path.rglob("*.lock")))
        running.process.send_signal(signal.SIGTERM)

        assert running.process.wait(WAIT_S) is not None


def test_a_worker_that_replaces_a_dead_one_does_not_wait_for_the_registry(tmp_path: Path) -> None:
    made = Registry(tmp_path)
    made.register(2)
    own = {"MLFLOW_TRACKING_URI": made.environ["MLFLOW_TRACKING_URI"], "STORECAST_CACHE_DIR": str(made.cache_dir)}
    with component("StoreForecaster", tmp_path, own) as running:
        made.database.rename(tmp_path / "away.db")
        os.kill(loaded(running)[0]["pid"], signal.SIGKILL)
        answer = running.predict({"jsonData": {"storeId": "1"}})

    assert (answer.status, answer.json()["jsonData"][0]["model"]["version"]) == (200, "1")
    assert [line["from_cache"] for line in loaded(running)] == [False, False]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
def test_fetching_ends_with_a_worker_that_is_killed(silent_port: int, tmp_path: Path) -> None:
    code = "import os, sys; from model_wrapper.fleets.source import FleetSource; "
    code += "from model_wrapper.settings import Settings; FleetSource(Settings.from_env(os.environ), os.environ).open()"
    own = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{silent_port}", "STORECAST_CACHE_DIR": str(tmp_path), **BY_CLIENT}
    worker = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **own}, cwd=ROOT)
    until(lambda: pids_that_name(f"{tmp_path}/"))
    worker.kill()
    worker.wait(WAIT_S)

    until(lambda: not pids_that_name(f"{tmp_path}/"))
    assert worker.returncode == -signal.SIGKILL


def test_a_password_in_the_registrys_address_is_not_told(tmp_path: Path) -> None:
    own = {"MLFLOW_TRACKING_URI": "http://user:s3cret@127.0.0.1:1", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    settings = Settings(fleet_uri=CHAMPION, cache_dir=tmp_path)
    with pytest.raises(FleetUnavailableError, match=r"API request to http://127\.0\.0\.1:1/") as told:
        FleetSource(settings, {**os.environ, **own}).open()

    assert "s3cret" not in str(told.value)


def test_a_registry_that_refuses_is_given_up_long_before_the_time_is_over(tmp_path: Path) -> None:
    environ = {**os.environ, "MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}
    with pytest.raises(FleetUnavailableError, match="refused"):
        FleetSource(Settings(fleet_uri=CHAMPION, cache_dir=tmp_path), environ).open()


def test_reading_makes_no_database(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    environ = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{database}"}
    with pytest.raises(FleetUnavailableError, match="train a fleet first"):
        FleetSource(Settings(fleet_uri=CHAMPION, cache_dir=tmp_path), environ).open()

    assert not database.exists()


def test_two_registries_never_share_a_cached_version(tmp_path: Path) -> None:
    places = [
        FleetCache.of(tmp_path, {"MLFLOW_TRACKING_URI": uri}).place_of(NAME, "1", "0")
        for uri in ("http://one", "http://two", "sqlite:///mlflow.db")
    ]

    assert len(set(places)) == 3


def test_a_version_that_left_the_cache_is_not_remembered(tmp_path: Path) -> None:
    cache = FleetCache(tmp_path)
    path = small_fleet(cache.place_of(NAME, "1", "0"), 1)
    cache.remember(CHAMPION, CachedVersion(path, "1"))
    assert cache.last_used(CHAMPION) is not None
    shutil.rmtree(path)

    assert cache.last_used(CHAMPION) is None


@pytest.fixture
def own_registry(tmp_path: Path) -> Registry:
    made = Registry(tmp_path)
    made.register(3)
    return made


def source_of(registry: Registry, timeout_s: float = 120) -> FleetSource:
    """A worker that looks so often that every look asks."""
    return FleetSource(
        registry.settings(timeout_s=timeout_s).model_copy(update={"reload_seconds": 0}), registry.environ
    )


def test_an_alias_that_moved_is_taken_up(own_registry: Registry) -> None:
    source = source_of(own_registry)
    first = source.open()
    own_registry.register(4)
    second = source.renewed(first)

    assert second is not None
    assert (first.version, second.version, second.fleet.n_stores) == ("1", "2", 4)
    assert second.created_ms > first.created_ms > 0


def test_a_local_database_that_was_not_written_is_not_asked_again(own_registry: Registry) -> None:
    first = source_of(own_registry).open()
    in_no_time = source_of(own_registry, timeout_s=0.001)
    assert in_no_time.renewed(first) is None
    own_registry.register(4)

    with pytest.raises(FleetRefusedError, match="STORECAST_FETCH_TIMEOUT_S"):
        in_no_time.renewed(first)


def test_workers_of_a_machine_share_one_answer_also_a_failure(own_registry: Registry) -> None:
    settings = own_registry.settings().model_copy(update={"reload_seconds": 600.0})
    first, second = (FleetSource(settings, own_registry.environ) for _ in range(2))
    served = first.open()
    own_registry.database.rename(own_registry.folder / "away.db")
    answer = next(own_registry.cache_dir.rglob("answer-*.json"))
    assert second.renewed(served) is None
    answer.unlink()
    with pytest.raises(FleetRefusedError, match="no database") as told:
        first.renewed(served)
    noted = answer.read_bytes()
    with pytest.raises(FleetRefusedError, match="no database"):
        second.renewed(served)

    assert answer.read_bytes() == noted
    assert told.value.reason == REGISTRY


def test_a_worker_that_finds_another_asking_goes_on_with_what_is_known(own_registry: Registry) -> None:
    source = source_of(own_registry)
    served = source.open()
    lock = next(own_registry.cache_dir.rglob("*.lock"))
    own_registry.register(4)
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert source.renewed(served) is None
    found = source.renewed(served)

    assert found is not None
    assert found.version == "2"


def test_a_worker_that_asks_for_ever_is_told_by_the_others(own_registry: Registry) -> None:
    source = source_of(own_registry, timeout_s=1)
    served = FleetSource(own_registry.settings(), own_registry.environ).open()
    lock = next(own_registry.cache_dir.rglob("*.lock"))
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        os.utime(lock, (time.time() - 60, time.time() - 60))
        with pytest.raises(FleetRefusedError, match="asking the registry for longer than") as told:
            source.renewed(served)

    assert told.value.reason == REGISTRY


def test_a_damaged_download_is_refused_and_fetched_anew(own_registry: Registry) -> None:
    source = source_of(own_registry)
    served = source.open()
    own_registry.register(4)
    good = source.renewed(served)
    assert good is not None
    path = next(path.parent for path in own_registry.cache_dir.rglob("fleet.json") if path.parent.name.startswith("2-"))
    (path / "beta.npy").write_bytes(b"torn")
    with pytest.raises(FleetRefusedError, match="the fleet is incomplete") as told:
        source.renewed(served)

    assert told.value.reason == DAMAGED
    assert source.renewed(served) is not None


def test_a_damaged_champion_leaves_the_last_good_one_to_a_worker_that_starts(own_registry: Registry) -> None:
    source_of(own_registry).open()
    own_registry.register(4)
    (own_registry.folder / "model-4" / "artifacts" / "fleet" / "beta.npy").write_bytes(b"torn")
    served = source_of(own_registry).open()

    assert (served.version, served.from_cache) == ("1", True)


def test_a_registry_that_is_back_takes_the_mark_of_the_cache_away(own_registry: Registry) -> None:
    source_of(own_registry).open()
    away = own_registry.database.rename(own_registry.folder / "away.db")
    source = source_of(own_registry)
    served = source.open()
    away.rename(own_registry.database)
    again = source.renewed(served)

    assert served.from_cache
    assert again is not None
    assert (again.version, again.from_cache) == (served.version, False)
    assert again.fleet is served.fleet


def test_the_cache_keeps_the_versions_used_last(tmp_path: Path) -> None:
    cache = FleetCache(tmp_path)
    places = [small_fleet(cache.place_of(NAME, str(number), "0"), 1) for number in range(1, 9)]
    for age_s, place in enumerate(reversed(places)):
        os.utime(place, (1e9 - age_s, 1e9 - age_s))
    cache.remember(CHAMPION, CachedVersion(places[0], "1"))
    cache.forget_old(NAME)

    assert [place.name for place in places if place.exists()] == ["1-0", "5-0", "6-0", "7-0", "8-0"]
    assert cache.last_used(CHAMPION) is not None
