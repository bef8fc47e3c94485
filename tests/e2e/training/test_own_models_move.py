"""Stores' own models go with the fleet that brought them: trainings, promotions and rollbacks in a real registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from support import fleets

from fleet.names import CHALLENGER, CHAMPION, FLEET_MODEL, PREVIOUS, store_model_name
from storecast import __main__ as command_line
from training.errors import RegistryError
from training.registry import runs
from training.registry.promotion import promote, rollback
from training.registry.store_models import OWN_MODELS_TAG
from training.registry.tracking_uri import tracking_uri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from training.registry.runs import Registered

State = dict[str, dict[str, str]]
DAYS = np.arange("2015-01-01", "2015-03-01", dtype="datetime64[D]").astype("datetime64[ns]")
SALES = pd.DataFrame({"ds": DAYS, "y": 100.0 + np.arange(len(DAYS)) % 7})
CHAIN: State = {
    FLEET_MODEL: {CHAMPION: "2", PREVIOUS: "1", CHALLENGER: "3"},
    "1": {CHAMPION: "2"},
    "2": {CHAMPION: "1"},
    "3": {CHALLENGER: "1"},
    "4": {},
}
"""Fleet 1 brought store 1's own model 1; fleet 2 brought 2 of store 1 and 1 of store 2; fleet 3 brought store 3's."""


class Registry:
    """A registry with three fleets and a store, 4, whose models nobody's training brought."""

    def __init__(self, home: Path) -> None:
        self.home, self.uri = home, tracking_uri({}, home)
        self.train("1")
        self.train("1", "2")
        self.train("3", alias=CHALLENGER)
        self.client = MlflowClient(self.uri)
        self.by_hand("4")
        self.by_hand("1")

    def train(self, *stores: str, alias: str = CHAMPION) -> Registered:
        own = dict.fromkeys(stores, SALES)
        contents = fleets.contents(4)
        return runs.register(self.uri, self.home, contents, parameters={}, metrics={}, own_sales=own, alias=alias)

    def by_hand(self, store: str) -> str:
        """A version of a store's own model that no training made."""
        name = store_model_name(store)
        if not self.client.search_registered_models(f"name='{name}'"):
            self.client.create_registered_model(name)
        return str(self.client.create_model_version(name, str(self.home)).version)

    def state(self) -> State:
        """Registered model, the fleet or a store -> alias -> version."""
        found = {name: self.client.get_registered_model(name) for name in map(_name, CHAIN)}
        return {key: {alias: str(version) for alias, version in found[_name(key)].aliases.items()} for key in CHAIN}

    def put(self, wanted: State) -> None:
        for key, aliases in wanted.items():
            for alias in (CHAMPION, PREVIOUS, CHALLENGER):
                self.client.delete_registered_model_alias(_name(key), alias)
            for alias, version in aliases.items():
                self.client.set_registered_model_alias(_name(key), alias, version)

    def promote(self, version: str | None = None, *, dry_run: bool = False) -> dict[str, Any]:
        return promote(self.uri, self.home, version, dry_run=dry_run)

    def rollback(self, *, dry_run: bool = False) -> dict[str, Any]:
        return rollback(self.uri, self.home, dry_run=dry_run)


def _name(key: str) -> str:
    return key if key == FLEET_MODEL else store_model_name(key)


def changed(state: State, **stores: dict[str, str]) -> State:
    """The state with other aliases: `fleet` for the fleet's, `s1` for store 1's."""
    return state | {FLEET_MODEL if key == "fleet" else key[1:]: aliases for key, aliases in stores.items()}


BACK = changed(CHAIN, fleet={CHAMPION: "1", PREVIOUS: "2", CHALLENGER: "3"}, s1={CHAMPION: "1"}, s2={})
PROMOTED = changed(CHAIN, fleet={CHAMPION: "3", PREVIOUS: "2"}, s1={}, s2={}, s3={CHAMPION: "1"})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    before = mlflow.get_tracking_uri()
    yield Registry(tmp_path_factory.mktemp("registry"))
    mlflow.set_tracking_uri(before)


@pytest.fixture
def chain(made: Registry) -> Registry:
    """The same start for every test: fleet 2 is champion, 1 `previous`, 3 the challenger."""
    made.put(CHAIN)
    return made


def test_a_fleet_version_remembers_the_own_models_that_it_brought(chain: Registry) -> None:
    tags = [chain.client.get_model_version(FLEET_MODEL, version).tags for version in "123"]
    assert [each[OWN_MODELS_TAG] for each in tags] == ['{"1": "1"}', '{"1": "2", "2": "1"}', '{"3": "1"}']


def test_a_rollback_takes_own_models_back_and_a_second_one_undoes_it(chain: Registry) -> None:
    told = chain.rollback(dry_run=True)["moves"]
    assert chain.state() == CHAIN
    assert chain.rollback()["moves"] == told
    assert chain.state() == BACK
    chain.rollback()
    assert chain.state() == CHAIN


def test_a_promotion_makes_the_challengers_own_models_champions_once(chain: Registry) -> None:
    told = chain.promote(dry_run=True)["moves"]
    assert chain.state() == CHAIN
    assert chain.promote()["moves"] == told
    assert chain.state() == PROMOTED
    assert chain.promote("3")["moves"] == []
    chain.rollback()
    assert chain.state() == changed(CHAIN, fleet={CHAMPION: "2", PREVIOUS: "3"}, s3={})


def test_a_champion_that_somebody_set_by_hand_stays_and_is_named(chain: Registry) -> None:
    by_hand = changed(CHAIN, s1={CHAMPION: "3"}, s4={CHAMPION: "1"})
    chain.put(by_hand)
    result = chain.rollback()
    assert chain.state() == changed(BACK, s1={CHAMPION: "3"}, s4={CHAMPION: "1"})
    assert result["left_alone"] == [
        {"model": store_model_name("1"), "alias": CHAMPION, "version": "3"},
        {"model": store_model_name("4"), "alias": CHAMPION, "version": "1"},
    ]
    chain.rollback()
    assert chain.state() == by_hand


class _CutShortError(Exception):
    """The process is gone."""


def _cut_short(after: int, command: Callable[..., object], *args: str) -> None:
    """A command whose process ends when `after` aliases have moved."""
    left = [after]

    def counted(real: Callable[..., None]) -> Callable[..., None]:
        def move(*args: str) -> None:
            if not left[0]:
                raise _CutShortError
            left[0] -= 1
            real(*args)

        return move

    with pytest.MonkeyPatch.context() as patched:
        for name in ("set_registered_model_alias", "delete_registered_model_alias"):
            patched.setattr(MlflowClient, name, counted(getattr(MlflowClient, name)))
        with pytest.raises(_CutShortError):
            command(*args)


@pytest.mark.parametrize("done", range(7))
def test_a_promotion_cut_short_anywhere_has_a_champion_and_is_completed_by_the_next(chain: Registry, done: int) -> None:
    _cut_short(done, chain.promote)
    assert CHAMPION in chain.state()[FLEET_MODEL]
    chain.promote()
    assert chain.state() == PROMOTED


@pytest.mark.parametrize("done", range(3))
def test_a_rollback_cut_short_before_the_fleets_champion_moves_is_completed_by_the_next(
    chain: Registry, done: int
) -> None:
    _cut_short(done, chain.rollback)
    assert chain.state()[FLEET_MODEL] == CHAIN[FLEET_MODEL]
    chain.rollback()
    assert chain.state() == BACK


def test_own_models_of_a_rollback_cut_short_at_the_fleet_are_those_of_the_champion(chain: Registry) -> None:
    _cut_short(3, chain.rollback)
    assert chain.state() == changed(BACK, fleet={CHAMPION: "1", PREVIOUS: "1", CHALLENGER: "3"})
    assert chain.rollback()["moves"] == []


def test_the_verbs_tell_the_stores_moves_and_those_left_alone(
    chain: Registry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", chain.uri)
    chain.client.set_registered_model_alias(store_model_name("4"), CHAMPION, "1")
    assert command_line.main(["rollback", "--dry-run", "--home", str(chain.home)]) == 0
    assert capsys.readouterr().out.startswith(
        "would change:\n  champion   2 -> 1\n  previous   1 -> 2\n\nstore models:\n"
        "  store 1             champion   2 -> 1\n  store 2             champion   1 -> none\n\n"
        "store models set by hand, not changed: store 4 (champion 1)\n"
    )


def test_an_own_model_that_was_deleted_does_not_bar_the_way_back(chain: Registry) -> None:
    fleet = chain.train("4")
    chain.put(changed(CHAIN, fleet={CHAMPION: "2", PREVIOUS: fleet.version}))
    version = fleet.store_models[store_model_name("4")]
    chain.client.delete_model_version(store_model_name("4"), version)
    result = chain.rollback()
    assert result["missing"] == [{"model": store_model_name("4"), "alias": CHAMPION, "version": version}]
    assert chain.state() == changed(CHAIN, fleet={CHAMPION: fleet.version, PREVIOUS: "2"}, s1={}, s2={}, s3=CHAIN["3"])


def test_a_training_that_becomes_champion_takes_own_models_along_as_a_promotion_does(chain: Registry) -> None:
    chain.client.set_registered_model_alias(store_model_name("4"), CHAMPION, "1")
    made = chain.train("1")
    own = made.store_models[store_model_name("1")]
    with_it = changed(
        CHAIN, fleet={CHAMPION: made.version, PREVIOUS: "2"}, s1={CHAMPION: own}, s2={}, s3={}, s4={CHAMPION: "1"}
    )
    assert chain.state() == with_it
    assert [(move.model, move.old, move.new) for move in made.store_moves if move.alias == CHAMPION] == [
        (store_model_name("1"), "2", own),
        (store_model_name("2"), "1", None),
    ]
    assert [each.model for each in made.left_alone] == [store_model_name("4")]
    chain.rollback()
    assert chain.state() == changed(CHAIN, fleet={CHAMPION: "2", PREVIOUS: made.version}, s3={}, s4={CHAMPION: "1"})


def test_a_plain_training_gives_the_stores_back_to_the_fleet(chain: Registry) -> None:
    made = chain.train()
    assert chain.state() == changed(CHAIN, fleet={CHAMPION: made.version, PREVIOUS: "2"}, s1={}, s2={}, s3={})


def test_a_new_challenger_takes_the_alias_of_the_old_ones_models_and_no_champion_moves(chain: Registry) -> None:
    made = chain.train("1", alias=CHALLENGER)
    own = made.store_models[store_model_name("1")]
    assert chain.state() == changed(
        CHAIN, fleet={**CHAIN[FLEET_MODEL], CHALLENGER: made.version}, s1={CHAMPION: "2", CHALLENGER: own}, s3={}
    )


@pytest.mark.parametrize("what_comes_next", ["challenger", "rollback"])
def test_a_challengers_model_that_a_cut_left_as_champion_goes_with_whatever_comes_next(
    chain: Registry, what_comes_next: str
) -> None:
    chain.put(changed(CHAIN, s3={CHAMPION: "1", CHALLENGER: "1"}))
    if what_comes_next == "challenger":
        chain.train(alias=CHALLENGER)
        assert chain.state()["3"] == {}
    else:
        chain.rollback()
        assert chain.state() == BACK


@pytest.mark.parametrize("done", range(7))
def test_a_training_cut_short_is_completed_by_the_next_training(chain: Registry, done: int) -> None:
    _cut_short(done, chain.train, "1")
    assert CHAMPION in chain.state()[FLEET_MODEL]
    made = chain.train("1")
    state = chain.state()
    assert state["1"] == {CHAMPION: made.store_models[store_model_name("1")]}
    assert (state["2"], state["3"], state[FLEET_MODEL][CHAMPION]) == ({}, {}, made.version)


def test_a_tag_that_is_no_json_object_is_named_before_anything_moves(chain: Registry) -> None:
    chain.client.set_model_version_tag(FLEET_MODEL, "1", OWN_MODELS_TAG, "four")
    with pytest.raises(RegistryError, match=r"in the tag storecast\.own_models of version 1"):
        chain.rollback()
    chain.client.set_model_version_tag(FLEET_MODEL, "1", OWN_MODELS_TAG, '{"1": "1"}')
    assert chain.state() == CHAIN
