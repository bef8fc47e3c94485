"""Strict protobuf JSON, as the executor's decoder reads a SeldonMessage or a Feedback.

Unknown fields and wrong types fail. Fields are set in the order of their declaration, so that of two members of a
oneof the later declared one stays, whatever their order in the text.

Source: proto/prediction.proto of Seldon Core 1.17.1; the rules are those of golang/protobuf 1.5.2 `jsonpb`.
"""

import base64
import binascii
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from graph.engine.go import json as gojson
from graph.engine.go.json import Number

Decoded = dict[str, object]
Reader = Callable[[object], object]

_INTEGER = re.compile(r"[ \t\r\n]*(-?(?:0|[1-9][0-9]*))[ \t\r\n]*")
_DECIMAL = re.compile(r"[ \t\r\n]*(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)[ \t\r\n]*")
_NOT_FINITE = {"NaN", "Infinity", "-Infinity"}
_LONGEST_INTEGER = 20
_BYTE_LIMIT = 256


class ProtoError(ValueError):
    """The JSON does not fit the message."""


@dataclass(frozen=True)
class Field:
    """One field: how a single value is read, and whether it stands alone, in a list or in a map."""

    name: str
    read: Reader
    json_name: str = ""
    shape: str = "one"
    oneof: str = ""
    null_counts: bool = False


def _wrong(wanted: str, got: object) -> ProtoError:
    return ProtoError(f"wanted {wanted}, got {type(got).__name__}")


def _members(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _wrong("an object", value)
    return value


def _items(value: object) -> list[object]:
    if not isinstance(value, list):
        raise _wrong("a list", value)
    return value


def _integer(bits: int, *, signed: bool = True) -> Reader:
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)

    def read(value: object) -> int:
        if value is None or value == "null":
            return 0
        match = _INTEGER.fullmatch(value) if isinstance(value, str) else None
        if match is None or len(match[1]) > _LONGEST_INTEGER or not low <= int(match[1]) < high:
            raise _wrong(f"a whole number of {bits} bits", value)
        return int(match[1])

    return read


def _floating(layout: str) -> Reader:
    def read(value: object) -> float:
        if value is None or value == "null":
            return 0.0
        if isinstance(value, str) and value in _NOT_FINITE and not isinstance(value, Number):
            return float(value)
        match = _DECIMAL.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise _wrong("a number", value)
        number = float(match[1])
        try:
            struct.pack(layout, number)
        except OverflowError as error:
            raise _wrong("a number in range", value) from error
        if number in (float("inf"), float("-inf")):
            raise _wrong("a number in range", value)
        return number

    return read


def read_string(value: object) -> str:
    """A string; null is the empty one."""
    if value is None:
        return ""
    if isinstance(value, Number) or not isinstance(value, str):
        raise _wrong("a string", value)
    return value


def _bool(value: object) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise _wrong("true or false", value)
    return value


def _bytes(value: object) -> bytes:
    if isinstance(value, list):
        octets = [_integer(16)(None if item is None else _plain_number(item)) for item in value]
        if not all(isinstance(octet, int) and 0 <= octet < _BYTE_LIMIT for octet in octets):
            raise _wrong("a list of bytes", value)
        return b""
    try:
        return base64.b64decode(read_string(value).replace("\r", "").replace("\n", "").encode(), validate=True)
    except binascii.Error as error:
        raise _wrong("base64", value) from error


def _plain_number(value: object) -> Number:
    if not isinstance(value, Number):
        raise _wrong("a number", value)
    return value


def _enum(names: frozenset[str]) -> Reader:
    number = _integer(32)

    def read(value: object) -> object:
        if isinstance(value, str) and not isinstance(value, Number):
            if value not in names:
                raise _wrong(f"one of {sorted(names)}", value)
            return value
        return number(value)

    return read


def read_any_json(value: object) -> object:
    """Any JSON (`google.protobuf.Value`); numbers as float64, and a number too large for one fails."""
    if isinstance(value, Number):
        number = float(value)
        if number in (float("inf"), float("-inf")):
            raise _wrong("a number in range", value)
        return number
    if isinstance(value, list):
        return [read_any_json(item) for item in value]
    if isinstance(value, dict):
        return {key: read_any_json(item) for key, item in value.items()}
    return value


def _list_value(value: object) -> object:
    return read_any_json(_items(value))


def _no_any(value: object) -> object:
    # The types that could stand in customData are not known here, nor are they to a stock executor.
    raise _wrong("a registered type", value)


def message(fields: tuple[Field, ...]) -> Reader:
    """A reader of one message type; null is the empty message."""

    def read(value: object) -> Decoded:
        if value is None:
            return {}
        rest = dict(_members(value))
        found: Decoded = {}
        for field in fields:
            raw = _take(rest, field)
            if raw is not _ABSENT and (raw is not None or field.null_counts):
                _set(found, fields, field, _field_value(field, raw))
        if rest:
            raise ProtoError(f"unknown field {next(iter(rest))!r}")
        return found

    return read


_ABSENT = object()


def _take(rest: dict[str, object], field: Field) -> object:
    raw = rest.pop(field.name, _ABSENT)
    return rest.pop(field.json_name, raw) if field.json_name else raw


def _set(found: Decoded, fields: tuple[Field, ...], field: Field, value: object) -> None:
    if field.oneof:
        for other in fields:
            if other.oneof == field.oneof:
                found.pop(other.name, None)
    found[field.name] = value


def _field_value(field: Field, raw: object) -> object:
    if field.shape == "list":
        return [field.read(item) for item in _items(raw)]
    if field.shape == "map":
        return {key: field.read(item) for key, item in _members(raw).items()}
    return field.read(raw)


_INT32, _INT64 = _integer(32), _integer(64)
_UINT32, _UINT64 = _integer(32, signed=False), _integer(64, signed=False)
_FLOAT, _DOUBLE = _floating("<f"), _floating("<d")

_TENSOR = message((Field("shape", _INT32, shape="list"), Field("values", _DOUBLE, shape="list")))

_SCALAR_DTYPES = (
    "FLOAT DOUBLE INT32 UINT8 INT16 INT8 STRING COMPLEX64 INT64 BOOL QINT8 QUINT8 QINT32 BFLOAT16 QINT16 QUINT16 "
    "UINT16 COMPLEX128 HALF RESOURCE VARIANT UINT32 UINT64"
)
_DTYPES = frozenset(
    ["DT_INVALID"]
    + [f"DT_{name}" for name in _SCALAR_DTYPES.split()]
    + [f"DT_{name}_REF" for name in _SCALAR_DTYPES.split()]
)
_DIMENSION = message((Field("size", _INT64), Field("name", read_string)))
_TENSOR_SHAPE = message((Field("dim", _DIMENSION, shape="list"), Field("unknown_rank", _bool, "unknownRank")))
_RESOURCE = message(
    (
        Field("device", read_string),
        Field("container", read_string),
        Field("name", read_string),
        Field("hash_code", _UINT64, "hashCode"),
        Field("maybe_type_name", read_string, "maybeTypeName"),
    )
)


def _variant(value: object) -> object:
    return _VARIANT(value)


_TF_TENSOR = message(
    (
        Field("dtype", _enum(_DTYPES)),
        Field("tensor_shape", _TENSOR_SHAPE, "tensorShape"),
        Field("version_number", _INT32, "versionNumber"),
        Field("tensor_content", _bytes, "tensorContent"),
        Field("half_val", _INT32, "halfVal", shape="list"),
        Field("float_val", _FLOAT, "floatVal", shape="list"),
        Field("double_val", _DOUBLE, "doubleVal", shape="list"),
        Field("int_val", _INT32, "intVal", shape="list"),
        Field("string_val", _bytes, "stringVal", shape="list"),
        Field("scomplex_val", _FLOAT, "scomplexVal", shape="list"),
        Field("int64_val", _INT64, "int64Val", shape="list"),
        Field("bool_val", _bool, "boolVal", shape="list"),
        Field("dcomplex_val", _DOUBLE, "dcomplexVal", shape="list"),
        Field("resource_handle_val", _RESOURCE, "resourceHandleVal", shape="list"),
        Field("variant_val", _variant, "variantVal", shape="list"),
        Field("uint32_val", _UINT32, "uint32Val", shape="list"),
        Field("uint64_val", _UINT64, "uint64Val", shape="list"),
    )
)
_VARIANT = message(
    (
        Field("type_name", read_string, "typeName"),
        Field("metadata", _bytes),
        Field("tensors", _TF_TENSOR, shape="list"),
    )
)
_DATA = message(
    (
        Field("names", read_string, shape="list"),
        Field("tensor", _TENSOR, oneof="data"),
        Field("ndarray", _list_value, oneof="data"),
        Field("tftensor", _TF_TENSOR, oneof="data"),
    )
)
_STATUS = message(
    (
        Field("code", _INT32),
        Field("info", read_string),
        Field("reason", read_string),
        Field("status", _enum(frozenset({"SUCCESS", "FAILURE"}))),
    )
)
_METRIC = message(
    (
        Field("key", read_string),
        Field("type", _enum(frozenset({"COUNTER", "GAUGE", "TIMER"}))),
        Field("value", _FLOAT),
        Field("tags", read_string, shape="map"),
    )
)
_META = message(
    (
        Field("puid", read_string),
        Field("tags", read_any_json, shape="map"),
        Field("routing", _INT32, shape="map"),
        Field("requestPath", read_string, shape="map"),
        Field("metrics", _METRIC, shape="list"),
    )
)
_SELDON_MESSAGE = message(
    (
        Field("status", _STATUS),
        Field("meta", _META),
        Field("data", _DATA, oneof="data"),
        Field("binData", _bytes, oneof="data"),
        Field("strData", read_string, oneof="data"),
        Field("jsonData", read_any_json, oneof="data", null_counts=True),
        Field("customData", _no_any, oneof="data"),
    )
)
_FEEDBACK = message(
    (
        Field("request", _SELDON_MESSAGE),
        Field("response", _SELDON_MESSAGE),
        Field("reward", _FLOAT),
        Field("truth", _SELDON_MESSAGE),
    )
)


def _decode(read: Reader, body: bytes) -> Decoded:
    try:
        found = read(gojson.first_value(body))
    except RecursionError as error:
        raise ProtoError("nested too deeply") from error
    except gojson.GoSyntaxError as error:
        raise ProtoError(str(error)) from error
    return found if isinstance(found, dict) else {}


def seldon_message(body: bytes) -> Decoded:
    """The set fields of the SeldonMessage that the body begins with; text after the first JSON value is ignored.

    Raises: ProtoError: no JSON, an unknown field, a value of the wrong type or out of range.
    """
    return _decode(_SELDON_MESSAGE, body)


def feedback(body: bytes) -> Decoded:
    """The same for a Feedback."""
    return _decode(_FEEDBACK, body)
