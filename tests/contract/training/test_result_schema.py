"""The published schema of a training's result: what the code writes, and what real results fit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from training.result_schema import FILE, main, result_schema

PUBLISHED = Path(__file__).parents[3] / "docs" / FILE
GOLDEN = Path(__file__).parent / "golden"
VALIDATOR = Draft202012Validator(result_schema())


def golden(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    return result


def test_the_published_schema_is_what_the_code_writes(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    assert PUBLISHED.read_text() == (tmp_path / FILE).read_text(), "run python -m training.result_schema docs"
    Draft202012Validator.check_schema(result_schema())


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.json")))
def test_a_real_result_fits_the_schema(name: str) -> None:
    VALIDATOR.validate(golden(name))


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda result: result.pop("stores"),
        lambda result: result.pop("registered"),
        lambda result: result.update(would_register={"alias": "champion", "gate": result["registered"]["gate"]}),
        lambda result: result.update(held_back=None),
        lambda result: result.update(colour="red"),
        lambda result: result["history"].pop("from"),
        lambda result: result["notices"][0].update(weight=1),
        lambda result: result["backtest"].update(wape="0.1"),
        lambda result: result["backtest"]["groups"]["a/a"].pop("days"),
        lambda result: result["registered"]["store_moves"][0].pop("old"),
        lambda result: result["registered"]["gate"].update(judged_by="me"),
    ],
)
def test_another_result_does_not_fit(change: Change) -> None:
    result = golden("first")
    change(result)
    assert not VALIDATOR.is_valid(result)
