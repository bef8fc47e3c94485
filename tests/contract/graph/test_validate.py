"""Our validation refuses all that the real API server and webhook were seen to refuse, and what broke later."""

from typing import Any

import pytest
from support.graph.operator_cases import operator_cases

from graph.validation.validate import problems

# Taken by the CRD and the webhook, even strictly; refused by us, for the reason given.
STRICTER = {
    "svcOrchSpec env and resources": "routing injection kills the executor on fan-outs",
    "unknown node type": "the executor passes requests by the node without calling it",
    "duplicate node names": "the second node gets no endpoint, and the executor crashes on it",
    "node name with an underscore": "the operator fails: no Service can have that name",
}
PLACES = {
    "no predictors": "spec.predictors",
    "duplicate predictor names": "spec.predictors[1].name",
    "node without a container": "spec.predictors[0].graph.children[1].name",
    "logger without mode": "spec.predictors[0].graph.logger.mode",
    "unknown field trafic": "spec.predictors[0].trafic",
    "replicas as a string": "spec.predictors[0].replicas",
    "parameter without type": "spec.predictors[0].graph.parameters[0].type",
    "hpaSpec without maxReplicas": "spec.predictors[0].componentSpecs[0].hpaSpec.maxReplicas",
    "duplicate svc-name": "spec.predictors[1].annotations['seldon.io/svc-name']",
}


@pytest.mark.parametrize("case", operator_cases(), ids=lambda case: str(case["title"]))
def test_a_recorded_deployment_is_judged_as_by_the_cluster_or_more_strictly(case: dict[str, Any]) -> None:
    taken = case["accepted"] and case["strictAccepted"]
    expected = taken and case["title"] not in STRICTER
    found = problems(case["cr"])
    assert (not found) == expected, found


def test_the_stricter_rules_are_about_deployments_that_the_cluster_took() -> None:
    taken = {case["title"] for case in operator_cases() if case["accepted"] and case["strictAccepted"]}
    assert set(STRICTER) <= taken
    assert len(operator_cases()) == 40


@pytest.mark.parametrize(("title", "place"), PLACES.items())
def test_a_problem_names_its_place_in_the_document(title: str, place: str) -> None:
    case = next(case for case in operator_cases() if case["title"] == title)
    assert [problem.path for problem in problems(case["cr"])] == [place]
