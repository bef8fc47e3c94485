"""Reads a feedback - an answer of ours, and what was sold - or raises one error that lists every problem in it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from fleet.names import CHALLENGER, CHAMPION
from model_wrapper.contract.answers import ERROR_PREFIX, SOURCES
from model_wrapper.contract.days import DAY_WANTED
from model_wrapper.contract.errors import Problem
from model_wrapper.contract.problems import ENOUGH_PROBLEMS, problem, problem_in_words, refusal, unknown_fields
from model_wrapper.contract.requests import NUMBER_WANTED, STORE_WANTED, Day, StoreId

READ_FEEDBACK = "storecast_feedback"
"""Name by which the front door hands a feedback on that it has read."""
ROUTER = "router"
"""Our router's name in every graph, and so in `meta.routing`."""
FEEDBACK_REPLY_NAMES = ("days", "closed_days", "unmatched_days")
TRUTH_NAMES = ("store_id", "timestamp", "value")
_TOP_FIELDS = ("request", "response", "truth", "reward")
_MAX_REWARD = 3.4e38  # a 32-bit float on its way through Seldon's proto
_ANSWER_WANTED = "the answer that the truth belongs to, with jsonData or data.ndarray as it came"
_TRUTH_WANTED = "the actual sales, with jsonData or data.ndarray; or a reward"
_MOST_SALES = 1e15
_FORECAST_WANTED = "a number from -1e15 to 1e15: a forecast of ours"
_SALES_WANTED = "a number from 0 to 1e15: the day's sales"
_TABLE_WANTED = "an object with names and ndarray"
_PAYLOADS = ("jsonData", "data")
_MESSAGE_FIELDS = (*_PAYLOADS, "meta", "status")
_WANTED = {
    "storeId": STORE_WANTED,
    "timestamp": DAY_WANTED,
    "lower": _FORECAST_WANTED,
    "upper": _FORECAST_WANTED,
    "request": "an object with storeId",
    "forecast": "a list of days, each with timestamp and value",
    "model": "an object with source",
    "source": "one of " + ", ".join(SOURCES),
    "alias": f"{CHAMPION} or {CHALLENGER}",
}


class _Part(BaseModel):
    # What else stands in an answer is no business of a feedback.
    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


def _sales(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MOST_SALES:
        return float(value)
    raise PydanticCustomError("storecast", "wanted {wanted}", {"wanted": _SALES_WANTED})


def _forecast(value: object) -> float:
    # Not below 0 but for a curve that was made by hand. One 1e308 would make the live error infinite until the end.
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MOST_SALES:
        return float(value)
    raise PydanticCustomError("storecast", "wanted {wanted}", {"wanted": _FORECAST_WANTED})


Sales = Annotated[
    float, PlainValidator(_sales), WithJsonSchema({"type": "number", "minimum": 0, "maximum": _MOST_SALES})
]


Forecasted = Annotated[
    float,
    PlainValidator(_forecast),
    WithJsonSchema({"type": "number", "minimum": -_MOST_SALES, "maximum": _MOST_SALES}),
]


class TruthDay(_Part):
    """What one store sold on one day."""

    store_id: StoreId
    timestamp: Day
    value: Sales


class SoldDay(_Part):
    """One day's sales."""

    timestamp: Day
    value: Sales


class OfStore(_Part):
    """Whose days they are."""

    store_id: StoreId


class TruthEntry(_Part):
    """What one store sold, in the shape of an answer's entry: the values are the actual sales."""

    request: OfStore
    forecast: list[SoldDay]


class ForecastOfDay(_Part):
    """One day's forecast."""

    timestamp: Day
    value: Forecasted
    lower: Forecasted
    upper: Forecasted


class AnsweredBy(_Part):
    """Who forecast it."""

    source: Literal["fleet", "store", "fallback"]
    alias: Literal["champion", "challenger"] = "champion"


class AnswerEntry(_Part):
    """What a feedback needs of an answer's entry."""

    request: OfStore
    forecast: list[ForecastOfDay]
    model: AnsweredBy


class _AnswerRow(ForecastOfDay):
    store_id: StoreId
    source: Literal["fleet", "store", "fallback"]


Key = tuple[str, "date"]
_Forecast = tuple[str, str, str, float, float, float]
"""Store, source, alias, value, lower, upper: what a `JudgedDay` begins with."""


P = TypeVar("P", bound=_Part)


@dataclass(frozen=True, slots=True)
class JudgedDay:
    """One forecast day whose truth is known."""

    store_id: str
    source: str
    alias: str
    value: float
    lower: float
    upper: float
    truth: float

    @property
    def rightly_closed(self) -> bool:
        """The store was forecast to be closed, and sold nothing."""
        return self.value == self.lower == self.upper == self.truth == 0


@dataclass(frozen=True, slots=True)
class Feedback:
    """A feedback that was read.

    `child`: index of the one child that answered, None where several did or nobody says.  `unmatched`: days of the
    truth that the answer does not have.
    """

    days: tuple[JudgedDay, ...] = ()
    unmatched: int = 0
    child: int | None = None


def parse_feedback(message: object, max_days: int) -> Feedback:
    """Read one feedback.

    Args:    max_days: the most days of an answer, and of a truth.
    Raises:  BadRequestError: with every problem; never anything else, whatever the message is.
    """
    if not isinstance(message, dict):
        raise refusal([problem("", "an object with response and truth, or a reward", message)])
    problems = unknown_fields("", message, _TOP_FIELDS)
    problems += _reward_problems(message.get("reward", 0))
    response, truth = message.get("response"), message.get("truth")
    if truth is None and message.get("reward"):
        if problems:
            raise refusal(problems)
        return Feedback()
    forecast = list(_answered(response, problems))
    sold = _sold(truth, problems)
    problems += [
        problem_in_words(name, f"at most {max_days} days (setting STORECAST_MAX_CELLS)", f"{count} days")
        for name, count in (("response", len(forecast)), ("truth", len(sold)))
        if count > max_days
    ]
    judged = [JudgedDay(*day, sold[key]) for key, day in forecast if key in sold]
    if not problems and not judged:
        problems.append(problem_in_words("truth", "at least one store and day of the response", "none of them"))
    if problems:
        raise refusal(problems)
    unmatched = len(sold.keys() - {key for key, _ in forecast})
    return Feedback(tuple(judged), unmatched, _child_of(response))


def _reward_problems(reward: object) -> list[Problem]:
    number = isinstance(reward, int | float) and not isinstance(reward, bool)
    if number and math.isfinite(reward) and abs(reward) <= _MAX_REWARD:  # type: ignore[arg-type]
        return []
    # One NaN would stay in the reward counter until the process ends.
    return [problem("reward", "a finite number", reward)]


def _child_of(response: object) -> int | None:
    """The one child that our router named in `meta.routing`; what other nodes of a graph wrote there is theirs."""
    meta = response.get("meta") if isinstance(response, dict) else None
    routing = meta.get("routing") if isinstance(meta, dict) else None
    child = routing.get(ROUTER) if isinstance(routing, dict) else None
    # Seldon's proto makes a float of every number.
    child = int(child) if isinstance(child, float) and child.is_integer() else child
    return child if isinstance(child, int) and not isinstance(child, bool) and child >= 0 else None


def _answered(response: object, problems: list[Problem]) -> Iterator[tuple[Key, _Forecast]]:
    """Every forecast day of an answer of ours; its lines with errors are passed over."""
    if response is None:
        problems.append(problem_in_words("response", _ANSWER_WANTED, "nothing"))
        return
    challenged = _challenged(response)
    for path, raw in _records(response, "response", _ANSWER_WANTED, problems):
        if len(problems) >= ENOUGH_PROBLEMS:
            return
        if _has_error(raw):
            continue
        if "store_id" in raw:
            row = _read(_AnswerRow, path, raw, problems)
            if row is not None:
                alias = CHALLENGER if row.store_id in challenged else CHAMPION
                yield (row.store_id, row.timestamp), (row.store_id, row.source, alias, row.value, row.lower, row.upper)
            continue
        entry = _read(AnswerEntry, path, raw, problems)
        if entry is not None:
            who = (entry.request.store_id, entry.model.source, entry.model.alias)
            for day in entry.forecast:
                yield (who[0], day.timestamp), (*who, day.value, day.lower, day.upper)


def _sold(truth: object, problems: list[Problem]) -> dict[Key, float]:
    """Sales by store and day."""
    sold: dict[Key, float] = {}
    if truth is None:
        problems.append(problem_in_words("truth", _TRUTH_WANTED, "nothing"))
        return sold
    for path, raw in _records(truth, "truth", _TRUTH_WANTED, problems):
        if len(problems) >= ENOUGH_PROBLEMS:
            break
        if _has_error(raw):
            continue
        for key, sales in _truths(path, raw, problems):
            if key in sold:
                problems.append(problem_in_words(path, "each store and day once", f"store {key[0]} on {key[1]} again"))
            sold[key] = sales
    return sold


def _truths(path: str, raw: dict[str, Any], problems: list[Problem]) -> Iterator[tuple[Key, float]]:
    if "forecast" in raw:
        entry = _read(TruthEntry, path, raw, problems)
        if entry is not None:
            yield from (((entry.request.store_id, day.timestamp), day.value) for day in entry.forecast)
    else:
        day = _read(TruthDay, path, raw, problems)
        if day is not None:
            yield (day.store_id, day.timestamp), day.value


def _challenged(response: object) -> frozenset[str]:
    """The stores whose rows the challenger answered: rows have no column for it, the answer's tags say it."""
    found: Any = response
    for name in ("meta", "tags", "challenger", "stores"):
        found = found.get(name) if isinstance(found, dict) else None
    return frozenset(each for each in found if isinstance(each, str)) if isinstance(found, list) else frozenset()


def _has_error(raw: dict[str, Any]) -> bool:
    return "error" in raw or str(raw.get("source", "")).startswith(ERROR_PREFIX)


def _records(message: object, where: str, wanted: str, problems: list[Problem]) -> list[tuple[str, dict[str, Any]]]:
    """The entries or rows of a message as objects, each with its path."""
    if not isinstance(message, dict):
        problems.append(problem(where, wanted, message))
        return []
    problems += unknown_fields(f"{where}.", message, _MESSAGE_FIELDS)
    if sum(name in message for name in _PAYLOADS) != 1:
        problems.append(problem_in_words(where, wanted, "both" if "data" in message else "neither"))
        return []
    if "data" in message:
        return _rows(message["data"], f"{where}.data", problems)
    payload = message["jsonData"]
    entries = [payload] if isinstance(payload, dict) else payload
    if not isinstance(entries, list) or not entries:
        problems.append(problem(f"{where}.jsonData", "a list of at least one entry", payload))
        return []
    return _objects([(f"{where}.jsonData[{place}]", raw) for place, raw in enumerate(entries)], problems)


def _rows(data: object, where: str, problems: list[Problem]) -> list[tuple[str, dict[str, Any]]]:
    if not isinstance(data, dict):
        problems.append(problem(where, _TABLE_WANTED, data))
        return []
    names, table = data.get("names"), data.get("ndarray")
    named = _named(names, f"{where}.names", problems)
    if not isinstance(table, list) or not table:
        problems.append(problem(f"{where}.ndarray", "a list of at least one row", table))
        return []
    if not isinstance(names, list):
        return []
    found: list[tuple[str, Any]] = []
    for place, row in enumerate(table):
        if len(problems) >= ENOUGH_PROBLEMS:
            break
        path = f"{where}.ndarray[{place}]"
        if not isinstance(row, list) or len(row) != len(names):
            problems.append(problem(path, f"a list of {len(names)} values, one for each name", row))
        elif named:
            found.append((path, dict(zip(names, row, strict=True))))
    return found


def _named(names: object, path: str, problems: list[Problem]) -> bool:
    """Whether there is all that makes a row a day; what else is named is no business of a feedback."""
    wanted = "the columns " + ", ".join(TRUTH_NAMES)
    if not isinstance(names, list):
        problems.append(
            problem(path, wanted, names) if names is not None else problem_in_words(path, wanted, "nothing")
        )
        return False
    strange = [name for name in names if not isinstance(name, str)]
    missing = [name for name in TRUTH_NAMES if name not in names]
    if strange:
        problems.append(problem(path, f"{wanted}, as text", strange[0]))
    if missing:
        problems.append(problem_in_words(path, wanted, f"no {', '.join(missing)}"))
    return not (strange or missing)


def _objects(found: list[tuple[str, Any]], problems: list[Problem]) -> list[tuple[str, dict[str, Any]]]:
    strange = ((path, raw) for path, raw in found if not isinstance(raw, dict))
    problems += [problem(path, "an object", raw) for path, raw in islice(strange, ENOUGH_PROBLEMS)]
    return [(path, raw) for path, raw in found if isinstance(raw, dict)]


def _read(kind: type[P], path: str, raw: dict[str, Any], problems: list[Problem]) -> P | None:
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        details = islice(error.errors(include_url=False), ENOUGH_PROBLEMS)
        problems += [_problem_of(path, detail) for detail in details]
        return None


def _problem_of(path: str, detail: ErrorDetails) -> Problem:
    location = detail["loc"]
    place = path + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    name = next((part for part in reversed(location) if isinstance(part, str)), "")
    wanted = detail["ctx"]["wanted"] if detail["type"] == "storecast" else _WANTED.get(name, NUMBER_WANTED)
    if isinstance(location[-1], int):
        wanted = "an object with timestamp and value"
    if detail["type"] == "missing":
        return problem_in_words(place, wanted, "nothing")
    return problem(place, wanted, detail["input"])
