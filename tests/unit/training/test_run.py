"""Whole trainings of a tiny chain into a registry in memory: what they register, keep, and refuse."""

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
from support.training.registries import registered
from support.training.tiny_trainings import BLUNT, OtherEngine, TinyTrainings, tiny_trainings

from fleet import Fleet
from fleet.names import CHALLENGER, CHAMPION, FLEET_MODEL, GATE_TAG, PREVIOUS, store_model_name
from training.engines.batched import BatchedEngine
from training.errors import DataError, TooManyFailuresError
from training.options import Quiet, TrainingOptions
from training.registry.aliases import Move
from training.registry.memory import MemoryRegistry, Version
from training.registry.registration import load_fleet
from training.run import train


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture
def tiny(tmp_path: Path, registry: MemoryRegistry) -> TinyTrainings:
    return dataclasses.replace(tiny_trainings(tmp_path), registry=registry)


def test_a_training_notes_what_it_was_told_and_how_it_did(tiny: TinyTrainings, registry: MemoryRegistry) -> None:
    result = tiny.train()
    went = result["registered"]
    assert (went["tracking_uri"], went["version"], went["alias"]) == ("memory", "1", CHAMPION)
    assert result["stores"] == {"total": 4, "fitted": 4, "fallback_too_short": 0, "failed": 0}
    noted = registry.runs[went["run_id"]]
    told = {"engine": "batched", "runner": "inprocess", "test_days": 14, "n_folds": 2, "n_stores": 4}
    assert noted.parameters.items() >= told.items()
    assert noted.parameters["history_rows"] == result["history"]["rows"]
    assert noted.metrics["wape"] == result["backtest"]["wape"]
    assert (noted.metrics["stores_fitted"], noted.metrics["stores_kept"]) == (4.0, 0.0)
    assert noted.metrics["seconds_models"] == result["seconds"]["models"]
    opened, version = load_fleet(registry)
    assert (version, opened.store_ids, str(opened.trained_through)) == ("1", ("1", "2", "3", "4"), "2013-07-19")
    assert result["history"]["through"] == str(opened.trained_through)


def test_the_pictures_of_the_backtest_come_with_it_and_without_one_there_are_none(
    tiny: TinyTrainings, registry: MemoryRegistry
) -> None:
    train(tiny.options, BatchedEngine(), Quiet(), registry)
    train(dataclasses.replace(tiny.options, test_days=0), BatchedEngine(), Quiet(), registry)
    drawn, none = registry.runs.values()
    assert set(drawn.plots) == {
        f"{name}.png" for name in ("best_and_worst_stores", "coverage_by_horizon", "scores_by_group")
    }
    assert none.plots == {}


def test_without_a_registry_the_one_that_the_options_name_is_taken(
    tiny: TinyTrainings, registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrainingOptions, "registry", lambda _: registry)
    with patch("training.backtest.plots.plot"):
        train(tiny.options, BatchedEngine(), Quiet())
    assert registry.versions() == [1]


def test_stores_known_as_they_were_keep_their_parameters_unless_all_are_to_be_fitted(
    tiny: TinyTrainings, registry: MemoryRegistry
) -> None:
    first = tiny.train()
    again = tiny.train()
    forced = tiny.train(refit="all")
    other = tiny.train(variants=(BLUNT,), gate_margin=None)
    assert [(each["refitted"], each["kept"]) for each in (first, again, forced, other)] == [
        (4, 0),
        (0, 4),
        (4, 0),
        (4, 0),
    ]
    one, two = (registry.fetch_fleet(version) for version in "12")
    assert one.parameters.beta.tobytes() == two.parameters.beta.tobytes()


def test_a_dry_run_says_what_a_run_would_do_and_registers_nothing(
    tiny: TinyTrainings, registry: MemoryRegistry
) -> None:
    first = tiny.train(dry_run=True)
    assert first["would_register"]["alias"] == CHAMPION
    assert registry.models == {}
    tiny.train()
    same = tiny.train(dry_run=True)
    assert (same["refitted"], same["kept"], same["would_register"]["alias"]) == (0, 4, CHAMPION)
    worse = tiny.train(dry_run=True, variants=(BLUNT,), gate_margin=0.01)
    assert worse["would_register"]["alias"] == CHALLENGER
    assert "worse" in worse["would_register"]["gate"]["reason"]
    assert "registered" not in worse
    assert (registry.aliases(), registry.versions()) == ({CHAMPION: "1"}, [1])


def test_stores_to_register_come_as_models_of_their_own_with_the_days_that_they_were_fitted_on(
    tiny: TinyTrainings, registry: MemoryRegistry
) -> None:
    went = tiny.registered(register_stores=("2, 3",))
    assert went["store_models"] == {store_model_name("2"): "1", store_model_name("3"): "1"}
    assert [
        (move["model"], move["alias"], move["new"]) for move in went["store_moves"] if move["alias"] == CHAMPION
    ] == [
        (store_model_name("2"), CHAMPION, "1"),
        (store_model_name("3"), CHAMPION, "1"),
    ]
    sales = registry.models[store_model_name("2")].versions["1"].sales
    assert sales is not None
    assert list(sales.columns) == ["ds", "y"]
    assert (sales["y"] > 0).all()
    assert str(sales["ds"].max())[:10] == "2013-07-19"


def test_a_store_without_a_model_cannot_be_registered_alone(tiny: TinyTrainings, registry: MemoryRegistry) -> None:
    with pytest.raises(DataError, match="wanted stores with a model for --register-stores: 9 have none"):
        tiny.train(register_stores=("2", "9"))
    assert registry.models == {}


def test_a_run_over_the_threshold_of_failures_registers_nothing_and_tells_its_result(
    tiny: TinyTrainings, registry: MemoryRegistry
) -> None:
    with pytest.raises(
        TooManyFailuresError,
        match=r"at most 10% of 4 stores to fail, 2 did, so nothing was registered: store 1: .*fault",
    ) as caught:
        tiny.train(OtherEngine(failing=(0, 2)))
    assert caught.value.result["registered"] is None
    assert [failure["store"] for failure in caught.value.result["failures"]] == ["1", "3"]
    assert registry.models == {}
    within = tiny.train(OtherEngine(failing=(0, 2)), max_failed_share=0.5)
    assert within["stores"]["failed"] == 2
    assert registry.fetch_fleet("1").has_model.tolist()[::2] == [False, False]


class NotThereYet(MemoryRegistry):
    """One in a file that nobody has made; it notes who loads it."""

    def load(self) -> None:
        self.loaded_by = threading.current_thread()

    def is_there(self) -> bool:
        return False


def test_a_registry_that_is_not_there_yet_is_loaded_in_the_background_and_made_when_it_is_needed(
    tiny: TinyTrainings,
) -> None:
    registry = NotThereYet()
    tiny.train(registry=registry)
    assert registry.loaded_by is not threading.main_thread()
    assert registry.versions() == [1]


class Meanwhile(Quiet):
    """Does something once, when a training comes to a stage."""

    def __init__(self, stage: str, act: Callable[[], object]) -> None:
        self.waiting, self.act = [stage], act

    def stage(self, name: str, n_stores: int) -> None:
        super().stage(name, n_stores)
        if name in self.waiting:
            self.waiting.clear()
            self.act()


def test_one_that_finishes_first_is_the_champion_that_the_other_is_judged_against(
    tiny: TinyTrainings, registry: MemoryRegistry
) -> None:
    second = tiny.train(reporter=Meanwhile("register", tiny.registered))["registered"]
    assert (second["version"], second["alias"]) == ("2", CHAMPION)
    assert "the champion, version 1, is of the same recipe" in second["gate"]["reason"]
    assert registry.aliases() == {CHAMPION: "2", PREVIOUS: "1"}


class Overtaken(MemoryRegistry):
    """A server, which cannot be locked: another version becomes champion when ours is made and has no alias yet."""

    def add(self, name: str, version: Version) -> str:
        made = super().add(name, version)
        if made == "2":
            other = super().add(name, Version({GATE_TAG: "theirs"}, fleet=self.models[name].versions["1"].fleet))
            self.move(Move(CHAMPION, "1", other))
        return made


def test_one_that_is_overtaken_when_its_version_is_made_leaves_that_without_an_alias_and_is_judged_again(
    tiny: TinyTrainings,
) -> None:
    registry = Overtaken()
    registered(registry)
    went = tiny.registered(registry=registry)
    assert went["version"] == "4"
    assert "version 3 cannot be judged on this history" in went["gate"]["reason"]
    assert registry.tags("2")[GATE_TAG] == "without an alias: it was judged against 1, and 3 became champion"
    assert registry.aliases() == {CHAMPION: "4", PREVIOUS: "3"}


def test_a_challenger_leaves_the_fleet_that_is_served_as_it_is(tiny: TinyTrainings, registry: MemoryRegistry) -> None:
    tiny.registered()
    before = registry.fetch_fleet("1")
    tiny.registered(variants=(BLUNT,), gate_margin=0.01)
    served: Fleet = load_fleet(registry)[0]
    assert served is before
    assert registry.has_version(FLEET_MODEL, "2")
