"""Says why a body is no JSON: where it breaks and how, never what stands in it; and whose it is, if it says so."""

import re
from typing import Any

from pydantic_core import from_json

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAX_CHARS = 100
# The beginnings of what the reader says, and what a client understands.
_WORDS = (
    ("EOF", "a text that ends too early"),
    ("recursion limit exceeded", "lists or objects nested more than 200 deep"),
    ("number out of range", "a number of more than 4300 digits"),
    ("unexpected end of hex escape", "half of a surrogate pair"),
    ("lone leading surrogate", "half of a surrogate pair"),
    ("invalid unicode code point", "half of a surrogate pair"),
    ("trailing characters", "more after the end of the first value"),
    ("expected value", "something that begins no JSON value"),
    ("expected ident", "something that is none of true, false and null"),
    ("key must be a string", "a key that is not in double quotes"),
)
_PLACE = re.compile(r" at line (\d+) column (\d+)$")
_UNKNOWN = "something that cannot be read as JSON"


def why_unreadable(body: bytes) -> str:
    """What is wrong with a body that could not be read, in words, with the place of the error."""
    if not body.strip():
        return "an empty body"
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f"a body that is not UTF-8 (byte {error.start + 1})"
    if body.startswith(_BYTE_ORDER_MARK):
        return "a byte order mark before the JSON"
    try:
        value = from_json(body)
    except ValueError as error:
        said, _, place = str(error).partition(" at line ")
        words = next((words for beginning, words in _WORDS if said.startswith(beginning)), said[:_MAX_CHARS])
        return f"{words} (line {place.replace(' column', ', column')})" if place else words
    return "null" if value is None else _UNKNOWN


def meta_before_the_break(body: bytes) -> dict[str, Any]:
    """The `meta` of a broken body as far as it came whole; empty where it did not."""
    text = body.removeprefix(_BYTE_ORDER_MARK)
    found = _beginning_of(text)
    meta = found.get("meta") if isinstance(found, dict) else None
    if not isinstance(meta, dict):
        return {}
    # Where nothing comes after it, what it holds may be cut off, but for a text: half of one is never read.
    whole = next(reversed(found)) != "meta"
    return meta if whole else {name: value for name, value in meta.items() if isinstance(value, str)}


def _beginning_of(text: bytes) -> Any:  # noqa: ANN401 - any JSON
    for _ in range(2):
        try:
            return from_json(text, allow_partial=True)
        except ValueError as error:
            place = _PLACE.search(str(error))
            if place is None:
                return None
            line, column = map(int, place.groups())
            before = text.split(b"\n")[: line - 1]
            text = text[: sum(len(each) + 1 for each in before) + column - 1]
    return None
