"""What a real cluster takes and breaks on later is refused; what looks alike and runs well there is taken."""

from collections.abc import Callable
from typing import Any

import pytest
from support.graph.operator_cases import operator_case

from graph.validation.validate import problems

Change = Callable[[dict[str, Any]], object]

POD = "spec.predictors[0].componentSpecs[0]"
PREDICTOR = "spec.predictors[0]"
EXECUTOR_NUMBERS = ("rest-timeout", "grpc-timeout", "grpc-max-message-size")
OPERATOR_NUMBERS = (
    "executor-logger-queue-size",
    "executor-logger-write-timeout-ms",
    "istio-retries",
    "istio-retries-timeout",
    "ambassador-retries",
    "ambassador-circuit-breakers-max-connections",
)
NO_NUMBERS = ("", "5s", "-1", "1.0", "1_000", " 5", "5\n", "\u0665\u0660\u0660", "9" * 20, "2147483648")


def paths(change: Change) -> list[str]:
    document: dict[str, Any] = operator_case("router with aggregate over forecaster and fallback")["cr"]
    change(document)
    return [problem.path for problem in problems(document)]


def predictor(document: dict[str, Any]) -> dict[str, Any]:
    first: dict[str, Any] = document["spec"]["predictors"][0]
    return first


def pod(document: dict[str, Any]) -> dict[str, Any]:
    component: dict[str, Any] = predictor(document)["componentSpecs"][0]
    return component


def executor_env(name: str, value: str) -> Change:
    return lambda document: predictor(document).update(svcOrchSpec={"env": [{"name": name, "value": value}]})


def annotated(name: str, value: str, of: str = "spec") -> Change:
    return lambda document: document[of].update(annotations={f"seldon.io/{name}": value})


def explained(**explainer: Any) -> Change:  # noqa: ANN401 - any member of an explainer
    return lambda document: predictor(document).update(explainer=explainer)


def root(**unit: Any) -> Change:  # noqa: ANN401 - any member of a node
    return lambda document: predictor(document)["graph"].update(unit)


KEDA = {"triggers": [{"type": "cron", "metadata": {"desiredReplicas": "2"}}]}
REFUSED: dict[str, tuple[Change, str]] = {
    "several children of a node that only transforms": (
        root(type="UNKNOWN_TYPE", methods=["TRANSFORM_INPUT"]),
        f"{PREDICTOR}.graph.children",
    ),
    "a graph of the user's own for the executor": (
        executor_env("ENGINE_PREDICTOR", "e30="),
        f"{PREDICTOR}.svcOrchSpec.env[0].name",
    ),
    "the same by an annotation": (
        annotated("engine-engine-predictor", "e30"),
        "spec.annotations['seldon.io/engine-engine-predictor']",
    ),
    "a certificate that nobody mounts": (
        executor_env("SELDON_CERT_MOUNT_PATH", "/cert/"),
        f"{PREDICTOR}.svcOrchSpec.env[0].name",
    ),
    "an explainer of an unknown type": (explained(type="Anchors"), f"{PREDICTOR}.explainer.type"),
    "an explainer without a type": (explained(modelUri="s3://models/one"), f"{PREDICTOR}.explainer.type"),
    "two scalers of one pod": (
        lambda document: pod(document).update(hpaSpec={"maxReplicas": 3}, kedaSpec=KEDA),
        f"{POD}.hpaSpec",
    ),
}
TAKEN: dict[str, Change] = {
    "a log sink for all nodes": executor_env("REQUEST_LOGGER_DEFAULT_ENDPOINT", "http://sink/"),
    "replicas of the predictor, for its pods without a scaler": lambda document: (
        predictor(document).update(replicas=2),
        pod(document).update(hpaSpec={"maxReplicas": 3}),
    ),
    "an explainer of a known type": explained(type="KernelShap"),
    "an explainer with an image of its own": explained(
        type="Ours", containerSpec={"name": "explainer", "image": "ours:1"}
    ),
    "no explainer": explained(),
    "an unknown type whose methods say what it does": root(type="UNKNOWN_TYPE", methods=["ROUTE", "AGGREGATE"]),
}


@pytest.mark.parametrize(("change", "place"), REFUSED.values(), ids=REFUSED)
def test_what_breaks_on_a_cluster_is_refused_at_its_place(change: Change, place: str) -> None:
    assert paths(change) == [place]


@pytest.mark.parametrize("change", TAKEN.values(), ids=TAKEN)
def test_what_runs_well_on_a_cluster_is_taken(change: Change) -> None:
    assert paths(change) == []


@pytest.mark.parametrize("name", EXECUTOR_NUMBERS + OPERATOR_NUMBERS)
def test_an_annotation_that_must_be_a_number_is_refused_as_anything_else(name: str) -> None:
    for text in NO_NUMBERS:
        assert paths(annotated(name, text)) == [f"spec.annotations['seldon.io/{name}']"]
    assert paths(annotated(name, "100000")) == []


@pytest.mark.parametrize("name", OPERATOR_NUMBERS)
def test_what_the_operator_reads_in_the_metadata_is_judged_there_too(name: str) -> None:
    assert paths(annotated(name, "many", of="metadata")) == [f"metadata.annotations['seldon.io/{name}']"]
    assert paths(annotated(name, "5", of="metadata")) == []


def test_a_log_queue_that_an_executor_has_no_memory_for_is_refused() -> None:
    assert paths(annotated("executor-logger-queue-size", "1000000")) == []
    assert paths(annotated("executor-logger-queue-size", "1000001")) != []
