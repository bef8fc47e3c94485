"""Says why a feedback does not fit Seldon's message, in our words: walked only where it was refused."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from model_wrapper.contract.errors import Problem
from model_wrapper.contract.problems import ENOUGH_PROBLEMS, problem, problem_in_words, unknown_fields

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor

_KINDS = {
    "google.protobuf.Value": "JSON nested less than 90 deep, its numbers within 64 bits",
    "google.protobuf.Struct": "an object nested less than 90 deep, its numbers within 64 bits",
    "google.protobuf.ListValue": "a list nested less than 90 deep, its numbers within 64 bits",
    "google.protobuf.Any": "an object with the @type of a known message",
}


def envelope_problems(body: dict[str, Any]) -> list[Problem]:
    """Every place where a feedback is no message of Seldon's."""
    from seldon_core.proto.prediction_pb2 import Feedback  # noqa: PLC0415 - seldon_core's messages need the bridge first

    found = list(islice(_of_message(Feedback.DESCRIPTOR, body, ""), ENOUGH_PROBLEMS))
    if found:
        return found
    # Each value fits by itself: only all of it together is nested too deep.
    deep = [name for name, value in body.items() if not _fits(Feedback.DESCRIPTOR, {name: value})]
    return [problem_in_words(name, _KINDS["google.protobuf.Value"], "more") for name in deep]


def _of_message(kind: "Descriptor", value: object, path: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield problem(path, "an object with " + ", ".join(sorted(_names(kind))), value)
        return
    names = _names(kind)
    yield from unknown_fields(f"{path}." if path else "", value, list(names))
    known = {name: item for name, item in value.items() if name in names and item is not None}
    for choice in kind.oneofs:
        given = [name for name in known if names[name].containing_oneof is choice]
        if len(given) > 1:
            yield problem_in_words(
                path, "only one of " + ", ".join(field.json_name for field in choice.fields), " and ".join(given)
            )
    for name, item in known.items():
        yield from _of_field(names[name], item, f"{path}.{name}" if path else name)


def _names(kind: "Descriptor") -> "dict[str, FieldDescriptor]":
    return {field.json_name: field for field in kind.fields}


def _of_field(field: "FieldDescriptor", value: object, path: str) -> Iterator[Problem]:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        if not isinstance(value, dict):
            yield problem(path, "an object", value)
            return
        for key, item in value.items():
            yield from _of_value(entry.fields_by_name["value"], item, f"{path}.{key}")
    elif field.is_repeated:
        if not isinstance(value, list):
            yield problem(path, "a list", value)
            return
        for place, item in enumerate(value):
            yield from _of_value(field, item, f"{path}[{place}]")
    else:
        yield from _of_value(field, value, path)


def _of_value(field: "FieldDescriptor", value: object, path: str) -> Iterator[Problem]:
    """One value of a field, an element or a member."""
    kind = field.message_type
    if value is None and (kind is None or kind.full_name != "google.protobuf.Value"):
        yield problem(path, _wanted(field), value)
    elif kind is None:
        if not _fits(field.containing_type, {field.json_name: [value] if field.is_repeated else value}):
            yield problem(path, _wanted(field), value)
    elif kind.full_name in _KINDS:
        if not _fits(kind, value):
            yield problem(path, _KINDS[kind.full_name], value)
    else:
        yield from _of_message(kind, value, path)


def _wanted(field: "FieldDescriptor") -> str:
    if field.enum_type is not None:
        return "one of " + ", ".join(value.name for value in field.enum_type.values)
    if field.message_type is not None:
        return "an object"
    return {
        field.CPPTYPE_INT32: "a whole number of 32 bits",
        field.CPPTYPE_INT64: "a whole number of 64 bits",
        field.CPPTYPE_UINT32: "a whole number from 0 of 32 bits",
        field.CPPTYPE_UINT64: "a whole number from 0 of 64 bits",
        field.CPPTYPE_BOOL: "true or false",
        field.CPPTYPE_STRING: "base64 as text" if field.type == field.TYPE_BYTES else "text",
    }.get(field.cpp_type, "a number")


def _fits(kind: "Descriptor", value: object) -> bool:
    """Whether Seldon's reader takes a value: its word counts, not a second opinion of ours."""
    from google.protobuf.json_format import ParseDict  # noqa: PLC0415 - as above
    from google.protobuf.message_factory import GetMessageClass  # noqa: PLC0415

    try:
        ParseDict(value, GetMessageClass(kind)())
    except Exception:  # noqa: BLE001 - a number too large for it is an OverflowError, and who knows what else
        return False
    return True
