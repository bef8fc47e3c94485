"""Feedbacks with one value of a wrong type somewhere in their message; `placed` puts it there."""

import copy
import re
from itertools import pairwise
from typing import Any

DAY = "2015-06-20"
_FORECAST = {"timestamp": DAY, "value": 1.0, "lower": 0.0, "upper": 2.0}
_GOOD = {
    "request": {"jsonData": {"storeId": "1"}, "meta": {"puid": "p"}},
    "response": {
        "jsonData": [{"request": {"storeId": "1"}, "forecast": [_FORECAST], "model": {"source": "fleet"}}],
        "meta": {"puid": "p", "tags": {"a": 1}, "routing": {"router": -1}},
    },
    "truth": {"jsonData": [{"storeId": "1", "timestamp": DAY, "value": 1.0}]},
    "reward": 0.5,
}
_MESSAGES = ("request", "response", "truth")
_NO_OBJECT = (5, "x", True, 1.5, [1])
_NO_LIST = (5, "x", True, {"a": 1})
_NO_TEXT = (5, True, 1.5, [1], {"a": 1})
_NO_NUMBER: tuple[object, ...] = ("x", [1], {"a": 1}, [], {})
_NO_INTEGER: tuple[object, ...] = (*_NO_NUMBER, 1.5, True, 2**40, 1e300)
_DEEP: Any = [[]]
for _ in range(120):
    _DEEP[0] = [_DEEP[0]]

# Below a message; what must not be null, with null.
_WRONG: dict[str, tuple[object, ...]] = {
    "": _NO_OBJECT,
    ".meta": _NO_OBJECT,
    ".meta.puid": _NO_TEXT,
    ".meta.tags": _NO_OBJECT,
    ".meta.routing": _NO_OBJECT,
    ".meta.routing.router": (*_NO_INTEGER, None),
    ".meta.routing.other": (*_NO_INTEGER, None),
    ".meta.requestPath": _NO_OBJECT,
    ".meta.requestPath.router": (*_NO_TEXT, None),
    ".meta.metrics": _NO_LIST,
    ".meta.metrics[0]": (*_NO_OBJECT, None),
    ".meta.metrics[0].key": _NO_TEXT,
    ".meta.metrics[0].type": ("x", [1], {"a": 1}),
    ".meta.metrics[0].value": _NO_NUMBER,
    ".meta.unknown": (5, None, {}),
    ".status": _NO_OBJECT,
    ".status.code": _NO_INTEGER,
    ".status.info": _NO_TEXT,
    ".status.status": ("MAYBE", [1]),
    ".unknown": (5, None, {}),
}
_WRONG_OF_REQUEST: dict[str, tuple[object, ...]] = {
    ".jsonData": (10**400, _DEEP),
    ".strData": (5,),
    ".data": _NO_OBJECT,
    ".data.names": _NO_LIST,
    ".data.names[0]": (*_NO_TEXT, None),
    ".data.ndarray": _NO_LIST,
    ".data.tensor.shape[0]": (*_NO_INTEGER, None),
    ".data.tensor.values": _NO_LIST,
    ".customData": ({"@type": "x"},),
}

MISPLACED: list[tuple[str, object]] = [
    *((f"{message}{place}", value) for message in _MESSAGES for place, values in _WRONG.items() for value in values),
    *((f"request{place}", value) for place, values in _WRONG_OF_REQUEST.items() for value in values),
    *(("reward", value) for value in (*_NO_NUMBER, None, True, 1e39)),
    *(("unknown", value) for value in _WRONG[".unknown"]),
]
PLACES = sorted({place for place, _ in MISPLACED})


def placed(place: str, value: object) -> dict[str, Any]:
    """A good feedback but for the value at one place, such as `response.meta.metrics[0].value`."""
    message: dict[str, Any] = copy.deepcopy(_GOOD)
    if place.startswith("request.") and not place.startswith(("request.jsonData", "request.meta")):
        del message["request"]["jsonData"]  # one payload, and not two
    parts = [int(part) if part.isdigit() else part for part in re.findall(r"\w+", place)]
    last = parts[-1]
    at: Any = message
    for part, below in pairwise(parts):
        at = _member(at, part, [] if isinstance(below, int) else {})
    if isinstance(at, list):
        at.append(value)
    else:
        at[last] = value
    return message


def _member(at: Any, part: str | int, new: object) -> Any:  # noqa: ANN401 - JSON
    if isinstance(at, list):
        at.append(new)
        return at[-1]
    return at.setdefault(part, new)
