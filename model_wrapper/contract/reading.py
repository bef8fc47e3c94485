"""Reads a message into a `ForecastRequest`, or raises one error that lists every problem in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from model_wrapper.contract.days import day_of
from model_wrapper.contract.problems import nearest, problem, refusal, told
from model_wrapper.contract.requests import (
    COLUMN_WANTED,
    SPELLINGS,
    STORE_WANTED,
    ForecastItem,
    ForecastRequest,
    Kind,
    Limits,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pydantic_core import ErrorDetails

    from model_wrapper.errors import Problem

_ITEMS: Final = TypeAdapter(tuple[ForecastItem, ...])
_FIELDS: Final = tuple(dict.fromkeys(SPELLINGS.values()))
_FIELDS_WANTED: Final = "one of the fields " + ", ".join(_FIELDS)
_TOP_FIELDS: Final = ("jsonData", "data", "meta")
_PAYLOAD_WANTED: Final = "jsonData or data.ndarray"
_REFUSED_KINDS: Final = frozenset({"strData", "binData", "customData"})


@dataclass(frozen=True, slots=True)
class _Rows:
    """Items before they are checked: raw objects, and how to name their places."""

    kind: Kind
    raw: Sequence[Any]
    single: bool = False
    columns: tuple[str, ...] = ()

    def path(self, location: tuple[int | str, ...]) -> str:
        index, *rest = location
        names = [str(name) for name in rest if name != "[key]"]
        if self.kind == "jsonData":
            return ".".join(["jsonData" if self.single else f"jsonData[{index}]", *names])
        place = f"data.ndarray[{index}]"
        if names and SPELLINGS.get(names[0]) in self.columns:
            place += f"[{self.columns.index(SPELLINGS[names.pop(0)])}]"
        return ".".join([place, *names])


def parse_request(message: object, limits: Limits | None = None) -> ForecastRequest:
    """Read one Seldon message.

    Args:    message: the decoded JSON body, of any type.  limits: how much it may ask.
    Raises:  BadRequestError: with every problem; never anything else, whatever the message is.
    """
    if not isinstance(message, dict):
        raise refusal([problem("", f"an object with {_PAYLOAD_WANTED}", message)])
    problems = [*_top_problems(message), *_meta_problems(message.get("meta"))]
    rows = _rows_of(message, problems)
    items: tuple[ForecastItem, ...] = ()
    if rows is not None:
        items = _items_of(rows, limits or Limits(), problems)
    if problems or rows is None:
        raise refusal(problems)
    meta = message.get("meta") or {}
    return ForecastRequest(kind=rows.kind, items=items, columns=rows.columns, single=rows.single, meta=meta)


def _top_problems(message: dict[Any, Any]) -> list[Problem]:
    found = []
    for name in message:
        if name in _REFUSED_KINDS:
            found.append(told(name, _PAYLOAD_WANTED, f"a payload of kind {name}"))
        elif name not in _TOP_FIELDS:
            wanted = "one of the fields " + ", ".join(_TOP_FIELDS) + nearest(str(name), _TOP_FIELDS)
            found.append(told(str(name), wanted, "an unknown field"))
    if "jsonData" in message and "data" in message:
        found.append(told("", f"only one of {_PAYLOAD_WANTED}", "both"))
    if not found and "jsonData" not in message and "data" not in message:
        found.append(told("", _PAYLOAD_WANTED, "no payload"))
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
    problems += [
        told(f"data.{name}", "names and ndarray only" + nearest(str(name), ("names", "ndarray")), "another field")
        for name in data
        if name not in {"names", "ndarray"}
    ]
    names, table = data.get("names"), data.get("ndarray")
    columns = _columns_of(names, problems)
    if not isinstance(table, list) or not table:
        problems.append(problem("data.ndarray", "a list of at least one row", table))
        return None
    if columns is None or not isinstance(names, list):
        return None
    return _Rows("ndarray", [_object_of(row, columns) for row in table], columns=columns)


def _columns_of(names: object, problems: list[Problem]) -> tuple[str, ...] | None:
    before = len(problems)
    if not isinstance(names, list) or not names:
        problems.append(problem("data.names", "the names of the columns, store_id among them", names))
        return None
    columns: list[str] = []
    for place, name in enumerate(names):
        path = f"data.names[{place}]"
        known = SPELLINGS.get(name) if isinstance(name, str) else None
        if not isinstance(name, str):
            problems.append(problem(path, COLUMN_WANTED, name))
        elif known is None:
            problems.append(problem(path, _FIELDS_WANTED + nearest(name, SPELLINGS), name))
        elif known in columns:
            problems.append(told(path, "each column once", f"{known} again"))
        else:
            columns.append(known)
    if len(problems) == before and "storeId" not in columns:
        problems.append(told("data.names", "the column store_id", "no such column"))
    return tuple(columns) if len(problems) == before else None


def _object_of(row: object, columns: tuple[str, ...]) -> object:
    if not isinstance(row, list) or len(row) != len(columns):
        # An object would pass for an item, whatever columns were named; JSON has no tuples, so one is a problem.
        return (row,)
    return {name: value for name, value in zip(columns, row, strict=True) if value is not None}


def _items_of(rows: _Rows, limits: Limits, problems: list[Problem]) -> tuple[ForecastItem, ...]:
    if len(rows.raw) > limits.max_items:
        wanted = f"at most {limits.max_items} items (setting STORECAST_MAX_ITEMS)"
        problems.append(told(rows.path((0,)).removesuffix("[0]"), wanted, f"{len(rows.raw)} items"))
        return ()
    try:
        items = _ITEMS.validate_python(rows.raw)
    except ValidationError as error:
        problems += [_problem_of(rows, detail) for detail in error.errors(include_url=False)]
        items = ()
    problems += _order_problems(rows, limits)
    return items


def _problem_of(rows: _Rows, detail: ErrorDetails) -> Problem:
    location = detail["loc"]
    path, kind, value = rows.path(location), detail["type"], detail["input"]
    value = value[0] if isinstance(value, tuple) else value
    if kind == "storecast":
        return problem(path, detail["ctx"]["wanted"], value)
    if kind == "missing":
        return told(path, STORE_WANTED, "null" if rows.kind == "ndarray" else "nothing")
    if kind == "extra_forbidden":
        return _unknown_field(path, str(location[-1]))
    if kind == "dict_type":
        wanted = "an object: column, then day, then value" if location[-1] == "overrides" else "an object: day, value"
    elif rows.kind == "ndarray":
        wanted = f"a list of {len(rows.columns)} values, one for each name"
    else:
        wanted = "an object with storeId"
    return problem(path, wanted, value)


def _unknown_field(path: str, name: str) -> Problem:
    if name in SPELLINGS:
        return told(path, f"{SPELLINGS[name]} spelled in one way only", "the same field twice")
    return told(path, _FIELDS_WANTED + nearest(name, SPELLINGS), "an unknown field")


def _order_problems(rows: _Rows, limits: Limits) -> list[Problem]:
    # On the raw items, so that an item with another problem still has its days compared.
    found = []
    for index, raw in enumerate(rows.raw):
        begin, end = _raw_day(raw, "beginDate", "begin_date"), _raw_day(raw, "endDate", "end_date")
        if begin is None or end is None:
            continue
        path = rows.path((index, "endDate" if rows.kind == "ndarray" or "endDate" in raw else "end_date"))
        days = (end - begin).days + 1
        if days < 1:
            found.append(told(path, f"a day not before {begin}", str(end)))
        elif days > limits.max_days_per_item:
            wanted = f"at most {limits.max_days_per_item} days (setting STORECAST_MAX_DAYS_PER_ITEM)"
            found.append(told(path, wanted, f"{days} days"))
    return found


def _raw_day(raw: object, camel: str, snake: str) -> date | None:
    if not isinstance(raw, dict):
        return None
    value = raw.get(camel, raw.get(snake))
    return day_of(value) if isinstance(value, str) else None
