"""Rules about the pods of one predictor, and how they scale."""

import re
from collections.abc import Iterator, Mapping

from graph.operator.defaults import PortTable
from graph.seldon import ENGINE_CONTAINER, ENGINE_GRPC_PORT, ENGINE_HTTP_PORT, PODINFO_VOLUME, RANDOM_ABTEST
from graph.spec.deployment import ComponentSpec, Predictor
from graph.spec.names import is_label, is_label_key, is_label_value
from graph.spec.scaling import HpaSpec, PdbSpec
from graph.validation.container_rules import container_problems
from graph.validation.node_rules import needs_container
from graph.validation.problem import Problem, at_key, show

ENGINE_PORTS = dict.fromkeys((ENGINE_HTTP_PORT, ENGINE_GRPC_PORT), ENGINE_CONTAINER)

_PERCENT = re.compile(r"[0-9]{1,3}%")


def pod_problems(predictor: Predictor, path: str, ports: PortTable, *, engine_apart: bool) -> Iterator[Problem]:
    """Everything wrong with the componentSpecs of the predictor at `path`.

    Args: ports: of the graph containers.  engine_apart: whether the executor has a pod of its own, or there is none.
    """
    nodes = {unit.name for unit in predictor.graph.walk()}
    seen: dict[str, str] = {}
    yield from _labels(predictor.labels, f"{path}.labels")
    for index, component in enumerate(predictor.component_specs):
        where = f"{path}.componentSpecs[{index}]"
        yield from _labels(component.metadata.labels, f"{where}.metadata.labels")
        yield from _volume_names(component, where)
        yield from _debug_containers(component, where)
        volumes = _volumes(component, predictor)
        for number, container in enumerate(component.containers):
            here = f"{where}.spec.containers[{number}]"
            if container.name in seen:
                todo = "rename one: a container and its node have the same name"
                got = f"{container.name!r}, as in {seen[container.name]}"
                yield Problem(f"{here}.name", "a unique name in the predictor", got, todo)
            seen.setdefault(container.name, here)
            yield from container_problems(container, here, volumes, in_graph=container.name in nodes)
        with_engine = index == 0 and not engine_apart
        yield from _port_clashes(predictor, component, where, ports, with_engine=with_engine)
        yield from _scaling(component, where)
    if not engine_apart:
        yield from _first_pod(predictor, path, nodes)


def _labels(labels: Mapping[str, str], path: str) -> Iterator[Problem]:
    for key, value in labels.items():
        if not (is_label_key(key) and is_label_value(value)):
            wanted = "at most 63 letters, digits, inner hyphens, dots and underscores"
            yield Problem(
                at_key(path, key), wanted, show(value), "correct it: the cluster could not create a pod with it"
            )


def _volume_names(component: ComponentSpec, path: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, volume in enumerate(component.spec.volumes if component.spec else ()):
        where = f"{path}.spec.volumes[{index}].name"
        if not is_label(volume.name):
            wanted = "at most 63 lower-case letters, digits and inner hyphens"
            yield Problem(where, wanted, show(volume.name), "rename it: the cluster could not create a pod")
        if volume.name in seen:
            yield Problem(where, "a unique name in the pod", show(volume.name), "rename one of the two")
        seen.add(volume.name)


def _debug_containers(component: ComponentSpec, path: str) -> Iterator[Problem]:
    """Ephemeral containers: the CRD takes them, but Kubernetes refuses them in the template of a Deployment.

    Source: ValidatePodTemplateSpec in pkg/apis/core/validation of Kubernetes.
    """
    containers = component.spec.ephemeral_containers if component.spec else ()
    if containers:
        todo = "remove them: no pod is made of such a template; add one to a running pod with kubectl debug"
        names = ", ".join(container.name for container in containers)
        yield Problem(f"{path}.spec.ephemeralContainers", "none in a pod's template", show(names), todo)


def _volumes(component: ComponentSpec, predictor: Predictor) -> set[str]:
    """The names of a pod's volumes: its own, and those that the operator adds."""
    own = {volume.name for volume in component.spec.volumes} if component.spec else set()
    models = {f"{unit.name}-provision-location" for unit in predictor.graph.walk() if unit.model_uri}
    here = {f"{container.name}-provision-location" for container in component.containers}
    return own | {PODINFO_VOLUME} | (models & here)


def _first_pod(predictor: Predictor, path: str, nodes: set[str]) -> Iterator[Problem]:
    """The executor runs in the pod of componentSpecs[0], which needs a container of a node; else no pod is created."""
    own_pods = [{container.name for container in component.containers} for component in predictor.component_specs]
    served = any(not needs_container(unit) and unit.implementation != RANDOM_ABTEST for unit in predictor.graph.walk())
    if not served and own_pods and not own_pods[0] & nodes and any(names & nodes for names in own_pods[1:]):
        todo = "put the pod with a node of the graph first: the executor runs in the first pod"
        got = ", ".join(sorted(own_pods[0])) or "none"
        yield Problem(f"{path}.componentSpecs[0]", "a container of a node of the graph", got, todo)


def _port_clashes(
    predictor: Predictor, component: ComponentSpec, path: str, ports: PortTable, *, with_engine: bool
) -> Iterator[Problem]:
    """Containers of a pod share one network: each port belongs to one container."""
    owners = dict(ENGINE_PORTS) if with_engine else {}
    for index, container in enumerate(component.containers):
        declared = {port.container_port for port in container.ports if port.protocol in {None, "", "TCP"}}
        given = ports.get((predictor.name, container.name))
        for number in sorted(declared | ({given.http, given.grpc, given.metrics} if given else set())):
            owner = owners.setdefault(number, container.name)
            if owner != container.name:
                where = f"{path}.spec.containers[{index}].ports"
                todo = "give each container of a pod its own ports; the operator does so if no port has the name `http`"
                yield Problem(
                    where, "a port that only one container of the pod uses", f"{number}, which {owner} uses, too", todo
                )


def _scaling(component: ComponentSpec, path: str) -> Iterator[Problem]:
    if component.replicas is not None and component.replicas < 0:
        yield Problem(f"{path}.replicas", "0 or more", show(component.replicas), "correct it")
    if component.replicas is not None and (component.hpa_spec or component.keda_spec):
        todo = "remove one of them: with both, replicas is ignored"
        yield Problem(f"{path}.replicas", "replicas or an autoscaler", "both", todo)
    if component.hpa_spec and component.keda_spec:
        yield Problem(f"{path}.hpaSpec", "hpaSpec or kedaSpec", "both", "remove one: with both, hpaSpec is ignored")
    if component.hpa_spec:
        yield from _hpa(component.hpa_spec, component, path)
    if component.pdb_spec:
        yield from _pdb(component.pdb_spec, f"{path}.pdbSpec")


def _hpa(hpa: HpaSpec, component: ComponentSpec, path: str) -> Iterator[Problem]:
    least = 1 if hpa.min_replicas is None else hpa.min_replicas
    if least < 1:
        yield Problem(f"{path}.hpaSpec.minReplicas", "1 or more", show(least), "raise it")
    if hpa.max_replicas < max(least, 1):
        todo = "raise it or lower minReplicas"
        yield Problem(f"{path}.hpaSpec.maxReplicas", f"at least minReplicas {least}", show(hpa.max_replicas), todo)
    for name in sorted({name for name, target in hpa.targets() if target.type == "Utilization"}):
        for index, container in enumerate(component.containers):
            resources = container.resources
            if resources is None or not (name in resources.requests or name in resources.limits):
                where = f"{path}.spec.containers[{index}].resources.requests"
                todo = (
                    "add it: without it, the utilisation is unknown, which is a share of the requests of all containers"
                )
                yield Problem(where, f"a request of {name}, because the autoscaler uses it", "none", todo)


def _pdb(pdb: PdbSpec, path: str) -> Iterator[Problem]:
    given = {"minAvailable": pdb.min_available, "maxUnavailable": pdb.max_unavailable}
    named = {name: value for name, value in given.items() if value is not None}
    if len(named) != 1:
        yield Problem(path, "minAvailable or maxUnavailable", " and ".join(named) or "neither", "give exactly one")
    for name, value in named.items():
        if not (isinstance(value, int) and value >= 0) and not _PERCENT.fullmatch(str(value)):
            yield Problem(f"{path}.{name}", "a number of pods, or a percentage such as 25%", show(value), "correct it")
