"""Rules that no recorded case covers; each on an otherwise right SeldonDeployment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.operator_cases import operator_case

from graph.documents import load, validate_files
from graph.errors import UsageError, ValidationError
from graph.validate import problems, validate

Change = Callable[[dict[str, Any]], object]


def right_deployment() -> dict[str, Any]:
    document: dict[str, Any] = operator_case("router with aggregate over forecaster and fallback")["cr"]
    return document


def predictor(document: dict[str, Any]) -> dict[str, Any]:
    first: dict[str, Any] = document["spec"]["predictors"][0]
    return first


def graph(document: dict[str, Any]) -> dict[str, Any]:
    root: dict[str, Any] = predictor(document)["graph"]
    return root


def pod(document: dict[str, Any]) -> dict[str, Any]:
    component: dict[str, Any] = predictor(document)["componentSpecs"][0]
    return component


def container(document: dict[str, Any]) -> dict[str, Any]:
    first: dict[str, Any] = pod(document)["spec"]["containers"][0]
    return first


def nest(document: dict[str, Any], levels: int) -> None:
    """Puts a chain of that many ready-made servers below the root."""
    below: list[dict[str, Any]] = []
    for number in range(levels):
        server = {"implementation": "MLFLOW_SERVER", "modelUri": "s3://models/one"}
        below = [{"name": f"server-{number}", **server, "children": below}]
    graph(document)["children"] = below


def scale_by_cpu(document: dict[str, Any]) -> None:
    """All containers but the first say what they request."""
    hpa = operator_case("hpa by cpu utilisation, pdb, requests and limits")["cr"]
    pod(document)["hpaSpec"] = pod(hpa)["hpaSpec"]
    for each in pod(document)["spec"]["containers"][1:]:
        each["resources"] = {"requests": {"cpu": "1"}}


def paths(change: Change) -> list[str]:
    document = right_deployment()
    change(document)
    return [problem.path for problem in problems(document)]


POD = "spec.predictors[0].componentSpecs[0]"
FIRST = f"{POD}.spec.containers[0]"
ROOT = "spec.predictors[0].graph"
REFUSED: dict[str, tuple[Change, str]] = {
    "a logger mode nobody knows": (lambda d: graph(d).update(logger={"mode": "none"}), f"{ROOT}.logger.mode"),
    "a logger url without a host": (
        lambda d: graph(d).update(logger={"mode": "all", "url": "sink:80"}),
        f"{ROOT}.logger.url",
    ),
    "a combiner without children": (
        lambda d: graph(d)["children"][0].update(type="COMBINER"),
        f"{ROOT}.children[0].children",
    ),
    "an unknown method": (lambda d: graph(d).update(methods=["AGGREGATES"]), f"{ROOT}.methods[0]"),
    "an unknown implementation": (lambda d: graph(d).update(implementation="SIMPLE_ROUTER"), f"{ROOT}.implementation"),
    "a parameter that does not parse": (
        lambda d: graph(d).update(parameters=[{"name": "n", "value": "two", "type": "INT"}]),
        f"{ROOT}.parameters[0].value",
    ),
    "a preset port variable": (
        lambda d: container(d).update(env=[{"name": "PREDICTIVE_UNIT_HTTP_SERVICE_PORT", "value": "9000"}]),
        f"{FIRST}.env[0].name",
    ),
    "a plain password": (
        lambda d: container(d).update(env=[{"name": "MLFLOW_TRACKING_PASSWORD", "value": "hunter2"}]),
        f"{FIRST}.env[0].value",
    ),
    "a password in a URL": (
        lambda d: container(d).update(env=[{"name": "MLFLOW_TRACKING_URI", "value": "http://me:hunter2@mlflow"}]),
        f"{FIRST}.env[0].value",
    ),
    "a lower-case log level": (
        lambda d: container(d).update(env=[{"name": "SELDON_LOG_LEVEL", "value": "debug"}]),
        f"{FIRST}.env[0].value",
    ),
    "the tag latest": (lambda d: container(d).update(image="registry:5000/storecast:latest"), f"{FIRST}.image"),
    "no tag": (lambda d: container(d).update(image="registry:5000/storecast"), f"{FIRST}.image"),
    "a request over its limit": (
        lambda d: container(d).update(resources={"requests": {"memory": "1Gi"}, "limits": {"memory": "1000Mi"}}),
        f"{FIRST}.resources.requests.memory",
    ),
    "a utilisation without a request": (scale_by_cpu, f"{FIRST}.resources.requests"),
    "a mount without a volume": (
        lambda d: container(d).update(volumeMounts=[{"name": "tmp", "mountPath": "/scratch"}]),
        f"{FIRST}.volumeMounts[0].name",
    ),
    "a port of the executor": (
        lambda d: container(d).update(ports=[{"name": "http", "containerPort": 8000}]),
        f"{FIRST}.ports",
    ),
    "a timeout with a unit": (
        lambda d: d["spec"].update(annotations={"seldon.io/rest-timeout": "5s"}),
        "spec.annotations['seldon.io/rest-timeout']",
    ),
    "an equals sign in an annotation": (
        lambda d: predictor(d).update(annotations={"note": "a=b"}),
        "spec.predictors[0].annotations['note']",
    ),
    "a long name": (lambda d: d["metadata"].update(name="s" * 64), "metadata.name"),
    "a lone predictor with half the traffic": (lambda d: predictor(d).update(traffic=50), "spec.predictors"),
}


@pytest.mark.parametrize(("change", "place"), REFUSED.values(), ids=REFUSED)
def test_what_breaks_later_is_refused_at_its_place(change: Change, place: str) -> None:
    assert paths(change) == [place]


def test_a_graph_of_ten_levels_is_taken_and_of_eleven_refused() -> None:
    assert paths(lambda document: nest(document, 10)) == []
    assert paths(lambda document: nest(document, 11)) == [ROOT + ".children[0]" * 11]


def test_a_random_ab_test_has_two_children() -> None:
    document: dict[str, Any] = operator_case("RANDOM_ABTEST root")["cr"]
    graph(document)["children"].pop()
    assert [problem.path for problem in problems(document)] == [f"{ROOT}.children"]


def test_two_disruption_budgets_overlap() -> None:
    document: dict[str, Any] = operator_case("canary: two predictors 90/10")["cr"]
    for each in document["spec"]["predictors"]:
        each["componentSpecs"][0]["pdbSpec"] = {"maxUnavailable": 1}
    assert [problem.path for problem in problems(document)] == ["spec.predictors[1].componentSpecs[0].pdbSpec"]


def test_the_first_pod_holds_a_container_of_the_graph() -> None:
    def put_sidecar_first(document: dict[str, Any]) -> None:
        sidecar = {"spec": {"containers": [{"name": "sidecar", "image": "sidecar:1"}]}}
        predictor(document)["componentSpecs"].insert(0, sidecar)

    assert paths(put_sidecar_first) == [POD]


def test_all_problems_come_in_one_report_with_wrong_types_beside_broken_rules() -> None:
    def break_three(document: dict[str, Any]) -> None:
        predictor(document)["replicas"] = "two"
        predictor(document)["trafic"] = 1
        container(document)["image"] = "storecast:latest"

    assert paths(break_three) == [f"{FIRST}.image", "spec.predictors[0].replicas", "spec.predictors[0].trafic"]


def test_a_secret_never_shows_in_a_report() -> None:
    document = right_deployment()
    container(document)["env"] = [{"name": "A_TOKEN", "value": "hunter2"}, {"name": "B_TOKEN", "value": 4711}]
    text = str([str(problem) for problem in problems(document)])
    assert "A_TOKEN" in text
    assert "hunter2" not in text
    assert "4711" not in text


def test_a_document_without_a_spec_is_one_problem() -> None:
    assert [problem.path for problem in problems({"kind": "SeldonDeployment", "metadata": {"name": "x"}})] == ["spec"]


def test_validate_returns_the_typed_form() -> None:
    document = right_deployment()
    assert validate(document).to_wire() == document


def test_validate_raises_with_a_line_for_each_problem() -> None:
    document = right_deployment()
    document["spec"] |= {"protocol": "x", "transport": "y"}
    with pytest.raises(ValidationError, match=r"spec\.protocol: wanted one of .*\nspec\.transport: wanted"):
        validate(document)


def test_files_are_validated_together(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("kind: ConfigMap\n---\nkind: SeldonDeployment\nmetadata: {name: x}\n")
    two.write_text("kind: SeldonDeployment\nmetadata: {name: x}\nspec: {predictors: []}\n")
    with pytest.raises(ValidationError, match=r"one\.yaml:\n  spec: wanted .*\n.*two\.yaml:\n  spec\.predictors: "):
        validate_files([one, two])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: ConfigMap\n", "wanted a SeldonDeployment in .*, got ConfigMap"),
        ("", "got nothing"),
        ("a: 1\na: 2\n", "'a' comes twice"),
        ("a: [\n", "wanted YAML"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        load(path)


def test_a_date_in_a_file_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text("kind: SeldonDeployment\nmetadata: {annotations: {since: 2015-06-20}}\n")
    assert load(path)[0]["metadata"]["annotations"] == {"since": "2015-06-20"}
