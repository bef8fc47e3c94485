"""Stores' own models go with the fleet that brought them: every way to move aliases, in a registry in memory."""

import pytest
from support.training.own_model_chain import BACK, PROMOTED, START, OwnModelChain, changed, cut_short

from fleet.names import CHALLENGER, CHAMPION, FLEET_MODEL, OWN_MODELS_TAG, PREVIOUS, store_model_name
from training.errors import RegistryError
from training.registry.memory import MemoryRegistry


@pytest.fixture
def chain() -> OwnModelChain:
    """Fleet 2 is champion, 1 `previous`, 3 the challenger."""
    chain = OwnModelChain(MemoryRegistry())
    assert chain.state() == START
    return chain


def test_a_fleet_version_remembers_the_own_models_that_it_brought(chain: OwnModelChain) -> None:
    tags = [chain.tags(version)[OWN_MODELS_TAG] for version in "123"]
    assert tags == ['{"1": "1"}', '{"1": "2", "2": "1"}', '{"3": "1"}']


def test_a_rollback_takes_own_models_back_and_a_second_one_undoes_it(chain: OwnModelChain) -> None:
    moves = chain.rollback(dry_run=True)["moves"]
    assert chain.state() == START
    assert chain.rollback()["moves"] == moves
    assert chain.state() == BACK
    chain.rollback()
    assert chain.state() == START


def test_a_promotion_makes_the_challengers_own_models_champions_once(chain: OwnModelChain) -> None:
    moves = chain.promote(dry_run=True)["moves"]
    assert chain.state() == START
    assert chain.promote()["moves"] == moves
    assert chain.state() == PROMOTED
    assert chain.promote("3")["moves"] == []
    chain.rollback()
    assert chain.state() == changed(START, fleet={CHAMPION: "2", PREVIOUS: "3"}, s3={})


def test_a_champion_that_somebody_set_by_hand_stays_and_is_named(chain: OwnModelChain) -> None:
    by_hand = changed(START, s1={CHAMPION: "3"}, s4={CHAMPION: "1"})
    chain.put(by_hand)
    result = chain.rollback()
    assert chain.state() == changed(BACK, s1={CHAMPION: "3"}, s4={CHAMPION: "1"})
    assert result["left_alone"] == [
        {"model": store_model_name("1"), "alias": CHAMPION, "version": "3"},
        {"model": store_model_name("4"), "alias": CHAMPION, "version": "1"},
    ]
    chain.rollback()
    assert chain.state() == by_hand


@pytest.mark.parametrize("done", range(7))
def test_a_promotion_cut_short_anywhere_has_a_champion_and_is_completed_by_the_next(
    chain: OwnModelChain, done: int
) -> None:
    cut_short(chain, done, chain.promote)
    assert CHAMPION in chain.state()[FLEET_MODEL]
    chain.promote()
    assert chain.state() == PROMOTED


@pytest.mark.parametrize("done", range(3))
def test_a_rollback_cut_short_before_the_fleets_champion_moves_is_completed_by_the_next(
    chain: OwnModelChain, done: int
) -> None:
    cut_short(chain, done, chain.rollback)
    assert chain.state()[FLEET_MODEL] == START[FLEET_MODEL]
    chain.rollback()
    assert chain.state() == BACK


def test_own_models_of_a_rollback_cut_short_at_the_fleet_are_those_of_the_champion(chain: OwnModelChain) -> None:
    cut_short(chain, 3, chain.rollback)
    assert chain.state() == changed(BACK, fleet={CHAMPION: "1", PREVIOUS: "1", CHALLENGER: "3"})
    assert chain.rollback()["moves"] == []


def test_an_own_model_that_was_deleted_does_not_bar_the_way_back(chain: OwnModelChain) -> None:
    fleet = chain.train("4")
    chain.put(changed(START, fleet={CHAMPION: "2", PREVIOUS: fleet.version}))
    version = fleet.store_models[store_model_name("4")]
    chain.by_hand.delete(store_model_name("4"), version)
    result = chain.rollback()
    assert result["missing"] == [{"model": store_model_name("4"), "alias": CHAMPION, "version": version}]
    assert chain.state() == changed(START, fleet={CHAMPION: fleet.version, PREVIOUS: "2"}, s1={}, s2={})


def test_a_training_that_becomes_champion_takes_own_models_along_as_a_promotion_does(chain: OwnModelChain) -> None:
    chain.put(changed(START, s4={CHAMPION: "1"}))
    made = chain.train("1")
    own = made.store_models[store_model_name("1")]
    with_it = changed(
        START, fleet={CHAMPION: made.version, PREVIOUS: "2"}, s1={CHAMPION: own}, s2={}, s3={}, s4={CHAMPION: "1"}
    )
    assert chain.state() == with_it
    assert [(move.model, move.old, move.new) for move in made.store_moves if move.alias == CHAMPION] == [
        (store_model_name("1"), "2", own),
        (store_model_name("2"), "1", None),
    ]
    assert [each.model for each in made.left_alone] == [store_model_name("4")]
    chain.rollback()
    assert chain.state() == changed(START, fleet={CHAMPION: "2", PREVIOUS: made.version}, s3={}, s4={CHAMPION: "1"})


def test_a_plain_training_gives_the_stores_back_to_the_fleet(chain: OwnModelChain) -> None:
    made = chain.train()
    assert chain.state() == changed(START, fleet={CHAMPION: made.version, PREVIOUS: "2"}, s1={}, s2={}, s3={})


def test_a_new_challenger_takes_the_alias_of_the_old_ones_models_and_no_champion_moves(chain: OwnModelChain) -> None:
    made = chain.train("1", alias=CHALLENGER)
    own = made.store_models[store_model_name("1")]
    assert chain.state() == changed(
        START, fleet={**START[FLEET_MODEL], CHALLENGER: made.version}, s1={CHAMPION: "2", CHALLENGER: own}, s3={}
    )


@pytest.mark.parametrize("what_comes_next", ["challenger", "rollback"])
def test_a_challengers_model_that_a_cut_left_as_champion_goes_with_whatever_comes_next(
    chain: OwnModelChain, what_comes_next: str
) -> None:
    chain.put(changed(START, s3={CHAMPION: "1", CHALLENGER: "1"}))
    if what_comes_next == "challenger":
        chain.train(alias=CHALLENGER)
        assert chain.state()["3"] == {}
    else:
        chain.rollback()
        assert chain.state() == BACK


@pytest.mark.parametrize("done", range(7))
def test_a_training_cut_short_is_completed_by_the_next_training(chain: OwnModelChain, done: int) -> None:
    cut_short(chain, done, chain.train, "1")
    assert CHAMPION in chain.state()[FLEET_MODEL]
    made = chain.train("1")
    state = chain.state()
    assert state["1"] == {CHAMPION: made.store_models[store_model_name("1")]}
    assert (state["2"], state["3"], state[FLEET_MODEL][CHAMPION]) == ({}, {}, made.version)


@pytest.mark.parametrize("text", ["four", '["1"]'])
def test_a_tag_that_is_no_json_object_is_named_before_anything_moves(chain: OwnModelChain, text: str) -> None:
    chain.tag("1", OWN_MODELS_TAG, text)
    with pytest.raises(RegistryError, match=r"in the tag storecast\.own_models of version 1"):
        chain.rollback()
    assert chain.state() == START
