"""What a promotion changes, as values and as text."""

import dataclasses
import json
from typing import Any

import numpy as np
from support import fleets

from fleet import Fleet
from fleet.names import store_model_name
from storecast.commands.promote import text, warnings
from training.registry.aliases import Move
from training.registry.fleet_diff import MOST_STORES, FleetDiff, Registration, Side, SourceChange, difference


def registration(
    version: str, wape: list[float], without_model: tuple[int, ...] = (), **changes: object
) -> Registration:
    made = fleets.contents(len(wape), without_model=without_model)
    facts: Any = made.facts.copy()
    facts["wape"] = wape
    made = dataclasses.replace(made, facts=facts, **changes)  # type: ignore[arg-type]
    return Registration(version, Fleet.from_contents(made), {"wape": 0.1, "bias": -0.01, "rmspe": 0.2})


def found() -> FleetDiff:
    old = registration("1", [0.10, 0.20, 0.30, np.nan], without_model=(3,))
    new = registration("2", [0.11, 0.15, 0.30, 0.40], without_model=(0,), store_ids=("1", "2", "3", "5"))
    return difference(old, new)


def changes() -> dict[str, Any]:
    return found().to_plain()


def test_both_fleets_stand_side_by_side() -> None:
    assert found().new == Side(
        version="2",
        trained_through="2015-06-19",
        engine="random",
        stores=4,
        with_model=3,
        wape=0.1,
        rmspe=0.2,
        bias=-0.01,
        coverage_80=None,
    )


def test_the_json_of_the_differences_is_this() -> None:
    counts = '"trained_through": "2015-06-19", "engine": "random", "stores": 4, "with_model": 3'
    scores = '"wape": 0.1, "rmspe": 0.2, "bias": -0.01, "coverage_80": null'
    assert json.loads(json.dumps(changes())) == changes()
    assert json.dumps(changes()) == (
        f'{{"from": {{"version": "1", {counts}, {scores}}}, "to": {{"version": "2", {counts}, {scores}}}, '
        '"stores_added": ["5"], "stores_removed": ["4"], '
        '"source": [{"store": "1", "from": "fleet", "to": "fallback"}], '
        '"wape": [{"store": "2", "from": 0.2, "to": 0.15, "change": -0.05}, '
        '{"store": "1", "from": 0.1, "to": 0.11, "change": 0.01}]}'
    )


def test_stores_that_come_go_or_change_their_source_are_named() -> None:
    assert (found().stores_added, found().stores_removed) == (("5",), ("4",))
    assert found().source == (SourceChange("1", "fleet", "fallback"),)


def test_the_largest_changes_of_wape_come_first_and_unchanged_stores_not_at_all() -> None:
    assert [(row.store, row.change) for row in found().wape] == [("2", -0.05), ("1", 0.01)]
    many = difference(registration("1", [0.1] * 30), registration("2", [0.1 + i / 100 for i in range(30)]))
    assert [row.store for row in many.wape] == [str(30 - i) for i in range(MOST_STORES)]


def result(moves: list[Move], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any part of a result
    told = [dataclasses.asdict(move) for move in moves]
    nothing: dict[str, Any] = {"left_alone": [], "missing": [], "changes": None, "warnings": []}
    return {"champion": "2", "dry_run": True, "moves": told, **nothing, **more}


def test_the_text_says_what_moves_and_what_changes() -> None:
    told = text(result([Move("champion", "1", "2"), Move("challenger", "2", None)], changes=changes()))
    assert told.startswith("would change:\n  champion   1 -> 2\n  challenger 2 -> none\n")
    assert "now forecast by the fallback: 1" in told
    assert "store 2               20.00% ->  15.00%  -5.00 points" in told
    assert "not judged" in told


def test_the_text_of_no_move_says_who_is_champion() -> None:
    assert text(result([])) == "nothing to do: version 2 is the champion"


def test_the_text_names_own_models_that_move_stay_or_are_gone_and_does_not_run_on() -> None:
    moves = [Move("champion", "1", None, store_model_name(str(i))) for i in range(25)]
    own = {"model": store_model_name("a b"), "alias": "champion", "version": "3"}
    told = text(result([*moves, Move("champion", "1", "2")], left_alone=[own], missing=[own]))
    assert told.startswith("would change:\n  champion   1 -> 2\n\nstore models:\n  store 0  ")
    assert "  store 19            champion   1 -> none\n  and 5 more: see --json\n" in told
    assert told.endswith(
        "store models set by hand, not changed: store a b (champion 3)\n\n"
        "store models deleted, so not used: store a b (champion 3)"
    )


def test_a_fleet_that_running_graphs_would_refuse_is_promoted_with_a_warning() -> None:
    assert warnings(changes(), 0.5) == []
    assert warnings({}, 0.5) == []
    fewer = changes()
    fewer["from"]["with_model"], fewer["to"]["with_model"] = 4, 3
    (told,) = warnings(fewer, 0.8)
    assert "a graph that serves version 1 keeps serving it, also after a restart" in told
    assert (
        "wants at least 80% of 4 models, and the new fleet has 3; if that is intended, lower STORECAST_MIN_STORES_SHARE"
        in told
    )
    assert text(result([Move("champion", "1", "2")], warnings=[told])).endswith(f"\n\nwarning: {told}")
