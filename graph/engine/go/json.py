"""JSON as Go's `encoding/json` reads and writes it: numbers keep their spelling, keys are sorted, HTML is escaped."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NoReturn

from pydantic_core import from_json

from graph.engine.go.json_scan import GoSyntaxError as GoSyntaxError  # noqa: PLC0414 - its users catch it from here
from graph.engine.go.json_scan import check

_FIXED_FROM, _FIXED_BELOW = 1e-6, 1e21
_WHITE_SPACE = " \t\r\n"
_SPECIAL = re.compile('["\\\\<>&\u2028\u2029\x00-\x1f\ud800-\udfff]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Number(str):
    """A JSON number as it was spelled: Go tells `1` from `1.0` where an integer is wanted."""

    __slots__ = ()


_KINDS = {dict: "object", list: "array", bool: "bool", str: "string", Number: "number"}


def kind_of(value: object) -> str:
    """What Go's error texts call a decoded value."""
    return _KINDS.get(type(value), "value")


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is no JSON"
    raise GoSyntaxError(msg)


_DECODER = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_no_constant)


def is_valid(body: bytes) -> bool:
    """Whether the body is exactly one JSON value. Bytes that are no UTF-8 are fine inside strings, as in Go."""
    try:
        # A whole chain's answer is megabytes, and the engine does nothing else meanwhile: five times faster, and
        # stricter than Go about strings and depth, never looser.
        from_json(body, allow_inf_nan=False)
    except ValueError:
        return _is_valid_for_go(body)
    return True


def _is_valid_for_go(body: bytes) -> bool:
    try:
        # One character a byte: JSON's own signs are ASCII, and whatever stands in strings is not looked at.
        _DECODER.decode(body.decode("latin-1"))
    except RecursionError:
        return _is_valid_deep(body)
    except ValueError:
        return False
    return True


def _is_valid_deep(body: bytes) -> bool:
    try:
        check(body)
    except GoSyntaxError:
        return False
    return True


def first_value(body: bytes) -> object:
    """The first JSON value of a text, numbers as `Number`; what stands after it is not looked at.

    Raises: GoSyntaxError: no JSON value there, or one nested too deeply for Python's parser.
    """
    text = body.decode("utf-8", "replace").lstrip(_WHITE_SPACE)
    try:
        return _DECODER.raw_decode(text)[0]
    except GoSyntaxError:
        raise
    except (ValueError, RecursionError) as error:
        raise GoSyntaxError(str(error)) from error


def whole_value(body: bytes) -> object:
    """The JSON value that the text consists of, numbers as `Number`.

    Raises: GoSyntaxError: with Go's text.
    """
    check(body)
    return first_value(body)


def encode(value: object) -> bytes:
    """A value as Go writes it: compact, keys sorted by their bytes, HTML escaped, numbers through float64."""
    return "".join(_parts(value)).encode()


def _parts(value: object) -> list[str]:
    if isinstance(value, Number):
        return [number_text(float(value))]
    if isinstance(value, str):
        return ['"', _SPECIAL.sub(_escape, value), '"']
    if isinstance(value, Mapping):
        return _members(value)
    if isinstance(value, Sequence):
        return ["[", *_separated([_parts(item) for item in value]), "]"]
    if value is None or isinstance(value, bool):
        return [json.dumps(value)]
    if isinstance(value, (int, float)):
        return [number_text(float(value))]
    msg = f"wanted a JSON value, got {type(value).__name__}: convert it first"
    raise TypeError(msg)


def _members(value: Mapping[object, object]) -> list[str]:
    members = sorted((str(key).encode("utf-8", "replace"), str(key), item) for key, item in value.items())
    return ["{", *_separated([[*_parts(key), ":", *_parts(item)] for _, key, item in members]), "}"]


def _separated(items: list[list[str]]) -> list[str]:
    out: list[str] = []
    for item in items:
        if out:
            out.append(",")
        out.extend(item)
    return out


def _escape(match: re.Match[str]) -> str:
    sign = match.group()
    if "\ud800" <= sign <= "\udfff":
        return "\\ufffd"
    return _SHORT.get(sign) or f"\\u{ord(sign):04x}"


def number_text(number: float) -> str:
    """The shortest text that reads back as the same float64, in Go's layout: `1`, `0.5`, `1e+21`, `1e-7`.

    Raises: GoSyntaxError: the number is too large for a float64.
    """
    if not math.isfinite(number):
        raise GoSyntaxError("number out of the range of a float64")
    if number != 0 and not _FIXED_FROM <= abs(number) < _FIXED_BELOW:
        return repr(number).replace("e-0", "e-")
    fixed = f"{Decimal(repr(number)):f}"
    return fixed.rstrip("0").removesuffix(".") if "." in fixed else fixed
