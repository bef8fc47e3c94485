"""Graph metadata: the metadata of every node, and the inputs and outputs of the whole graph."""

import math
from collections.abc import Iterator, Mapping

from graph.engine.core.errors import CallFailedError, ExecutorPanicError
from graph.engine.core.headers import Headers
from graph.engine.core.nodes import METADATA, Node
from graph.engine.core.payload import Payload
from graph.engine.go import json as gojson
from graph.engine.go.json import Number
from graph.engine.http.client import NodeClient

_STRUCT = "Go struct field ModelMetadata."

Model = dict[str, object]


async def graph_metadata(client: NodeClient, root: Node, predictor: str, headers: Headers) -> Payload:
    """The metadata of all nodes; they are called one after the other, each before its children.

    Raises: CallFailedError: a node failed, or its answer is no metadata.
            ExecutorPanicError: a node has no endpoint, or a parent no type.
    Source: seldon-core 1.17.1, executor/predictor/graph_metadata.go, as recorded in the vectors `metadata-graph-*`.
    """
    models = {node.name: await _model(client, node, headers) for node in root.walk()}
    try:
        return Payload(_written(models, root, predictor), "application/json")
    except RecursionError as error:
        raise CallFailedError("exceeded max depth") from error


def _written(models: Mapping[str, Model], root: Node, predictor: str) -> bytes:
    parts = (
        b'{"name":' + gojson.encode(predictor),
        b'"models":{' + b",".join(_entry(name, models[name]) for name in sorted(models)) + b"}",
        b'"graphinputs":' + gojson.encode(models[_input_node(root).name].get("inputs")),
        b'"graphoutputs":' + gojson.encode(models[_output_node(root).name].get("outputs")) + b"}",
    )
    return b",".join(parts)


def _entry(name: str, model: Model) -> bytes:
    # Members in the order of the executor's struct, which is not the order of their names.
    members = (gojson.encode(key) + b":" + gojson.encode(value) for key, value in model.items())
    return gojson.encode(name) + b":{" + b",".join(members) + b"}"


def _input_node(node: Node) -> Node:
    if not node.children or _type(node) in ("MODEL", "TRANSFORMER"):
        return node
    return _input_node(node.children[0])


def _output_node(node: Node) -> Node:
    if not node.children or _type(node) in ("OUTPUT_TRANSFORMER", "COMBINER"):
        return node
    return _output_node(node.children[0])


def _type(node: Node) -> str:
    if node.type not in ("MODEL", "TRANSFORMER", "OUTPUT_TRANSFORMER", "COMBINER", "ROUTER"):
        raise ExecutorPanicError(f"node {node.name} has children but no known type")
    return node.type


async def _model(client: NodeClient, node: Node, headers: Headers) -> Model:
    try:
        answer = await client.call(node, METADATA, None, headers)
    except CallFailedError as error:
        raise CallFailedError(error.info, status=error.status) from error
    try:
        value = gojson.whole_value(answer.body)
        return _members(value)
    except gojson.GoSyntaxError as error:
        raise CallFailedError(str(error)) from error


def _members(value: object) -> Model:
    """The known members that are not empty, in the order of Go's struct; Go ignores the case of their names."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _mismatch(value, "Go value of type payload.ModelMetadata")
    given = {str(key).lower(): item for key, item in value.items()}
    texts = {name: _string(given.get(name), name) for name in ("name", "platform")}
    model: Model = {
        **texts,
        "versions": _versions(given.get("versions")),
        "inputs": _anything(given.get("inputs"), "inputs"),
        "outputs": _anything(given.get("outputs"), "outputs"),
        "custom": _custom(given.get("custom")),
    }
    # inputs and outputs may be anything: an empty list is kept there.
    return {key: item for key, item in model.items() if item or (item is not None and key in ("inputs", "outputs"))}


def _string(value: object, field: str) -> str:
    if value is None:
        return ""
    if isinstance(value, Number) or not isinstance(value, str):
        raise _mismatch(value, f"{_STRUCT}{field} of type string")
    return value


def _versions(value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _mismatch(value, f"{_STRUCT}versions of type []string")
    return [_string(item, "versions") for item in value]


def _anything(value: object, field: str) -> object:
    """Any JSON whose numbers are within a float64."""
    for each in _numbers(value):
        if not math.isfinite(float(each)):
            raise CallFailedError(f"json: cannot unmarshal number {each} into {_STRUCT}{field} of type float64")
    return value


def _numbers(value: object) -> Iterator[Number]:
    """The numbers of a value in their order."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case Number() as number:
                yield number
            case Mapping() as members:
                waiting.extend(reversed(list(members.values())))
            case list() as items:
                waiting.extend(reversed(items))


def _custom(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _mismatch(value, f"{_STRUCT}custom of type map[string]string")
    return {str(key): _string(item, "custom") for key, item in value.items()}


def _mismatch(value: object, wanted: str) -> CallFailedError:
    return CallFailedError(f"json: cannot unmarshal {gojson.kind_of(value)} into {wanted}")
