"""Promote a version of the fleet, or go back to the one before: move the aliases, and say what that changes."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import Any

from fleet.names import CHALLENGER, CHAMPION, FLEET_MODEL, PREVIOUS
from training.errors import AliasMovedError, MissingAliasError, UnknownVersionError
from training.registry import aliases, store_models
from training.registry.base import Connection, Registry
from training.registry.fleet_diff import Registration, difference
from training.registry.registration import check_there


def promote(registry: Registry, version: str | None = None, *, dry_run: bool = False) -> dict[str, Any]:
    """Make a version, or else the challenger, the champion; the old champion becomes `previous`.

    Own models of stores go with the fleet that brought them. The result is plain JSON values: the moves, what they
    change, and the own models that stay. Doing it twice changes nothing more.

    Raises: UnknownVersionError: no such version.  MissingAliasError: there is no challenger.  AliasMovedError: another
            training or promotion came between.  RegistryError: the registry fails.
    """
    check_there(registry)
    with _alone(registry, dry_run=dry_run), registry.connected() as connection:
        found = connection.aliases()
        if version is None and CHALLENGER not in found:
            raise MissingAliasError(
                f"wanted a version with the alias {CHALLENGER}, {FLEET_MODEL} at {registry.address} has none: "
                "nothing to promote; name one with --version"
            )
        wanted = version if version is not None else found[CHALLENGER]
        _check(connection, wanted)
        return _carry_out(connection, found, aliases.to_champion(found, wanted), dry_run=dry_run)


def rollback(registry: Registry, *, dry_run: bool = False) -> dict[str, Any]:
    """Let champion and `previous` change places: a second rollback undoes the first.

    The result is as of `promote`.

    Raises: MissingAliasError: there is nothing to go back to.  AliasMovedError, RegistryError: as `promote`.
    """
    check_there(registry)
    with _alone(registry, dry_run=dry_run), registry.connected() as connection:
        found = connection.aliases()
        if CHAMPION not in found or PREVIOUS not in found:
            raise MissingAliasError(
                f"wanted a {CHAMPION} and a {PREVIOUS} version, {FLEET_MODEL} at {registry.address} has only "
                f"{', '.join(found) or 'versions without an alias'}: nothing to go back to; "
                "`storecast promote --version` takes any version"
            )
        return _carry_out(connection, found, aliases.back(found), dry_run=dry_run)


def _alone(registry: Registry, *, dry_run: bool) -> AbstractContextManager[None]:
    return nullcontext() if dry_run else registry.locked()


def _check(connection: Connection, version: str) -> None:
    if not connection.has_version(FLEET_MODEL, version):
        known = connection.versions()
        told = f"{known[0]} to {known[-1]}" if known else "no version"
        raise UnknownVersionError(
            f"wanted version {version} of {FLEET_MODEL}, it has {told}: name one of these with --version"
        )


def _carry_out(
    connection: Connection, found: Mapping[str, str], moves: list[aliases.Move], *, dry_run: bool
) -> dict[str, Any]:
    champion = found.get(CHAMPION)
    after = next((move.new for move in moves if move.alias == CHAMPION), champion)
    changes = None
    if champion is not None and after is not None and champion != after:
        # Before anything moves: a version that cannot be opened must not become champion.
        changes = difference(_registration(connection, champion), _registration(connection, after)).to_plain()
    elif after is not None and after != champion:
        _registration(connection, after)
    plan = store_models.plan(connection, found, moves)
    if not dry_run:
        _check_unmoved(connection, found)
        for move in plan.moves:
            connection.move(move)
    return {
        "champion": after,
        "dry_run": dry_run,
        "moves": [asdict(move) for move in plan.moves],
        "left_alone": [asdict(own) for own in plan.left_alone],
        "missing": [asdict(own) for own in plan.missing],
        "changes": changes,
    }


def _check_unmoved(connection: Connection, found: Mapping[str, str]) -> None:
    """A server cannot be locked: another training may have finished since the aliases were read."""
    now = connection.aliases()
    if now != found:
        raise AliasMovedError(
            f"wanted the aliases of {FLEET_MODEL} as they were when this began, {dict(found)}, they are {now} now: "
            "nothing was moved; look at them with --dry-run, and try again"
        )


def _registration(connection: Connection, version: str) -> Registration:
    metrics = connection.metrics(version)
    return Registration(version, connection.fetch_fleet(version), metrics)
