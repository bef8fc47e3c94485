"""Promotion and rollback of the fleet, in a registry in memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.training.registries import by_hand_in, registered

from fleet import FleetFormatError
from fleet.names import CHALLENGER, CHAMPION, FLEET_MODEL, PREVIOUS
from training.errors import AliasMovedError, MissingAliasError, RegistryError, UnknownVersionError
from training.registry import promotion
from training.registry.aliases import Move
from training.registry.fleet_diff import FleetDiff, difference
from training.registry.memory import MemoryRegistry
from training.registry.mlflow_registry import MlflowRegistry
from training.registry.promotion import promote, rollback
from training.registry.tracking_uri import tracking_uri

BEFORE = {CHAMPION: "2", PREVIOUS: "1", CHALLENGER: "3"}


@pytest.fixture
def registry() -> MemoryRegistry:
    """Three versions: the second is champion, the first `previous`, the third the challenger."""
    made = MemoryRegistry()
    for seed, alias in ((1, CHAMPION), (2, CHAMPION), (3, CHALLENGER)):
        registered(made, seed=seed, alias=alias, metrics={"wape": seed / 10})
    assert made.aliases() == BEFORE
    return made


def remove(registry: MemoryRegistry, *aliases: str) -> None:
    for alias in aliases:
        registry.move(Move(alias, None, None))


def test_promoting_moves_the_aliases_once_and_tells_the_difference(registry: MemoryRegistry) -> None:
    result = promote(registry)
    assert registry.aliases() == {CHAMPION: "3", PREVIOUS: "2"}
    changes = result["changes"]
    assert [(changes[side]["version"], changes[side]["wape"]) for side in ("from", "to")] == [("2", 0.2), ("3", 0.3)]
    again = promote(registry, "3")
    assert (again["moves"], again["changes"], again["champion"]) == ([], None, "3")
    assert registry.aliases() == {CHAMPION: "3", PREVIOUS: "2"}


def test_any_version_may_be_promoted_and_the_challenge_is_over(registry: MemoryRegistry) -> None:
    assert promote(registry, "1")["champion"] == "1"
    assert registry.aliases() == {CHAMPION: "1", PREVIOUS: "2"}


def test_a_second_rollback_undoes_the_first(registry: MemoryRegistry) -> None:
    assert rollback(registry)["champion"] == "1"
    assert registry.aliases() == {CHAMPION: "1", PREVIOUS: "2", CHALLENGER: "3"}
    rollback(registry)
    assert registry.aliases() == BEFORE


@pytest.mark.parametrize("verb", [promote, rollback])
def test_a_dry_run_says_the_moves_and_moves_nothing_also_while_another_command_is_at_work(
    registry: MemoryRegistry, verb: Callable[..., dict[str, Any]]
) -> None:
    with registry.locked():
        told = verb(registry, dry_run=True)
    assert registry.aliases() == BEFORE
    assert told["dry_run"]
    assert verb(registry) == told | {"dry_run": False}
    assert registry.aliases() != BEFORE


def test_where_there_is_no_champion_the_first_promotion_compares_nothing(registry: MemoryRegistry) -> None:
    remove(registry, CHAMPION, PREVIOUS)
    result = promote(registry)
    assert (result["champion"], result["changes"]) == ("3", None)
    assert registry.aliases() == {CHAMPION: "3"}


@pytest.mark.parametrize("removed", [(), (CHAMPION,)])
def test_a_version_that_cannot_be_opened_does_not_become_champion(
    registry: MemoryRegistry, removed: tuple[str, ...]
) -> None:
    empty = by_hand_in(registry).add(FLEET_MODEL)
    remove(registry, *removed)
    before = registry.aliases()
    with pytest.raises(FleetFormatError, match="version 4 of storecast-fleet: wanted a fleet"):
        promote(registry, empty)
    assert registry.aliases() == before


def test_a_version_that_is_not_there_is_refused_with_those_that_are(registry: MemoryRegistry) -> None:
    with pytest.raises(UnknownVersionError, match=r"wanted version 99 of storecast-fleet, it has 1 to 3: name one"):
        promote(registry, "99")
    for version in registry.versions():
        registry.delete(FLEET_MODEL, str(version))
    with pytest.raises(UnknownVersionError, match="it has no version"):
        promote(registry, "1")


def test_an_alias_that_is_not_there_is_named_with_those_that_are(registry: MemoryRegistry) -> None:
    remove(registry, CHALLENGER)
    with pytest.raises(MissingAliasError, match="at memory has none: nothing to promote; name one with --version"):
        promote(registry)
    remove(registry, PREVIOUS)
    with pytest.raises(MissingAliasError, match="has only champion: nothing to go back to"):
        rollback(registry)
    remove(registry, CHAMPION)
    with pytest.raises(MissingAliasError, match="has only versions without an alias: nothing to go back to"):
        rollback(registry)


@pytest.mark.parametrize("verb", [promote, rollback])
def test_an_alias_that_moves_meanwhile_is_told_and_stays(
    registry: MemoryRegistry, verb: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*sides: Any) -> FleetDiff:  # noqa: ANN401 - as it is called
        registry.move(Move(PREVIOUS, "1", "2"))
        return difference(*sides)

    monkeypatch.setattr(promotion, "difference", meanwhile)
    with pytest.raises(AliasMovedError, match=r"nothing was moved; look at them with --dry-run, and try again"):
        verb(registry)
    assert registry.aliases() == BEFORE | {PREVIOUS: "2"}


@pytest.mark.parametrize("verb", [promote, rollback])
def test_a_registry_in_a_file_that_is_not_there_is_not_made(
    tmp_path: Path, verb: Callable[..., dict[str, Any]]
) -> None:
    with pytest.raises(RegistryError, match=r"there is no registry at sqlite:////.*/home/mlflow\.db: train first"):
        verb(MlflowRegistry(tracking_uri({}, tmp_path / "home"), tmp_path / "home"))
    assert list(tmp_path.iterdir()) == []
