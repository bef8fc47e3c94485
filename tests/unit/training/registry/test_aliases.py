"""Where the aliases go, also when the moves are cut short."""

import pytest

from training.registry.aliases import after, back, to_challenger, to_champion

CHALLENGED = {"champion": "2", "challenger": "3", "previous": "1"}


def test_a_promotion_keeps_the_way_back_and_ends_the_challenge() -> None:
    assert after(CHALLENGED, to_champion(CHALLENGED, "3")) == {"champion": "3", "previous": "2"}


def test_the_first_version_becomes_champion_and_leaves_no_way_back() -> None:
    assert after({}, to_champion({}, "1")) == {"champion": "1"}


@pytest.mark.parametrize("done", [0, 1, 2])
def test_a_promotion_cut_short_has_a_champion_and_is_completed_by_the_next(done: int) -> None:
    half = after(CHALLENGED, to_champion(CHALLENGED, "3")[:done])
    assert "champion" in half
    assert after(half, to_champion(half, "3")) == {"champion": "3", "previous": "2"}


def test_promoting_the_champion_changes_nothing() -> None:
    done = {"champion": "3", "previous": "2"}
    assert to_champion(done, "3") == []


def test_a_second_rollback_undoes_the_first() -> None:
    once = after(CHALLENGED, back(CHALLENGED))
    assert once == {"champion": "1", "challenger": "3", "previous": "2"}
    assert after(once, back(once)) == CHALLENGED


def test_a_rollback_cut_short_serves_the_version_gone_back_to_and_stays_there() -> None:
    half = after(CHALLENGED, back(CHALLENGED)[:1])
    assert half["champion"] == "1"
    assert back(half) == []


def test_a_challenger_takes_the_place_of_an_older_one_and_nothing_else_moves() -> None:
    assert after(CHALLENGED, to_challenger(CHALLENGED, "4")) == {**CHALLENGED, "challenger": "4"}
