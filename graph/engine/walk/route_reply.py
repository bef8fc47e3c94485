"""Which child a router's answer names, and the answers on which the real executor panics."""

import math
from collections.abc import Mapping

from graph.engine.core.errors import CallFailedError, ExecutorPanicError
from graph.engine.go import json as gojson
from graph.engine.go import protojson
from graph.engine.go.json import Number

ALL_CHILDREN = -1
NO_CHILD = -2
_INT64_LIMIT = 1 << 63


def route_index(body: bytes) -> int:
    """The index in a `/route` answer: a child, -1 for all of them, -2 for none.

    A SeldonMessage is tried first, then a bare list of integers. The caller checks that the child exists.

    Raises: CallFailedError: the answer is neither; the info is Go's error text.
            ExecutorPanicError: it is a SeldonMessage without data, or with an empty payload.
    Source: seldon-core 1.17.1, executor/api/util/utils.go, as recorded in the vectors `routeparse-*`, `routepanic-*`.
    """
    try:
        message = protojson.seldon_message(body)
    except protojson.ProtoError:
        routes = _bare_list(body)
    else:
        routes = _routes_of_message(message)
    if not routes:
        raise ExecutorPanicError("the route answer names no index")
    return routes[0]


def _routes_of_message(message: Mapping[str, object]) -> list[int]:
    data = message.get("data")
    if not isinstance(data, Mapping):
        raise ExecutorPanicError("the route answer has no data")
    if "ndarray" in data:
        return [_element(item) for item in _list(data["ndarray"])]
    if "tensor" in data:
        return [_truncated(number) for number in _list(_field(data["tensor"], "values"))]
    if "tftensor" in data:
        return [_truncated(number) for number in _list(_field(data["tftensor"], "int_val"))]
    return [ALL_CHILDREN]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _field(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None


def _element(item: object) -> int:
    if not isinstance(item, list):
        return _truncated(item)
    if not item:
        raise ExecutorPanicError("the route answer has an empty row")
    return _truncated(item[0])


def _truncated(number: object) -> int:
    """Go's conversion of a float64 to int: towards zero; what does not fit becomes the smallest int64."""
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return 0
    if not math.isfinite(number) or not -_INT64_LIMIT <= number < _INT64_LIMIT:
        return -_INT64_LIMIT
    return int(number)


def _bare_list(body: bytes) -> list[int]:
    try:
        value = gojson.whole_value(body)
    except gojson.GoSyntaxError as error:
        raise CallFailedError(str(error)) from error
    if value is None:
        return []
    if not isinstance(value, list):
        raise _mismatch(value, "[]int")
    return [_integer(item) for item in value]


def _integer(item: object) -> int:
    if item is None:
        return 0
    if isinstance(item, Number):
        # Every int64 has at most twenty characters; longer texts would only cost time.
        if item.lstrip("-").isdigit() and len(item) <= 20 and -_INT64_LIMIT <= int(item) < _INT64_LIMIT:  # noqa: PLR2004
            return int(item)
        raise CallFailedError(f"json: cannot unmarshal number {item} into Go value of type int")
    raise _mismatch(item, "int")


def _mismatch(value: object, wanted: str) -> CallFailedError:
    return CallFailedError(f"json: cannot unmarshal {gojson.kind_of(value)} into Go value of type {wanted}")
