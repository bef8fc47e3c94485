"""Promote a version of the fleet, or go back to the one before: move the aliases, and say what that changes."""

import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from fleet.names import CHALLENGER, CHAMPION, FLEET_MODEL, PREVIOUS
from training import aliases
from training.difference import Registration, difference
from training.errors import RegistryError, UnknownVersionError
from training.registry import connected, fetch_fleet, public_uri


def promote(uri: str, home: Path, version: str | None = None, *, dry_run: bool = False) -> dict[str, Any]:
    """Make a version, or else the challenger, the champion; the old champion becomes `previous`.

    The result is plain JSON values: the moves, and what they change. Doing it twice changes nothing more.

    Raises: UnknownVersionError: no such version.  RegistryError: there is no challenger, or MLflow fails.
    """
    with connected(uri, home) as client:
        found = aliases.aliases_of(client)
        if version is None and CHALLENGER not in found:
            raise RegistryError(
                f"wanted a version with the alias {CHALLENGER}, {FLEET_MODEL} at {public_uri(uri)} has none: "
                "nothing to promote; name one with --version"
            )
        wanted = version if version is not None else found[CHALLENGER]
        _check(client, wanted)
        return _carry_out(client, found, aliases.to_champion(found, wanted), dry_run=dry_run)


def rollback(uri: str, home: Path, *, dry_run: bool = False) -> dict[str, Any]:
    """Let champion and `previous` change places: a second rollback undoes the first.

    The result is as of `promote`.

    Raises: RegistryError: there is nothing to go back to, or MLflow fails.
    """
    with connected(uri, home) as client:
        found = aliases.aliases_of(client)
        if CHAMPION not in found or PREVIOUS not in found:
            raise RegistryError(
                f"wanted a {CHAMPION} and a {PREVIOUS} version, {FLEET_MODEL} at {public_uri(uri)} has only "
                f"{', '.join(found) or 'versions without an alias'}: nothing to go back to; "
                "`storecast promote --version` takes any version"
            )
        return _carry_out(client, found, aliases.back(found), dry_run=dry_run)


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
        changes = difference(_registration(client, champion), _registration(client, after))
    elif after is not None and after != champion:
        _registration(client, after)
    if not dry_run:
        aliases.apply(client, moves)
    return {
        "champion": after,
        "dry_run": dry_run,
        "moves": [asdict(move) for move in moves],
        "changes": changes,
    }


def _registration(client: MlflowClient, version: str) -> Registration:
    run_id = client.get_model_version(FLEET_MODEL, version).run_id
    metrics = client.get_run(run_id).data.metrics if run_id else {}
    with tempfile.TemporaryDirectory() as folder:
        return Registration(version, fetch_fleet(version, Path(folder)), metrics)
