"""Reads a message into a `ForecastRequest`, or raises one error that lists every problem in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from model_wrapper.contract.days import day_of
from model_wrapper.contract.errors import Problem
from model_wrapper.contract.problems import (
    ENOUGH_PROBLEMS,
    HINTS,
    nearest,
    problem,
    problem_in_words,
    refusal,
    unknown_fields,
)
from model_wrapper.contract.requests import (
    COLUMN_WANTED,
    SPELLINGS,
    STORE_WANTED,
    ForecastItem,
    ForecastRequest,
    Kind,
    Limits,
)
from model_wrapper.contract.salvaging import UncheckedParts, salvaged, unchecked_of

_ITEMS = TypeAdapter(tuple[ForecastItem, ...])
_FIELDS = tuple(dict.fromkeys(SPELLINGS.values()))
_FIELDS_WANTED = "one of the fields " + ", ".join(_FIELDS)
_TOP_FIELDS = ("jsonData", "data", "meta")
_DATA_FIELDS = ("names", "ndarray")
_PAYLOAD_WANTED = "jsonData or data.ndarray"
_REFUSED_KINDS = frozenset({"strData", "binData", "customData"})


@dataclass(frozen=True, slots=True)
class _Rows:
    """Items before they are checked: raw objects, and how to name their places; a column that nobody knows is None."""

    kind: Kind
    raw: Sequence[Any]
    single: bool = False
    columns: tuple[str | None, ...] = ()

    def path(self, location: tuple[int | str, ...]) -> str:
        index, *rest = location
        names = [str(name) for name in rest if name != "[key]"]
        if self.kind == "jsonData":
            return ".".join(["jsonData" if self.single else f"jsonData[{index}]", *names])
        place = f"data.ndarray[{index}]"
        if names and SPELLINGS.get(names[0]) in self.columns:
            place += f"[{self.columns.index(SPELLINGS[names.pop(0)])}]"
        return ".".join([place, *names])


@dataclass(frozen=True, slots=True)
class Reading:
    """A message that was read, good or not.

    `request`: where there are problems, of what is left without them; None if nothing is.  `unchecked`: of its items.
    """

    request: ForecastRequest | None
    problems: list[Problem] = field(default_factory=list)
    unchecked: UncheckedParts = field(default_factory=dict)


def parse_request(message: object, limits: Limits | None = None) -> ForecastRequest:
    """Read one Seldon message.

    Args:    message: the decoded JSON body, of any type.  limits: how much it may ask.
    Raises:  BadRequestError: with every problem; never anything else, whatever the message is.
    """
    reading = read_request(message, limits)
    if reading.problems or reading.request is None:
        raise refusal(reading.problems)
    return reading.request


def read_request(message: object, limits: Limits | None = None) -> Reading:
    """Read one Seldon message, and what can be read of a bad one; never raises, whatever the message is."""
    if not isinstance(message, dict):
        return Reading(None, [problem("", f"an object with {_PAYLOAD_WANTED}", message)])
    problems = [*_top_problems(message), *_meta_problems(message.get("meta"))]
    rows = _rows_of(message, problems)
    if rows is None:
        return Reading(None, problems)
    unchecked: UncheckedParts = {}
    items = _items_of(rows, limits or Limits(), problems, unchecked)
    if len(items) != len(rows.raw):
        return Reading(None, problems)
    meta = {} if problems else message.get("meta") or {}
    columns = tuple(name or "?" for name in rows.columns)
    request = ForecastRequest(kind=rows.kind, items=items, columns=columns, single=rows.single, meta=meta)
    return Reading(request, problems, unchecked)


def _top_problems(message: dict[Any, Any]) -> list[Problem]:
    refused = [name for name in message if name in _REFUSED_KINDS]
    found = [problem_in_words(name, _PAYLOAD_WANTED, f"a payload of kind {name}") for name in refused]
    found += unknown_fields("", (name for name in message if name not in _REFUSED_KINDS), _TOP_FIELDS)
    if "jsonData" in message and "data" in message:
        found.append(problem_in_words("", f"only one of {_PAYLOAD_WANTED}", "both"))
    if not found and "jsonData" not in message and "data" not in message:
        found.append(problem_in_words("", _PAYLOAD_WANTED, "no payload"))
    return found


def _meta_problems(meta: object) -> list[Problem]:
    if meta is None:
        return []
    if not isinstance(meta, dict):
        return [problem("meta", "an object", meta)]
    found = []
    if not isinstance(meta.get("puid", ""), str):
        found.append(problem("meta.puid", "text", meta["puid"]))
    found += [
        problem(f"meta.{name}", "an object", meta[name])
        for name in ("tags", "requestPath")
        if not isinstance(meta.get(name, {}), dict)
    ]
    return found


def _rows_of(message: dict[str, Any], problems: list[Problem]) -> _Rows | None:
    if "jsonData" in message:
        payload = message["jsonData"]
        if isinstance(payload, dict):
            return _Rows("jsonData", [payload], single=True)
        if isinstance(payload, list) and payload:
            return _Rows("jsonData", payload)
        problems.append(problem("jsonData", "an item or a list of at least one item", payload))
    elif "data" in message:
        return _rows_of_data(message["data"], problems)
    return None


def _rows_of_data(data: object, problems: list[Problem]) -> _Rows | None:
    if not isinstance(data, dict):
        problems.append(problem("data", "an object with names and ndarray", data))
        return None
    problems += unknown_fields("data.", data, _DATA_FIELDS)
    names, table = data.get("names"), data.get("ndarray")
    columns = _columns_of(names, problems)
    if not isinstance(table, list) or not table:
        problems.append(problem("data.ndarray", "a list of at least one row", table))
        return None
    if columns is None or len(problems) >= ENOUGH_PROBLEMS:
        return None
    return _Rows("ndarray", [_object_of(row, columns) for row in table], columns=columns)


def _columns_of(names: object, problems: list[Problem]) -> tuple[str | None, ...] | None:
    before = len(problems)
    if not isinstance(names, list) or not names:
        problems.append(problem("data.names", "the names of the columns, store_id among them", names))
        return None
    columns: list[str | None] = []
    for place, name in enumerate(names):
        if len(problems) >= ENOUGH_PROBLEMS:
            break
        path = f"data.names[{place}]"
        known = SPELLINGS.get(name) if isinstance(name, str) else None
        if not isinstance(name, str):
            problems.append(problem(path, COLUMN_WANTED, name))
        elif known is None:
            hint = nearest(name, SPELLINGS) if len(problems) < HINTS else ""
            problems.append(problem(path, _FIELDS_WANTED + hint, name))
        elif known in columns:
            problems.append(problem_in_words(path, "each column once", f"{known} again"))
            known = None
        columns.append(known)
    if len(problems) == before and "storeId" not in columns:
        problems.append(problem_in_words("data.names", "the column store_id", "no such column"))
    return tuple(columns)


def _object_of(row: object, columns: tuple[str | None, ...]) -> object:
    if not isinstance(row, list) or len(row) != len(columns):
        # An object would pass for an item, whatever columns were named; JSON has no tuples, so one is a problem.
        return (row,)
    return {name: value for name, value in zip(columns, row, strict=True) if name is not None and value is not None}


def _items_of(
    rows: _Rows, limits: Limits, problems: list[Problem], unchecked: UncheckedParts
) -> tuple[ForecastItem, ...]:
    """Read the items, those with problems without what is wrong in them; none where there are too many of either."""
    if len(rows.raw) > limits.max_items:
        wanted = f"at most {limits.max_items} items (setting STORECAST_MAX_ITEMS)"
        problems.append(problem_in_words(rows.path((0,)).removesuffix("[0]"), wanted, f"{len(rows.raw)} items"))
        return ()
    storeless = rows.kind == "ndarray" and "storeId" not in rows.columns
    try:
        items = _ITEMS.validate_python(rows.raw)
    except ValidationError as error:
        details = error.errors(include_url=False)
        unchecked |= unchecked_of(details)
        # Without the column of the stores, every row is without one: the names were reported.
        reported = [each for each in details if not (storeless and each["type"] == "missing")]
        problems += [_problem_of(rows, each, place) for place, each in enumerate(reported[:ENOUGH_PROBLEMS])]
        items = _what_is_left(rows, details) if len(problems) < ENOUGH_PROBLEMS else ()
    if None in rows.columns:
        # What a column of an unknown name holds may be the days.
        for index in range(len(rows.raw)):
            unchecked.setdefault(index, set()).add("days")
    problems += _order_problems(rows, limits, unchecked)
    return items


def _what_is_left(rows: _Rows, details: list[ErrorDetails]) -> tuple[ForecastItem, ...]:
    try:
        return _ITEMS.validate_python(salvaged(rows.raw, details))
    except ValidationError:
        return ()  # keys that only Python has


def _problem_of(rows: _Rows, detail: ErrorDetails, place: int) -> Problem:
    location = detail["loc"]
    path, kind, value = rows.path(location), detail["type"], detail["input"]
    value = value[0] if isinstance(value, tuple) else value
    if kind == "storecast":
        return problem(path, detail["ctx"]["wanted"], value)
    if kind == "missing":
        return problem_in_words(path, STORE_WANTED, "null" if rows.kind == "ndarray" else "nothing")
    if kind == "extra_forbidden":
        return _unknown_field(path, str(location[-1]), place)
    if kind == "dict_type":
        wanted = "an object: column, then day, then value" if location[-1] == "overrides" else "an object: day, value"
    elif rows.kind == "ndarray":
        wanted = f"a list of {len(rows.columns)} values, one for each name"
    else:
        wanted = "an object with storeId"
    return problem(path, wanted, value)


def _unknown_field(path: str, name: str, place: int) -> Problem:
    if name in SPELLINGS:
        return problem_in_words(path, f"{SPELLINGS[name]} spelled in one way only", "the same field twice")
    return problem_in_words(
        path, _FIELDS_WANTED + (nearest(name, _FIELDS) if place < HINTS else ""), "an unknown field"
    )


def _order_problems(rows: _Rows, limits: Limits, unchecked: UncheckedParts) -> list[Problem]:
    # On the raw items, so that an item with another problem still has its days compared.
    found = []
    for index, raw in enumerate(rows.raw):
        begin, end = _raw_day(raw, "beginDate", "begin_date"), _raw_day(raw, "endDate", "end_date")
        if begin is None or end is None:
            continue
        path = rows.path((index, "endDate" if rows.kind == "ndarray" or "endDate" in raw else "end_date"))
        days = (end - begin).days + 1
        if days < 1:
            unchecked.setdefault(index, set()).add("days")
            found.append(problem_in_words(path, f"a day not before {begin}", str(end)))
        elif days > limits.max_days_per_item:
            unchecked.setdefault(index, set()).add("length")
            wanted = f"at most {limits.max_days_per_item} days (setting STORECAST_MAX_DAYS_PER_ITEM)"
            found.append(problem_in_words(path, wanted, f"{days} days"))
    return found


def _raw_day(raw: object, camel: str, snake: str) -> date | None:
    if not isinstance(raw, dict):
        return None
    value = raw.get(camel, raw.get(snake))
    return day_of(value) if isinstance(value, str) else None
