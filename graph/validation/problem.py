"""A problem of a document, and the check of its fields: types, required and unknown fields."""

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pydantic

from graph.spec.deployment import SeldonDeployment

_SHOWN = 80
_ROUNDS = 8
# What to put in place of a value of the wrong type, so that the rest of the document can still be judged.
_STAND_INS: dict[str, Any] = {
    "string_type": "",
    "int_type": 0,
    "bool_type": False,
    "list_type": [],
    "dict_type": {},
    "model_type": {},
    "missing": "",
    "quantity": 0,
}
_WANTED = {
    "string_type": "a string",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "missing": "this field, which is required",
    "extra_forbidden": "only known fields of a SeldonDeployment",
}

Location = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong, where, and what to do. `path` is written as `spec.predictors[0].graph.name`."""

    path: str
    wanted: str
    got: str
    todo: str

    def __str__(self) -> str:
        return f"{self.path}: wanted {self.wanted}, got {self.got}; {self.todo}"


def show(value: object) -> str:
    """A value for a message: short, on one line."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def read_shape(document: Mapping[str, Any]) -> tuple[SeldonDeployment | None, list[Problem]]:
    """The typed document with every problem of shape.

    A harmless stand-in takes the place of a wrong value, so that the other rules can still check the rest.

    Returns: the typed document, None where it is beyond repair; the problems, none if it was right as it came.
    """
    repaired: Any = deepcopy(dict(document))
    problems: list[Problem] | None = None
    for _ in range(_ROUNDS):
        try:
            return SeldonDeployment.from_wire(repaired), problems or []
        except pydantic.ValidationError as error:
            details = error.errors(include_url=False)
        if problems is None:
            problems = _first_of_each_path(_problem(document, detail) for detail in details)
        for detail in details:
            _repair(repaired, _real_location(repaired, detail["loc"]), detail["type"])
    return None, problems or []


def _problem(document: Mapping[str, Any], detail: Mapping[str, Any]) -> Problem:
    location = _real_location(document, detail["loc"])
    kind = str(detail["type"])
    wanted = _WANTED.get(kind, str(detail["msg"]).removeprefix("Input should be "))
    # A value in an environment may be a secret: show only its type.
    secret = "env" in location
    got = "nothing" if kind == "missing" else type(detail["input"]).__name__ if secret else show(detail["input"])
    if kind == "extra_forbidden":
        return Problem(
            path_of(location), wanted, f"the unknown field {location[-1]!r}", "correct its name or remove it"
        )
    todo = "add it" if kind == "missing" else "correct it"
    return Problem(path_of(location), wanted, got, todo)


def _real_location(document: object, location: Iterable[str | int]) -> Location:
    """The location without the names of alternatives that pydantic adds below a field with several types."""
    here, real = document, list[str | int]()
    for key in location:
        if isinstance(here, dict):
            real.append(key)
            here = here.get(key)
        elif isinstance(here, list) and isinstance(key, int) and key < len(here):
            real.append(key)
            here = here[key]
        else:
            break
    return tuple(real)


def _repair(document: Any, location: Location, kind: str) -> None:  # noqa: ANN401 - a parsed document
    if not location:
        return
    parent = document
    for key in location[:-1]:
        parent = parent[key]
    if isinstance(parent, dict) and kind == "extra_forbidden":
        parent.pop(location[-1], None)
    else:
        parent[location[-1]] = deepcopy(_STAND_INS.get(kind, ""))


def path_of(location: Iterable[str | int]) -> str:
    """`("spec", "predictors", 0)` as `spec.predictors[0]`; a key with a dot in it stands in brackets."""
    path = ""
    for key in location:
        if isinstance(key, int):
            path += f"[{key}]"
        elif re.fullmatch(r"[\w-]+", key):
            path += f".{key}" if path else key
        else:
            path = at_key(path, key)
    return path or "the document"


def at_key(path: str, key: str) -> str:
    """The path of a key that has dots or slashes, such as an annotation's."""
    return f"{path}[{key!r}]"


def _first_of_each_path(problems: Iterable[Problem]) -> list[Problem]:
    return list({problem.path: problem for problem in reversed(list(problems))}.values())[::-1]
