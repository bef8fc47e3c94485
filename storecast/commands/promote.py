"""`storecast promote` and `storecast rollback`: which registered fleet is served."""

import argparse
import json
import os
from collections.abc import Mapping
from typing import Any

from fleet.names import FLEET_MODEL, store_id_of
from model_wrapper.settings import Settings
from storecast import exit_codes
from storecast.arguments import Verbs, add_home, positive, verb
from storecast.verbs import VERBS
from training.registry import promotion
from training.registry.mlflow_registry import MlflowRegistry
from training.registry.tracking_uri import tracking_uri

_ROWS = {
    "version": "version",
    "trained_through": "trained through",
    "engine": "engine",
    "stores": "stores",
    "with_model": "stores with a model",
    "wape": "WAPE",
    "rmspe": "RMSPE",
    "bias": "bias",
    "coverage_80": "coverage, 80 %",
}
_MOST_STORES = 20


def add_promote(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verb(
        verbs,
        "promote",
        VERBS["promote"].summary,
        run_promote,
        """
        storecast promote --dry-run
        storecast promote
        storecast promote --version 7 --json
        """,
    )
    parser.add_argument(
        "--version", type=positive, metavar="N", help="version of the fleet to promote (default: the challenger)"
    )
    _add_common(parser)


def add_rollback(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verb(
        verbs,
        "rollback",
        VERBS["rollback"].summary,
        run_rollback,
        """
        storecast rollback --dry-run
        storecast rollback
        storecast rollback --json
        """,
    )
    _add_common(parser)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="print what would change, but change nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    add_home(parser)


def run_promote(args: argparse.Namespace) -> int:
    """Promote, and print what changes."""
    version = None if args.version is None else str(args.version)
    return _tell(promotion.promote(_registry(args), version, dry_run=args.dry_run), as_json=args.json)


def run_rollback(args: argparse.Namespace) -> int:
    """Go back, and print what changes."""
    return _tell(promotion.rollback(_registry(args), dry_run=args.dry_run), as_json=args.json)


def _registry(args: argparse.Namespace) -> MlflowRegistry:
    return MlflowRegistry(tracking_uri(os.environ, args.home), args.home)


def _tell(result: Mapping[str, Any], *, as_json: bool) -> int:
    share = Settings.from_env(os.environ).min_stores_share
    result = {**result, "warnings": warnings(result["changes"] or {}, share)}
    print(json.dumps(result, indent=1) if as_json else text(result))
    return exit_codes.OK


def warnings(changes: Mapping[str, Any], least_share: float) -> list[str]:
    """Why a graph that serves the old fleet would refuse the new one; see `model_wrapper.fleets.acceptance`."""
    told = []
    for name, what in (("stores", "stores"), ("with_model", "models")):
        old, new = (int(changes[side][name]) if changes else 0 for side in ("from", "to"))
        if new < least_share * old:
            told.append(
                f"a graph that serves version {changes['from']['version']} keeps serving it, also after a restart: it "
                f"wants at least {least_share:.0%} of {old} {what}, and the new fleet has {new}; if that is intended, "
                "lower STORECAST_MIN_STORES_SHARE for the components of the graph"
            )
    return told


def text(result: Mapping[str, Any]) -> str:
    """The result of a promotion or a rollback as text for people."""
    if not result["moves"]:
        return f"nothing to do: version {result['champion']} is the champion"
    lines = ["would change:" if result["dry_run"] else "changed:"]
    lines += [f"  {_move(move)}" for move in result["moves"] if move["model"] == FLEET_MODEL]
    lines += _own_models(result)
    changes = result["changes"]
    lines += _changes(changes) if changes else []
    return "\n".join([*lines, *(f"\nwarning: {warning}" for warning in result["warnings"])])


def _own_models(result: Mapping[str, Any]) -> list[str]:
    """The stores' own models: those that move with the fleet, and those that do not."""
    moves = [move for move in result["moves"] if move["model"] != FLEET_MODEL]
    lines = ["", "store models:"] if moves else []
    lines += [f"  store {store_id_of(move['model']):<14}{_move(move)}" for move in moves[:_MOST_STORES]]
    if len(moves) > _MOST_STORES:
        lines.append(f"  and {len(moves) - _MOST_STORES} more: see --json")
    for name, told in (("left_alone", "set by hand, not changed"), ("missing", "deleted, so not used")):
        if result[name]:
            stores = [f"store {store_id_of(own['model'])} ({own['alias']} {own['version']})" for own in result[name]]
            lines += ["", f"store models {told}: {_some(stores)}"]
    return lines


def _move(move: Mapping[str, Any]) -> str:
    return f"{move['alias']:<11}{_word(move['old'])} -> {_word(move['new'])}"


def _changes(changes: Mapping[str, Any]) -> list[str]:
    old, new = changes["from"], changes["to"]
    lines = ["", f"{'':<22}{'from':>12}{'to':>12}"]
    lines += [
        f"{label:<22}{_figure(name, old[name]):>12}{_figure(name, new[name]):>12}" for name, label in _ROWS.items()
    ]
    lines.append("each fleet is scored by its own backtest")
    for name, told in (("stores_added", "new stores"), ("stores_removed", "removed stores")):
        if changes[name]:
            lines += ["", f"{told}: {_some(changes[name])}"]
    for source in ("fleet", "fallback"):
        stores = [change["store"] for change in changes["source"] if change["to"] == source]
        if stores:
            lines += ["", f"now forecast by the {source}: {_some(stores)}"]
    if changes["wape"]:
        lines += ["", "largest changes of the WAPE"]
        lines += [
            f"  store {row['store']:<14}{row['from']:>8.2%} -> {row['to']:>7.2%}  {row['change'] * 100:+.2f} points"
            for row in changes["wape"]
        ]
    return lines


def _some(stores: list[str]) -> str:
    more = len(stores) - _MOST_STORES
    return ", ".join(stores[:_MOST_STORES]) + (f" and {more} more" if more > 0 else "")


def _word(version: str | None) -> str:
    return "none" if version is None else version


def _figure(name: str, value: float | str | None) -> str:
    if value is None:
        return "not judged"
    if isinstance(value, float):
        return f"{value:+.2%}" if name == "bias" else f"{value:.2%}"
    return str(value)
