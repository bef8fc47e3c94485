"""Rules about one container: its image, environment, ports, probes, resources and mounts."""

import re
from collections.abc import Iterator
from decimal import Decimal

from graph.seldon import ENGINE_CONTAINER, INJECTED_ENV
from graph.spec.names import MAX_NODE_NAME, MAX_PORT_NAME, is_label, is_port_name, is_variable_name
from graph.spec.pod import Container, EnvVar, Probe, ResourceRequirements
from graph.spec.quantity import parse_quantity
from graph.validation.problem import Problem, show

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
MAX_PORT = 65535

_SECRET_WORDS = ("PASSWORD", "TOKEN", "SECRET", "KEY")
# Names of variables that hold the place of a secret, not the secret.
_SECRET_PLACES = ("_FILE", "_PATH", "_DIR")
_URL_PASSWORD = re.compile(r"://[^/\s@:]*:[^/\s@]+@")
_SEEDED_PORTS = ("http", "grpc", "metrics")


def container_problems(container: Container, path: str, volumes: set[str], *, in_graph: bool) -> Iterator[Problem]:
    """Every problem of a container at `path`.

    Args: volumes: the names of its pod's volumes.  in_graph: whether a node of the graph runs in it.
    """
    if not is_label(container.name, longest=MAX_NODE_NAME):
        wanted = f"at most {MAX_NODE_NAME} lower-case letters, digits and inner hyphens"
        yield Problem(f"{path}.name", wanted, show(container.name), "rename it")
    if container.name == ENGINE_CONTAINER:
        yield Problem(
            f"{path}.name", "a name other than that of the executor's container", show(container.name), "rename it"
        )
    yield from _image(container, path)
    yield from env_problems(container.env, f"{path}.env")
    if in_graph:
        yield from _preset_env(container, path)
    yield from _ports(container, path)
    yield from _probes(container, path, in_graph=in_graph)
    yield from resource_problems(container.resources, f"{path}.resources")
    yield from _mounts(container, path, volumes)
    for index, argument in enumerate([*container.command, *container.args]):
        if _URL_PASSWORD.search(argument):
            todo = "pass it from a Secret through an environment variable"
            yield Problem(f"{path}.args", "no password in an argument", f"one in argument {index}", todo)


def env_problems(env: list[EnvVar], path: str) -> Iterator[Problem]:
    """Every problem of a list of environment variables at `path`. Never shows a value."""
    seen: set[str] = set()
    for index, variable in enumerate(env):
        where = f"{path}[{index}]"
        if variable.name in seen:
            yield Problem(f"{where}.name", "a unique name", show(variable.name), "remove one of the two")
        seen.add(variable.name)
        if not is_variable_name(variable.name):
            wanted = "letters, digits, hyphens, dots and underscores, first no digit"
            yield Problem(f"{where}.name", wanted, show(variable.name), "rename it: the cluster could not create a pod")
        if variable.value and variable.value_from:
            yield Problem(where, "value or valueFrom", f"both for {variable.name}", "remove one of the two")
        if variable.value_from and len(variable.value_from.to_wire()) != 1:
            yield Problem(f"{where}.valueFrom", "exactly one source", "none or several", "give one")
        if _looks_secret(variable):
            todo = "use valueFrom.secretKeyRef: everyone who can read the pod can read a plain value"
            yield Problem(f"{where}.value", "no secret in the file", f"a plain value for {variable.name}", todo)
        if variable.name == "SELDON_LOG_LEVEL" and variable.value is not None and variable.value not in LOG_LEVELS:
            todo = "write it in capital letters: the wrapper would not start"
            yield Problem(f"{where}.value", f"one of {', '.join(LOG_LEVELS)}", show(variable.value), todo)


def resource_problems(resources: ResourceRequirements | None, path: str) -> Iterator[Problem]:
    """Quantities that do not parse or are negative, and requests above their limits."""
    if resources is None:
        return
    for kind, quantities in (("requests", resources.requests), ("limits", resources.limits)):
        for name, text in quantities.items():
            if _quantity(text) is None:
                wanted = "a quantity such as 250m, 1 or 512Mi"
                yield Problem(f"{path}.{kind}.{name}", wanted, show(text), "correct it")
    for name in resources.requests.keys() & resources.limits.keys():
        request, limit = _quantity(resources.requests[name]), _quantity(resources.limits[name])
        if request is not None and limit is not None and request > limit:
            wanted = f"at most the limit {resources.limits[name]}"
            yield Problem(
                f"{path}.requests.{name}", wanted, show(resources.requests[name]), "lower it or raise the limit"
            )


def _quantity(text: str | int) -> Decimal | None:
    try:
        number = parse_quantity(text)
    except ValueError:
        return None
    return number if number >= 0 else None


def _image(container: Container, path: str) -> Iterator[Problem]:
    image = container.image or ""
    tag = image.rpartition("/")[2].partition(":")[2]
    if not image:
        yield Problem(f"{path}.image", "a container image", "nothing", "add it, with a tag or a digest")
    elif "@sha256:" not in image and tag in {"", "latest"}:
        todo = "add a tag or a digest: otherwise it is unknown which version runs, and a rollback has no effect"
        yield Problem(f"{path}.image", "an image with a fixed tag or a digest", show(image), todo)


def _preset_env(container: Container, path: str) -> Iterator[Problem]:
    for index, variable in enumerate(container.env):
        if variable.name in INJECTED_ENV:
            todo = "remove it: it can remove all env of the container; to choose a port, give a port the name `http`"
            yield Problem(f"{path}.env[{index}].name", "no variable that the operator sets", show(variable.name), todo)


def _looks_secret(variable: EnvVar) -> bool:
    if not variable.value:
        return False
    name = variable.name.upper()
    named = any(word in name for word in _SECRET_WORDS) and not name.endswith(_SECRET_PLACES)
    return named or _URL_PASSWORD.search(variable.value) is not None


def _ports(container: Container, path: str) -> Iterator[Problem]:
    names: set[str] = set()
    for index, port in enumerate(container.ports):
        where = f"{path}.ports[{index}]"
        if not 0 < port.container_port <= MAX_PORT:
            yield Problem(
                f"{where}.containerPort", f"a port from 1 to {MAX_PORT}", show(port.container_port), "correct it"
            )
        if port.name is not None and not is_port_name(port.name):
            wanted = f"at most {MAX_PORT_NAME} lower-case letters, digits and inner hyphens"
            yield Problem(f"{where}.name", wanted, show(port.name), "rename it: the cluster could not create a pod")
        if port.name in names:
            yield Problem(f"{where}.name", "a unique name", show(port.name), "rename one of the two")
        names |= {port.name} if port.name else set()


def _probes(container: Container, path: str, *, in_graph: bool) -> Iterator[Problem]:
    known = {port.name for port in container.ports if port.name} | (set(_SEEDED_PORTS) if in_graph else set())
    for name, probe in (
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    ):
        if probe is not None:
            yield from _probe(probe, f"{path}.{name}", known)


def _probe(probe: Probe, path: str, known: set[str]) -> Iterator[Problem]:
    handlers = [each for each in (probe.http_get, probe.tcp_socket, probe.exec, probe.grpc) if each is not None]
    if len(handlers) != 1:
        yield Problem(path, "exactly one of httpGet, tcpSocket, exec, grpc", str(len(handlers)), "give one")
    action = probe.http_get or probe.tcp_socket
    if action is not None and isinstance(action.port, str) and action.port not in known:
        todo = "give a port of the container that name, or use the number of the port"
        yield Problem(
            path, f"a port name of the container ({', '.join(sorted(known)) or 'none'})", show(action.port), todo
        )


def _mounts(container: Container, path: str, volumes: set[str]) -> Iterator[Problem]:
    paths: set[str] = set()
    for index, mount in enumerate(container.volume_mounts):
        where = f"{path}.volumeMounts[{index}]"
        if mount.name not in volumes:
            got = f"{mount.name!r}; the pod has {', '.join(sorted(volumes)) or 'none'}"
            yield Problem(f"{where}.name", "a volume of the pod", got, "add the volume or correct the name")
        if mount.mount_path in paths:
            yield Problem(f"{where}.mountPath", "a unique path", show(mount.mount_path), "use another path")
        paths.add(mount.mount_path)
