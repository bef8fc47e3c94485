"""Rules that no recorded case covers; each on an otherwise right SeldonDeployment."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from support.graph.broken_documents import PLUGIN_VOLUMES, broken
from support.graph.operator_cases import operator_case

from graph.errors import UsageError, ValidationError
from graph.validation.documents import load, validate_files
from graph.validation.validate import problems, validate

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


def mount(volume: dict[str, Any]) -> Change:
    return lambda document: pod(document)["spec"].update(volumes=[{"name": "data", **volume}])


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
    "an unknown type": (lambda d: graph(d)["children"][1].update(type="MODELL"), f"{ROOT}.children[1].type"),
    "a router without children": (lambda d: graph(d).update(children=[]), f"{ROOT}.children"),
    "two nodes of one name": (
        lambda d: graph(d)["children"][1].update(name="forecaster"),
        f"{ROOT}.children[1].name",
    ),
    "an unknown field": (lambda d: graph(d).update(kind="ROUTER"), f"{ROOT}.kind"),
    "a model with several children": (
        lambda d: graph(d).update(type="MODEL", methods=[]),
        f"{ROOT}.children",
    ),
    "a model that only transforms": (
        lambda d: graph(d)["children"][0].update(methods=["TRANSFORM_INPUT"]),
        f"{ROOT}.children[0].methods",
    ),
    "a parameter of an unknown type": (
        lambda d: graph(d).update(parameters=[{"name": "n", "value": "2", "type": "INTEGER"}]),
        f"{ROOT}.parameters[0].type",
    ),
    "routing injection": (
        lambda d: predictor(d).update(
            svcOrchSpec={"env": [{"name": "SELDON_ENABLE_ROUTING_INJECTION", "value": "no"}]}
        ),
        "spec.predictors[0].svcOrchSpec.env",
    ),
    "a variable that no process can have": (
        lambda d: container(d).update(env=[{"name": "2_WORDS", "value": "x"}]),
        f"{FIRST}.env[0].name",
    ),
    "a port name that is too long": (
        lambda d: container(d).update(ports=[{"name": "a-name-too-long-for-it", "containerPort": 7000}]),
        f"{FIRST}.ports[0].name",
    ),
    "a label with a space": (
        lambda d: predictor(d).update(labels={"version": "one two"}),
        "spec.predictors[0].labels['version']",
    ),
    "a volume with an underscore": (
        lambda d: pod(d)["spec"].update(volumes=[{"name": "my_data", "emptyDir": {}}]),
        f"{POD}.spec.volumes[0].name",
    ),
    "a long name": (lambda d: d["metadata"].update(name="s" * 64), "metadata.name"),
    "a lone predictor with half the traffic": (lambda d: predictor(d).update(traffic=50), "spec.predictors"),
}


SHAPES: dict[str, tuple[Change, str]] = {
    "a claim without its name": (
        mount({"persistentVolumeClaim": {"readOnly": True}}),
        f"{POD}.spec.volumes[0].persistentVolumeClaim.claimName",
    ),
    "a size that is no quantity": (
        mount({"emptyDir": {"sizeLimit": "1 GB"}}),
        f"{POD}.spec.volumes[0].emptyDir.sizeLimit",
    ),
    "a metric without a type": (
        lambda d: pod(d).update(hpaSpec={"maxReplicas": 2, "metricsv2": [{"resource": {"name": "cpu"}}]}),
        f"{POD}.hpaSpec.metricsv2[0].type",
    ),
    "a trigger without metadata": (
        lambda d: pod(d).update(kedaSpec={"triggers": [{"type": "cron"}]}),
        f"{POD}.kedaSpec.triggers[0].metadata",
    ),
    "an affinity without a topology": (
        lambda d: pod(d)["spec"].update(
            affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"namespaces": []}]}}
        ),
        f"{POD}.spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey",
    ),
    "a misspelt toleration": (
        lambda d: pod(d)["spec"].update(tolerations=[{"effekt": "NoSchedule"}]),
        f"{POD}.spec.tolerations[0].effekt",
    ),
    "a container without a name": (lambda d: container(d).pop("name"), f"{FIRST}.name"),
    "a predictor without a graph": (lambda d: predictor(d).pop("graph"), "spec.predictors[0].graph"),
}


@pytest.mark.parametrize(("change", "place"), SHAPES.values(), ids=SHAPES)
def test_a_shape_that_the_crd_refuses_is_refused_at_its_place(change: Change, place: str) -> None:
    assert place in paths(change)


def two_predictors(**second: Any) -> Change:  # noqa: ANN401 - any member of a predictor
    """The right predictor twice, sharing the traffic; the second changed."""

    def change(document: dict[str, Any]) -> None:
        first = predictor(document) | {"traffic": 60}
        document["spec"]["predictors"] = [first, deepcopy(first) | {"name": "second", "traffic": 40} | second]

    return change


def replace_graph(**unit: Any) -> Change:  # noqa: ANN401 - any member of a node
    return lambda document: predictor(document).update(graph={"name": "router", **unit})


def change_endpoint(kind: str) -> Change:
    return lambda document: graph(document)["children"][0].update(endpoint={"type": kind})


MLFLOW = {"implementation": "MLFLOW_SERVER", "modelUri": "s3://models/one"}
WEBHOOK: dict[str, tuple[Change, str]] = {
    "an unknown protocol": (lambda d: d["spec"].update(protocol="http"), "spec.protocol"),
    "an unknown transport": (lambda d: d["spec"].update(transport="soap"), "spec.transport"),
    "an unknown server type": (lambda d: d["spec"].update(serverType="amqp"), "spec.serverType"),
    "no predictor": (lambda d: d["spec"].update(predictors=[]), "spec.predictors"),
    "one name for two predictors": (two_predictors(name="main"), "spec.predictors[1].name"),
    "a shadow alone": (lambda d: predictor(d).update(shadow=True), "spec.predictors"),
    "two shadows": (
        lambda d: (two_predictors(shadow=True)(d), predictor(d).update(shadow=True, traffic=0)),
        "spec.predictors",
    ),
    "a shadow with more than all of the traffic": (
        two_predictors(shadow=True, traffic=101),
        "spec.predictors[1].traffic",
    ),
    "traffic that does not sum to 100": (two_predictors(traffic=30), "spec.predictors"),
    "a lone predictor with some of the traffic": (lambda d: predictor(d).update(traffic=99), "spec.predictors"),
    "no engine for several nodes": (
        lambda d: predictor(d).update(annotations={"seldon.io/no-engine": "true"}),
        "spec.predictors[0].annotations['seldon.io/no-engine']",
    ),
    "an endpoint of another transport": (change_endpoint("GRPC"), f"{ROOT}.children[0].endpoint.type"),
    "a node without a container": (replace_graph(name="nobody"), f"{ROOT}.name"),
    "an unknown type without methods": (replace_graph(type="UNKNOWN_TYPE"), f"{ROOT}.type"),
    "a server without a model": (replace_graph(implementation="SKLEARN_SERVER"), f"{ROOT}.modelUri"),
    "a server of another protocol": (
        lambda d: (replace_graph(**MLFLOW)(d), d["spec"].update(protocol="tensorflow")),
        f"{ROOT}.implementation",
    ),
    "a server that nobody knows": (replace_graph(implementation="MY_SERVER"), f"{ROOT}.implementation"),
    "a logger without a mode": (lambda d: graph(d).update(logger={"url": "http://sink/"}), f"{ROOT}.logger.mode"),
    "kafka without its broker": (lambda d: d["spec"].update(serverType="kafka"), "spec.predictors[0].svcOrchSpec.env"),
}


@pytest.mark.parametrize(("change", "place"), WEBHOOK.values(), ids=WEBHOOK)
def test_what_the_webhook_refuses_is_refused_at_its_place(change: Change, place: str) -> None:
    assert place in paths(change)


@pytest.mark.parametrize(("change", "place"), REFUSED.values(), ids=REFUSED)
def test_what_breaks_later_is_refused_at_its_place(change: Change, place: str) -> None:
    assert paths(change) == [place]


def test_a_graph_of_ten_levels_is_taken_and_of_eleven_refused() -> None:
    assert paths(lambda document: nest(document, 10)) == []
    assert paths(lambda document: nest(document, 11)) == [ROOT + ".children[0]" * 11]


@pytest.mark.parametrize("kind", PLUGIN_VOLUMES)
def test_a_volume_of_a_storage_plugin_is_taken_and_kept_as_it_is(kind: str) -> None:
    document = right_deployment()
    mount({kind: PLUGIN_VOLUMES[kind]})(document)
    written = validate(document).to_wire()
    assert pod(written)["spec"]["volumes"] == [{"name": "data", kind: PLUGIN_VOLUMES[kind]}]


@pytest.mark.parametrize("kind", PLUGIN_VOLUMES)
def test_an_unknown_field_of_a_storage_plugin_is_refused(kind: str) -> None:
    volume = {**PLUGIN_VOLUMES[kind], "surprise": "x"}
    assert paths(mount({kind: volume})) == [f"{POD}.spec.volumes[0].{kind}.surprise"]


def test_a_missing_field_of_a_storage_plugin_is_refused() -> None:
    where = f"{POD}.spec.volumes[0].azureFile"
    assert paths(mount({"azureFile": {"shareName": "n"}})) == [f"{where}.secretName"]


def test_ephemeral_containers_are_refused_because_kubernetes_makes_no_pod_of_them() -> None:
    document = right_deployment()
    pod(document)["spec"]["ephemeralContainers"] = [{"name": "shell", "image": "shell:1", "targetContainerName": "a"}]
    (problem,) = problems(document)
    assert problem.path == f"{POD}.spec.ephemeralContainers"
    assert "'shell'" in problem.got
    assert "kubectl debug" in problem.todo


def test_a_field_that_the_crd_does_not_have_either_is_unknown_wherever_it_stands() -> None:
    for change in (
        mount({"azurefile": {}}),
        lambda d: container(d).update(azureFile={}),
        lambda d: container(d).update(ephemeralContainers=[]),
        lambda d: graph(d).update(ephemeralContainers=[]),
    ):
        document = right_deployment()
        change(document)
        assert [problem.got.startswith("the unknown field") for problem in problems(document)] == [True]


def rename_first_node(document: dict[str, Any], name: str) -> None:
    graph(document)["name"] = container(document)["name"] = name


def test_a_node_name_of_48_is_taken_and_of_49_refused() -> None:
    assert paths(lambda document: rename_first_node(document, "n" * 48)) == []
    assert paths(lambda document: rename_first_node(document, "n" * 49)) == [f"{FIRST}.name", f"{ROOT}.name"]


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
        ("a: 1\na: 2\n", "'a' appears twice"),
        ("a: [\n", "wanted valid YAML"),
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


@given(document=broken())
def test_every_broken_document_is_judged_and_what_is_taken_can_be_read(document: dict[str, Any]) -> None:
    found = problems(document)
    assert all(problem.path and problem.wanted and problem.todo for problem in found)
    if not found:
        assert validate(document).to_wire().keys() == document.keys()
