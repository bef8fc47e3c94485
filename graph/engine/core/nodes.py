"""The graph as the engine uses it: all properties of a node are computed once, at start."""

import math
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graph.engine.go.url import url_error
from graph.seldon import RANDOM_ABTEST
from graph.spec.deployment import Endpoint, Logger, PredictiveUnit, Predictor

PREDICT = "/predict"
TRANSFORM_INPUT = "/transform-input"
TRANSFORM_OUTPUT = "/transform-output"
ROUTE = "/route"
AGGREGATE = "/aggregate"
SEND_FEEDBACK = "/send-feedback"
STATUS = "/health/status"
METADATA = "/metadata"

_FAIR = 0.5
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?(?:inf|infinity)|nan", re.IGNORECASE)


@dataclass(frozen=True)
class LogRule:
    """Which payloads of a node are logged, and where to. `url_error` is Go's text when the url cannot be parsed."""

    requests: bool
    responses: bool
    url: str
    url_error: str


@dataclass(frozen=True)
class Ratio:
    """Share of child 0 under a RANDOM_ABTEST. `error` is Go's text when the parameter is no number."""

    share: float
    error: str = ""


@dataclass(frozen=True, eq=False)
class Node:
    """One node. `address` and `probe` are None without an endpoint: calling such a node panics."""

    name: str
    type: str | None
    children: tuple["Node", ...]
    input_path: str | None
    routes: bool
    ab_test: Ratio | None
    aggregates: bool
    transforms_output: bool
    takes_feedback: bool
    address: str | None
    probe: tuple[str, int] | None
    image: str
    image_version: str
    log: LogRule | None

    def walk(self) -> Iterator["Node"]:
        """This node and all below it, each before its children."""
        yield self
        for child in self.children:
            yield from child.walk()


def compile_graph(predictor: Predictor, default_log_url: str) -> Node:
    """The predictor's graph as nodes.

    Source: executor/predictor/predictor_process.go of Seldon Core 1.17.1: type and methods decide which calls are made.
    """
    images = {container.name: container.image or "" for container in predictor.containers()}
    return _compiled(predictor.graph, images, default_log_url)


def _compiled(unit: PredictiveUnit, images: Mapping[str, str], default_log_url: str) -> Node:
    image, version = _image_labels(images.get(unit.name, ""))

    def does(type_name: str, method: str) -> bool:
        return unit.type == type_name or method in unit.methods

    return Node(
        name=unit.name,
        type=unit.type,
        children=tuple(_compiled(child, images, default_log_url) for child in unit.children),
        input_path=_input_path(unit),
        routes=does("ROUTER", "ROUTE"),
        ab_test=_ratio(unit) if unit.implementation == RANDOM_ABTEST else None,
        aggregates=does("COMBINER", "AGGREGATE"),
        transforms_output=does("OUTPUT_TRANSFORMER", "TRANSFORM_OUTPUT"),
        takes_feedback=unit.type in ("MODEL", "ROUTER") or "SEND_FEEDBACK" in unit.methods,
        address=_address(unit.endpoint),
        probe=_probe(unit.endpoint),
        image=image,
        image_version=version,
        log=_log_rule(unit.logger, default_log_url),
    )


def _input_path(unit: PredictiveUnit) -> str | None:
    if unit.type == "TRANSFORMER" or "TRANSFORM_INPUT" in unit.methods:
        return TRANSFORM_INPUT
    return PREDICT if unit.type == "MODEL" else None


def _image_labels(image: str) -> tuple[str, str]:
    """Name and version as the executor cuts them: a registry with a port leaves the text before its colon."""
    name, *rest = image.split(":")
    return name, rest[0] if len(rest) == 1 else ""


def _address(endpoint: Endpoint | None) -> str | None:
    if endpoint is None:
        return None
    host = endpoint.service_host or ""
    return f"[{host}]:{endpoint.http_port or 0}" if ":" in host else f"{host}:{endpoint.http_port or 0}"


def _probe(endpoint: Endpoint | None) -> tuple[str, int] | None:
    return None if endpoint is None else (endpoint.service_host or "", endpoint.service_port or 0)


def _log_rule(logger: Logger | None, default_url: str) -> LogRule | None:
    if logger is None or logger.mode not in ("request", "response", "all"):
        return None
    url = logger.url if logger.url is not None else default_url
    return LogRule(
        requests=logger.mode in ("request", "all"),
        responses=logger.mode in ("response", "all"),
        url=url,
        url_error=url_error(url),
    )


def _ratio(unit: PredictiveUnit) -> Ratio:
    # The executor looks at the parameter only when it is the single one.
    if len(unit.parameters) != 1 or unit.parameters[0].name != "ratioA":
        return Ratio(_FAIR)
    text = unit.parameters[0].value
    if _FLOAT.fullmatch(text) is None:
        return Ratio(_FAIR, f'strconv.ParseFloat: parsing "{text}": invalid syntax')
    share = float(text)
    try:
        struct.pack("<f", share)
    except OverflowError:
        return Ratio(_FAIR, f'strconv.ParseFloat: parsing "{text}": value out of range')
    if math.isinf(share) and "inf" not in text.lower():
        return Ratio(_FAIR, f'strconv.ParseFloat: parsing "{text}": value out of range')
    return Ratio(share)
