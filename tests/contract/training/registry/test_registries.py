"""Every registry keeps the same promises: the one in MLflow, on a local SQLite file, and the one in memory."""

import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pytest
from support import fleets
from support.training.registries import ByHand, by_hand_in, registered

from fleet import Fleet, FleetFormatError, StorecastError
from fleet.names import (
    CHALLENGER,
    CHAMPION,
    FLEET_MODEL,
    GATE_TAG,
    OWN_MODELS_TAG,
    PREVIOUS,
    store_model_name,
)
from training.errors import AliasMovedError, MissingAliasError, RegistryError, UnknownVersionError
from training.registry.aliases import Move
from training.registry.base import Registry
from training.registry.memory import MemoryRegistry
from training.registry.mlflow_registry import MlflowRegistry
from training.registry.promotion import promote, rollback
from training.registry.registration import current_champion, load_fleet, register
from training.registry.tracking_uri import tracking_uri

WEEK = np.arange("2015-06-20", "2015-06-27", dtype="datetime64[D]")


@pytest.fixture(scope="module")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a new database: MLflow takes seconds to make one, and a copy is found where it is."""
    before, home = mlflow.get_tracking_uri(), tmp_path_factory.mktemp("empty") / "home"
    with MlflowRegistry(tracking_uri({}, home), home).connected():
        pass
    yield home
    mlflow.set_tracking_uri(before)


@pytest.fixture(params=["mlflow", "memory"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    if request.param == "memory":
        return MemoryRegistry()
    home = tmp_path / "home"
    shutil.copytree(request.getfixturevalue("empty_home"), home)
    return MlflowRegistry(tracking_uri({}, home), home)


@pytest.fixture
def by_hand(registry: Registry) -> ByHand:
    return by_hand_in(registry)


def aliases(registry: Registry) -> dict[str, str]:
    with registry.connected() as connection:
        return connection.aliases()


def assert_same_forecasts(one: Fleet, other: Fleet) -> None:
    assert (one.store_ids, one.settings) == (other.store_ids, other.settings)
    ours, theirs = (each.predict(["1", "3"], WEEK, 0.8).value for each in (one, other))
    np.testing.assert_array_equal(ours, theirs)


def test_a_new_registry_is_there_and_holds_nothing(registry: Registry) -> None:
    registry.load()
    assert registry.is_there()
    assert current_champion(registry) is None
    with registry.connected(reading=True) as connection:
        assert connection.champion() is None
        assert connection.versions() == []
        assert not connection.has_version(FLEET_MODEL, "1")
        assert list(connection.store_models()) == []


def test_what_is_not_there_is_refused_and_the_way_out_is_named(registry: Registry) -> None:
    with pytest.raises(RegistryError, match="train first"):
        aliases(registry)
    with pytest.raises(RegistryError, match="train first"):
        promote(registry)
    registered(registry)
    with pytest.raises(RegistryError, match="train first"), registry.connected() as connection:
        connection.tags("9")
    with pytest.raises(RegistryError, match="train first"), registry.connected() as connection:
        connection.metrics("9")
    with pytest.raises(RegistryError, match="9"), registry.connected() as connection:
        connection.fetch_fleet("9")
    with pytest.raises(RegistryError), registry.connected() as connection:
        connection.set_tag("9", GATE_TAG, "why")
    with pytest.raises(RegistryError, match=CHALLENGER):
        load_fleet(registry, CHALLENGER)


def test_a_registered_fleet_is_found_as_it_was_written(registry: Registry) -> None:
    made = registered(registry, gate="why")
    assert (made.version, made.alias, made.store_models, made.store_moves, made.left_alone) == (
        "1",
        CHAMPION,
        {},
        [],
        [],
    )
    wanted = Fleet.from_contents(fleets.contents(4))
    opened, version = load_fleet(registry)
    assert version == "1"
    assert_same_forecasts(opened, wanted)
    champion = current_champion(registry)
    assert champion is not None
    assert champion.fleet is not None
    assert champion.version == "1"
    assert_same_forecasts(champion.fleet, wanted)
    with registry.connected() as connection:
        assert connection.versions() == [1]
        assert connection.has_version(FLEET_MODEL, "1")
        assert dict(connection.tags("1")) == {GATE_TAG: "why"}
        assert dict(connection.metrics("1")) == {"wape": 0.25}


def test_a_tag_takes_the_place_of_the_one_before(registry: Registry) -> None:
    registered(registry, gate="one")
    with registry.connected() as connection:
        connection.set_tag("1", GATE_TAG, "other")
        connection.set_tag("1", "by.hand", "own")
        assert dict(connection.tags("1")) == {GATE_TAG: "other", "by.hand": "own"}


def test_an_alias_moves_to_any_version_that_is_there_and_to_none(registry: Registry) -> None:
    for _ in range(2):
        registered(registry)
    with registry.connected() as connection:
        connection.move(Move("mine", None, "1"))
        connection.move(Move("mine", None, "2"))
        assert connection.aliases() == {CHAMPION: "2", PREVIOUS: "1", "mine": "2"}
        for _ in range(2):  # one that is not there is gone already
            connection.move(Move("mine", "2", None))
        assert connection.aliases() == {CHAMPION: "2", PREVIOUS: "1"}
    with pytest.raises(RegistryError), registry.connected() as connection:
        connection.move(Move("mine", None, "9"))
    with pytest.raises(RegistryError), registry.connected() as connection:
        connection.move(Move("mine", None, "1", store_model_name("9")))
    assert aliases(registry) == {CHAMPION: "2", PREVIOUS: "1"}


def test_own_models_of_stores_are_found_with_their_aliases_and_no_other_model_is(
    registry: Registry, by_hand: ByHand
) -> None:
    made = registered(registry, "1", "3")
    other = store_model_name("a/b c")
    for name in (other, "prophet-retail-forecaster-store-a&b", "another model"):
        by_hand.add(name)
    assert made.store_models == {store_model_name("1"): "1", store_model_name("3"): "1"}
    with registry.connected() as connection:
        own = dict(connection.store_models())
        assert own == {store_model_name("1"): {CHAMPION: "1"}, store_model_name("3"): {CHAMPION: "1"}, other: {}}
        assert connection.tags("1")[OWN_MODELS_TAG] == '{"1": "1", "3": "1"}'
        assert connection.has_version(other, "1")
        assert not connection.has_version(other, "2")


def test_a_version_without_a_fleet_is_a_champion_that_cannot_be_opened(registry: Registry, by_hand: ByHand) -> None:
    version = by_hand.add(FLEET_MODEL)
    with registry.connected() as connection:
        connection.move(Move(CHAMPION, None, version))
        assert dict(connection.metrics(version)) == {}
        assert dict(connection.tags(version)) == {}
    champion = current_champion(registry)
    assert champion is not None
    assert (champion.version, champion.fleet) == (version, None)
    with pytest.raises(FleetFormatError):
        load_fleet(registry)


def test_a_deleted_version_takes_its_aliases_along_and_its_number_is_not_used_again(
    registry: Registry, by_hand: ByHand
) -> None:
    for _ in range(2):
        registered(registry)
    by_hand.delete(FLEET_MODEL, "2")
    assert aliases(registry) == {PREVIOUS: "1"}
    with registry.connected() as connection:
        assert connection.champion() is None
        assert connection.versions() == [1]
        assert not connection.has_version(FLEET_MODEL, "2")
    assert registered(registry).version == "3"


def test_a_training_that_ends_before_it_registers_leaves_no_version(registry: Registry) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        registry.connected() as connection,
        connection.run(fleets.contents(4), parameters={}, metrics={}, plots=None),
    ):
        raise KeyboardInterrupt
    assert current_champion(registry) is None
    assert registered(registry).version == "1"


def test_a_fleet_that_cannot_be_written_is_refused(registry: Registry) -> None:
    twice = replace(fleets.contents(2), store_ids=("1", "1"))
    with pytest.raises(StorecastError, match="wanted distinct printable store ids"):
        register(registry, twice, parameters={}, metrics={})
    assert current_champion(registry) is None


def test_pictures_of_a_run_are_taken_over(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "one.png").write_bytes(b"picture")
    made = registered(registry, plots=tmp_path / "plots")
    if isinstance(registry, MemoryRegistry):
        assert registry.runs[made.run_id].plots == {"one.png": b"picture"}
    else:
        file = mlflow.artifacts.download_artifacts(run_id=made.run_id, artifact_path="plots/one.png")
        assert Path(file).read_bytes() == b"picture"


def test_one_that_was_judged_against_another_champion_is_refused_before_and_after_it_is_made(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(registry, against=None)
    with pytest.raises(AliasMovedError, match=r"wanted version none of storecast-fleet as champion.*it is 1 now"):
        registered(registry, against=None)
    with registry.connected() as connection:
        assert connection.versions() == [1]
        of_this = type(connection)
    asked = iter(["1", "3"])
    monkeypatch.setattr(of_this, "champion", lambda _: next(asked))
    with pytest.raises(AliasMovedError, match="it is 3 now: train again"):
        registered(registry, against="1")
    assert aliases(registry) == {CHAMPION: "1"}
    with registry.connected() as connection:
        assert connection.tags("2")[GATE_TAG] == ("without an alias: it was judged against 1, and 3 became champion")


def test_a_promotion_and_a_rollback_say_and_do_the_same(registry: Registry) -> None:
    registered(registry, "1", seed=1)
    registered(registry, "1", "3", seed=2)
    registered(registry, alias=CHALLENGER, seed=3)
    one, three = store_model_name("1"), store_model_name("3")
    told = promote(registry, dry_run=True)
    assert aliases(registry) == {CHAMPION: "2", PREVIOUS: "1", CHALLENGER: "3"}
    assert told["moves"] == promote(registry)["moves"]
    assert [(move["model"], move["alias"], move["old"], move["new"]) for move in told["moves"]] == [
        (one, CHAMPION, "2", None),
        (three, CHAMPION, "1", None),
        (FLEET_MODEL, PREVIOUS, "1", "2"),
        (FLEET_MODEL, CHAMPION, "2", "3"),
        (FLEET_MODEL, CHALLENGER, "3", None),
    ]
    assert told["changes"]["to"]["wape"] == 0.25
    assert rollback(registry)["champion"] == "2"
    with registry.connected() as connection:
        assert dict(connection.store_models()) == {one: {CHAMPION: "2"}, three: {CHAMPION: "1"}}
        assert connection.aliases() == {CHAMPION: "2", PREVIOUS: "3"}
    with pytest.raises(MissingAliasError, match=re.escape(f"at {registry.address} has none: nothing to promote")):
        promote(registry)
    with pytest.raises(UnknownVersionError, match="wanted version 9 of storecast-fleet, it has 1 to 3"):
        promote(registry, "9")


def test_who_comes_second_waits_until_the_first_is_done_with_the_aliases(registry: Registry) -> None:
    order = []

    def second() -> None:
        with registry.locked():
            order.append("second")

    waiting = threading.Thread(target=second)
    with registry.locked():
        waiting.start()
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]
