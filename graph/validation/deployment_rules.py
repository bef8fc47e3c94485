"""Rules about a SeldonDeployment as a whole: its names, its annotations, and how its predictors share the traffic."""

import re
from collections.abc import Iterable, Iterator, Mapping

from graph.operator.defaults import added_containers, assign_ports, with_servers
from graph.seldon import (
    API_VERSION,
    CERTIFICATE_PATH,
    ENV_ANNOTATION,
    GRPC_TIMEOUT,
    KAFKA_ENV,
    KIND,
    LOG_QUEUE_SIZE,
    NO_ENGINE,
    OPERATOR_NUMBERS,
    POD_NUMBERS,
    PREDICTOR,
    REST_TIMEOUT,
    ROUTING_INJECTION,
    SEPARATE_ENGINE,
    SVC_NAME,
)
from graph.spec.deployment import Predictor, SeldonDeployment
from graph.spec.names import is_label, is_service_name
from graph.validation.container_rules import env_problems, resource_problems
from graph.validation.node_rules import node_problems, walk_with_paths
from graph.validation.pod_rules import pod_problems
from graph.validation.problem import Problem, at_key, show

PROTOCOLS = ("seldon", "tensorflow", "kfserving", "v2")
TRANSPORTS = ("rest", "grpc")
SERVER_TYPES = ("rpc", "kafka")
MAX_INT32 = 2_147_483_647
MAX_LOG_QUEUE = 1_000_000
EXPLAINERS = (
    "AnchorTabular",
    "AnchorImages",
    "AnchorText",
    "Counterfactuals",
    "Contrastive",
    "KernelShap",
    "IntegratedGradients",
    "ALE",
    "TreeShap",
)
WHOLE = 100

# Not what `int` or `str.isdecimal` take: Go reads neither other digits nor underscores.
_NUMBER = re.compile(r"[0-9]{1,10}")


def deployment_problems(deployment: SeldonDeployment) -> Iterator[Problem]:
    """Every problem of a SeldonDeployment whose fields and types are valid."""
    yield from _identity(deployment)
    yield from _words(deployment)
    yield from _traffic(deployment.spec.predictors)
    yield from _budgets(deployment.spec.predictors)
    yield from _spec_annotations(deployment)
    ports = assign_ports(deployment)
    apart = deployment.spec.annotations.get(SEPARATE_ENGINE) == "true"
    names: dict[str, int] = {}
    services: dict[str, int] = {}
    for index, predictor in enumerate(deployment.spec.predictors):
        path = f"spec.predictors[{index}]"
        yield from _predictor_names(predictor, path, names, services, index)
        yield from _predictor_annotations(predictor, path)
        yield from _executor(deployment, predictor, path)
        yield from _explainer(predictor, f"{path}.explainer")
        yield from _endpoint_types(predictor, path, deployment.spec.transport or "rest")
        filled = with_servers(predictor)
        yield from node_problems(filled, path, deployment.spec.protocol or "seldon")
        engine_apart = apart or NO_ENGINE in predictor.annotations
        found = pod_problems(filled, path, ports, engine_apart=engine_apart)
        yield from _at_nodes(found, predictor, path)


def _at_nodes(found: Iterable[Problem], predictor: Predictor, path: str) -> Iterator[Problem]:
    """Problems of pods; those of a container that the operator adds stand at its node, as nothing else is written."""
    nodes = {unit.name: where for unit, where, _ in walk_with_paths(predictor.graph, f"{path}.graph")}
    first = len(predictor.component_specs[0].containers) if predictor.component_specs else 0
    place = f"{path}.componentSpecs[0].spec.containers"
    added = {f"{place}[{first + number}]": each.name for number, each in enumerate(added_containers(predictor))}
    for problem in found:
        name = next((name for where, name in added.items() if problem.path.startswith(f"{where}.")), None)
        if name is None:
            yield problem
        elif not problem.path.endswith(".name"):  # which is the node's, and judged there
            todo = f"add a container {name!r} with it to componentSpecs: the operator adds one without it"
            yield Problem(nodes[name], problem.wanted, problem.got, todo)


def _identity(deployment: SeldonDeployment) -> Iterator[Problem]:
    if deployment.api_version != API_VERSION:
        yield Problem("apiVersion", API_VERSION, show(deployment.api_version), "use that version")
    if deployment.kind != KIND:
        yield Problem("kind", KIND, show(deployment.kind), "use a SeldonDeployment")
    if not is_service_name(deployment.name):
        wanted = "at most 63 lower-case letters, digits and inner hyphens, first a letter"
        yield Problem(
            "metadata.name", wanted, show(deployment.metadata.name), "rename it: the names of Services begin with it"
        )
    if deployment.metadata.namespace is not None and not is_label(deployment.metadata.namespace):
        wanted = "at most 63 lower-case letters, digits and inner hyphens"
        yield Problem("metadata.namespace", wanted, show(deployment.metadata.namespace), "correct it")


def _words(deployment: SeldonDeployment) -> Iterator[Problem]:
    spec = deployment.spec
    for name, value, words in (
        ("protocol", spec.protocol, PROTOCOLS),
        ("transport", spec.transport, TRANSPORTS),
        ("serverType", spec.server_type, SERVER_TYPES),
    ):
        if value not in (None, "", *words):
            yield Problem(f"spec.{name}", f"one of {', '.join(words)}", show(value), "correct it or remove it")
    if spec.oauth_key or spec.oauth_secret:
        yield Problem("spec.oauth_secret", "no secret in the file", "a secret", "remove it: Seldon ignores it")
    if spec.replicas is not None and spec.replicas < 0:
        yield Problem("spec.replicas", "0 or more", show(spec.replicas), "correct it")
    if not spec.predictors:
        yield Problem("spec.predictors", "at least one predictor", "none", "add one")


def _traffic(predictors: list[Predictor]) -> Iterator[Problem]:
    for index, predictor in enumerate(predictors):
        if not 0 <= (predictor.traffic or 0) <= WHOLE:
            path = f"spec.predictors[{index}].traffic"
            yield Problem(path, f"a percentage from 0 to {WHOLE}", show(predictor.traffic), "correct it")
    shadows = [predictor.name for predictor in predictors if predictor.shadow]
    live = [predictor for predictor in predictors if not predictor.shadow]
    if len(shadows) > 1:
        yield Problem("spec.predictors", "at most one shadow", ", ".join(shadows), "keep only one")
    if shadows and not live:
        yield Problem(
            "spec.predictors", "a predictor that answers", "only a shadow", "add the predictor that it shadows"
        )
    total = sum(predictor.traffic or 0 for predictor in live)
    if len(live) > 1 and total != WHOLE:
        todo = "change the traffic of the predictors (without the shadow) so that the sum is 100"
        yield Problem("spec.predictors", f"traffic with the sum {WHOLE}", str(total), todo)
    if len(live) == 1 and 0 < total < WHOLE:
        yield Problem("spec.predictors", "no traffic, or 100, for the only predictor", str(total), "remove it")


def _budgets(predictors: list[Predictor]) -> Iterator[Problem]:
    budgets = [
        f"spec.predictors[{index}].componentSpecs[{number}].pdbSpec"
        for index, predictor in enumerate(predictors)
        for number, component in enumerate(predictor.component_specs)
        if component.pdb_spec
    ]
    for extra in budgets[1:]:
        todo = "keep only one: all select the same pods, and a pod with two budgets cannot be evicted"
        yield Problem(extra, "one pdbSpec in a SeldonDeployment", f"another in {budgets[0]}", todo)


def _spec_annotations(deployment: SeldonDeployment) -> Iterator[Problem]:
    annotations = deployment.spec.annotations
    yield from _annotations(annotations, "spec.annotations")
    if annotations.get(SEPARATE_ENGINE) == "true" and (REST_TIMEOUT in annotations or GRPC_TIMEOUT in annotations):
        todo = "remove one: an executor in its own pod cannot read the timeout"
        yield Problem("spec.annotations", f"a timeout or {SEPARATE_ENGINE}", "both", todo)
    for where, given in (("spec", annotations), ("metadata", deployment.metadata.annotations)):
        yield from _numbers(given, f"{where}.annotations", OPERATOR_NUMBERS, "the operator would create no pod")
    for name in POD_NUMBERS:
        if name in deployment.metadata.annotations:
            todo = "move it: the executor does not read it here"
            yield Problem(
                at_key("metadata.annotations", name),
                "this annotation in spec.annotations",
                "it in metadata.annotations",
                todo,
            )
    for name in annotations:
        if name.startswith(ENV_ANNOTATION):
            variable = name.removeprefix(ENV_ANNOTATION).replace("-", "_").upper()
            yield from _executor_variable(variable, "spec.annotations", at_key("spec.annotations", name))


def _annotations(annotations: Mapping[str, str], path: str) -> Iterator[Problem]:
    yield from _numbers(annotations, path, POD_NUMBERS, "the executor would not start")
    for name, value in annotations.items():
        if "=" in value or "=" in name:
            todo = "remove the equals sign: it makes the executor ignore all annotations, also timeouts"
            yield Problem(at_key(path, name), "text without an equals sign", show(value), todo)


def _numbers(annotations: Mapping[str, str], path: str, names: tuple[str, ...], otherwise: str) -> Iterator[Problem]:
    for name in names:
        value = annotations.get(name, "0")
        most = MAX_LOG_QUEUE if name == LOG_QUEUE_SIZE else MAX_INT32
        if not _NUMBER.fullmatch(value) or int(value) > most:
            wanted = f"a whole number from 0 to {most}, written in digits only"
            yield Problem(at_key(path, name), wanted, show(value), f"correct it: {otherwise}")


def _predictor_names(
    predictor: Predictor, path: str, names: dict[str, int], services: dict[str, int], index: int
) -> Iterator[Problem]:
    if not is_label(predictor.name):
        wanted = "at most 63 lower-case letters, digits and inner hyphens"
        yield Problem(f"{path}.name", wanted, show(predictor.name), "rename it")
    if names.setdefault(predictor.name, index) != index:
        yield Problem(f"{path}.name", "a unique name", show(predictor.name), "rename one of the two")
    service = predictor.annotations.get(SVC_NAME)
    if service is not None and not is_service_name(service):
        where = at_key(f"{path}.annotations", SVC_NAME)
        yield Problem(where, "a valid name of a Service", show(service), "correct it")
    if service is not None and services.setdefault(service, index) != index:
        where = at_key(f"{path}.annotations", SVC_NAME)
        yield Problem(where, "a unique name", show(service), "rename one of the two")


def _predictor_annotations(predictor: Predictor, path: str) -> Iterator[Problem]:
    yield from _annotations(predictor.annotations, f"{path}.annotations")
    for number, component in enumerate(predictor.component_specs):
        inner = f"{path}.componentSpecs[{number}].metadata.annotations"
        yield from _annotations(component.metadata.annotations, inner)
    nodes = sum(1 for _ in predictor.graph.walk())
    if NO_ENGINE in predictor.annotations and nodes > 1:
        where = at_key(f"{path}.annotations", NO_ENGINE)
        yield Problem(
            where, "a graph with one node", f"{nodes} nodes", "remove it: without the executor, only one node can run"
        )


def _executor(deployment: SeldonDeployment, predictor: Predictor, path: str) -> Iterator[Problem]:
    service = predictor.svc_orch_spec
    env = service.env if service else []
    yield from env_problems(env, f"{path}.svcOrchSpec.env")
    yield from resource_problems(service.resources if service else None, f"{path}.svcOrchSpec.resources")
    for index, variable in enumerate(env):
        yield from _executor_variable(variable.name, f"{path}.svcOrchSpec.env", f"{path}.svcOrchSpec.env[{index}].name")
    missing = [name for name in KAFKA_ENV if name not in {variable.name for variable in env}]
    if deployment.spec.server_type == "kafka" and missing:
        yield Problem(f"{path}.svcOrchSpec.env", f"{', '.join(missing)} for serverType kafka", "none", "add them")
    if predictor.replicas is not None and predictor.replicas < 0:
        yield Problem(f"{path}.replicas", "0 or more", show(predictor.replicas), "correct it")
    if predictor.engine_resources:
        todo = "move it to svcOrchSpec.resources: Seldon ignores it here"
        yield Problem(f"{path}.engineResources", "svcOrchSpec.resources", "engineResources", todo)


def _executor_variable(name: str, path: str, place: str) -> Iterator[Problem]:
    """Variables that break every executor. `path` is that of all variables, `place` that of this one."""
    if name == ROUTING_INJECTION:
        todo = "remove it (the value false enables it, too); the aggregate of the root can write meta.routing"
        yield Problem(
            path, f"no {ROUTING_INJECTION}, which crashes the executor if a node has several children", "it", todo
        )
    if name == PREDICTOR:
        todo = "remove it: the executor would use that graph instead of the one in this file"
        yield Problem(place, "no variable that the operator sets", show(name), todo)
    if name == CERTIFICATE_PATH:
        todo = (
            "put the Secret into ssl.certSecretName: no other certificate is mounted, and the executor would not start"
        )
        yield Problem(place, "no variable that the operator sets", show(name), todo)


def _explainer(predictor: Predictor, path: str) -> Iterator[Problem]:
    explainer = predictor.explainer
    if explainer is None or explainer.type in EXPLAINERS:
        return
    if not explainer.type:
        if explainer.to_wire():
            yield Problem(
                f"{path}.type",
                f"one of {', '.join(EXPLAINERS)}",
                "nothing",
                "add it: without it, no explainer is created",
            )
    elif not (explainer.container_spec and explainer.container_spec.image):
        todo = "correct it, or add an image with this explainer to containerSpec: Seldon's own would not start"
        yield Problem(f"{path}.type", f"one of {', '.join(EXPLAINERS)}", show(explainer.type), todo)


def _endpoint_types(predictor: Predictor, path: str, transport: str) -> Iterator[Problem]:
    for unit, where, _ in walk_with_paths(predictor.graph, f"{path}.graph"):
        kind = unit.endpoint.type if unit.endpoint else None
        if kind and kind.lower() != transport:
            todo = "remove it: all nodes use spec.transport"
            yield Problem(f"{where}.endpoint.type", transport.upper(), show(kind), todo)
