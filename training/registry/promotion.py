"""Promote a version of the fleet, or go back to the one before: move the aliases, and say what that changes."""

import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from fleet.mlflow import local_registry
from fleet.names import CHALLENGER, CHAMPION, FLEET_MODEL, PREVIOUS
from training.errors import AliasMovedError, MissingAliasError, UnknownVersionError
from training.registry import aliases, store_models
from training.registry.fleet_diff import Registration, difference
from training.registry.runs import check_there, connected, fetch_fleet
from training.registry.tracking_uri import public_uri


def promote(uri: str, home: Path, version: str | None = None, *, dry_run: bool = False) -> dict[str, Any]:
    """Make a version, or else the challenger, the champion; the old champion becomes `previous`.

    Own models of stores go with the fleet that brought them. The result is plain JSON values: the moves, what they
    change, and the own models that stay. Doing it twice changes nothing more.

    Raises: UnknownVersionError: no such version.  MissingAliasError: there is no challenger.  AliasMovedError: another
            training or promotion came between.  RegistryError: MLflow fails.
    """
    check_there(uri)
    with _alone(uri, dry_run=dry_run), connected(uri, home) as client:
        found = aliases.aliases_of(client)
        if version is None and CHALLENGER not in found:
            raise MissingAliasError(
                f"wanted a version with the alias {CHALLENGER}, {FLEET_MODEL} at {public_uri(uri)} has none: "
                "nothing to promote; name one with --version"
            )
        wanted = version if version is not None else found[CHALLENGER]
        _check(client, wanted)
        return _carry_out(client, found, aliases.to_champion(found, wanted), dry_run=dry_run)


def rollback(uri: str, home: Path, *, dry_run: bool = False) -> dict[str, Any]:
    """Let champion and `previous` change places: a second rollback undoes the first.

    The result is as of `promote`.

    Raises: MissingAliasError: there is nothing to go back to.  AliasMovedError, RegistryError: as `promote`.
    """
    check_there(uri)
    with _alone(uri, dry_run=dry_run), connected(uri, home) as client:
        found = aliases.aliases_of(client)
        if CHAMPION not in found or PREVIOUS not in found:
            raise MissingAliasError(
                f"wanted a {CHAMPION} and a {PREVIOUS} version, {FLEET_MODEL} at {public_uri(uri)} has only "
                f"{', '.join(found) or 'versions without an alias'}: nothing to go back to; "
                "`storecast promote --version` takes any version"
            )
        return _carry_out(client, found, aliases.back(found), dry_run=dry_run)


def _alone(uri: str, *, dry_run: bool) -> AbstractContextManager[None]:
    return nullcontext() if dry_run else local_registry.switching(uri)


def _check(client: MlflowClient, version: str) -> None:
    try:
        client.get_model_version(FLEET_MODEL, version)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise
        known = sorted(int(made.version) for made in client.search_model_versions(f"name='{FLEET_MODEL}'"))
        told = f"{known[0]} to {known[-1]}" if known else "no version"
        raise UnknownVersionError(
            f"wanted version {version} of {FLEET_MODEL}, it has {told}: name one of these with --version"
        ) from None


def _carry_out(
    client: MlflowClient, found: Mapping[str, str], moves: list[aliases.Move], *, dry_run: bool
) -> dict[str, Any]:
    champion = found.get(CHAMPION)
    after = next((move.new for move in moves if move.alias == CHAMPION), champion)
    changes = None
    if champion is not None and after is not None and champion != after:
        # Before anything moves: a version that cannot be opened must not become champion.
        changes = difference(_registration(client, champion), _registration(client, after)).to_plain()
    elif after is not None and after != champion:
        _registration(client, after)
    plan = store_models.plan(client, found, moves)
    if not dry_run:
        _check_unmoved(client, found)
        aliases.apply(client, plan.moves)
    return {
        "champion": after,
        "dry_run": dry_run,
        "moves": [asdict(move) for move in plan.moves],
        "left_alone": [asdict(own) for own in plan.left_alone],
        "missing": [asdict(own) for own in plan.missing],
        "changes": changes,
    }


def _check_unmoved(client: MlflowClient, found: Mapping[str, str]) -> None:
    """A server cannot be locked: another training may have finished since the aliases were read."""
    now = aliases.aliases_of(client)
    if now != found:
        raise AliasMovedError(
            f"wanted the aliases of {FLEET_MODEL} as they were when this began, {dict(found)}, they are {now} now: "
            "nothing was moved; look at them with --dry-run, and try again"
        )


def _registration(client: MlflowClient, version: str) -> Registration:
    run_id = client.get_model_version(FLEET_MODEL, version).run_id
    metrics = client.get_run(run_id).data.metrics if run_id else {}
    with tempfile.TemporaryDirectory() as folder:
        return Registration(version, fetch_fleet(version, Path(folder)), metrics)
