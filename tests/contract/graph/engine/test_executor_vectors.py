"""The local engine does what the real executor 1.17.1 was recorded to do, case by case."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.graph.vector_replay import replay
from support.graph.vectors import load_cases

_KNOWN = json.loads((Path(__file__).parents[2] / "vectors" / "executor_not_passing.json").read_text())


def _parameter(case: dict[str, Any]) -> Any:  # noqa: ANN401 - pytest's ParameterSet is not public
    reason = _KNOWN.get(case["id"])
    marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
    return pytest.param(case, id=case["id"], marks=marks)


@pytest.mark.parametrize("case", [_parameter(case) for case in load_cases()])
def test_the_engine_answers_as_the_real_executor_was_recorded_to(case: dict[str, Any]) -> None:
    assert replay(case) == []


def test_every_case_listed_as_not_passing_exists() -> None:
    assert set(_KNOWN) <= {case["id"] for case in load_cases()}
