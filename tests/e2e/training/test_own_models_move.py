"""Stores' own models go with the fleet that brought them, in MLflow; every case is in the unit tests, in memory.

What is here is what MLflow itself decides: the order in which aliases move, and what is left where a process is gone.
"""

from collections.abc import Iterator

import mlflow
import pytest
from support.servers.mlflow_databases import empty_database
from support.training.own_model_chain import BACK, PROMOTED, START, OwnModelChain, changed, cut_short

from fleet.names import CHALLENGER, CHAMPION, FLEET_MODEL, PREVIOUS, store_model_name
from storecast import __main__ as command_line
from training.registry.mlflow_registry import MlflowRegistry
from training.registry.tracking_uri import tracking_uri


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnModelChain]:
    before, home = mlflow.get_tracking_uri(), tmp_path_factory.mktemp("registry")
    empty_database(home / "mlflow.db")
    yield OwnModelChain(MlflowRegistry(tracking_uri({}, home), home))
    mlflow.set_tracking_uri(before)


@pytest.fixture
def chain(made: OwnModelChain) -> OwnModelChain:
    """The same start for every test: fleet 2 is champion, 1 `previous`, 3 the challenger."""
    made.put(START)
    return made


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


def test_the_verbs_tell_the_stores_moves_and_those_left_alone(
    chain: OwnModelChain, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = chain.registry
    assert isinstance(registry, MlflowRegistry)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    chain.put(changed(START, s4={CHAMPION: "1"}))
    assert command_line.main(["rollback", "--dry-run", "--home", str(registry.home)]) == 0
    assert capsys.readouterr().out.startswith(
        "would change:\n  champion   2 -> 1\n  previous   1 -> 2\n\nstore models:\n"
        "  store 1             champion   2 -> 1\n  store 2             champion   1 -> none\n\n"
        "store models set by hand, not changed: store 4 (champion 1)\n"
    )


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


@pytest.mark.parametrize("done", range(7))
def test_a_training_cut_short_is_completed_by_the_next_training(chain: OwnModelChain, done: int) -> None:
    cut_short(chain, done, chain.train, "1")
    assert CHAMPION in chain.state()[FLEET_MODEL]
    made = chain.train("1")
    state = chain.state()
    assert state["1"] == {CHAMPION: made.store_models[store_model_name("1")]}
    assert (state["2"], state["3"], state[FLEET_MODEL][CHAMPION]) == ({}, {}, made.version)
