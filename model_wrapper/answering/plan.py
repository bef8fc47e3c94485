"""From a request that was read to the stores and days that are asked: defaults, limits, every store for `*`."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import NamedTuple

from fleet import FeatureError
from fleet.features import CLOSURE_REACH_DAYS
from model_wrapper.contract.answers import DATE_OUT_OF_RANGE, UNKNOWN_STORE, ErrorCode
from model_wrapper.contract.days import days_between, plus_days
from model_wrapper.contract.errors import Problem
from model_wrapper.contract.problems import ENOUGH_PROBLEMS, HINTS, nearest, problem, problem_in_words, refusal
from model_wrapper.contract.reading import Reading
from model_wrapper.contract.requests import (
    DEFAULT_DAYS,
    EVERY_STORE,
    ForecastItem,
    ForecastRequest,
    Kind,
    Limits,
    Overrides,
)
from model_wrapper.contract.salvaging import Unchecked
from model_wrapper.fleets.served import ServedFleet

_GROUPS_NAMED = 30


@dataclass(frozen=True, slots=True, eq=False)
class PlannedItem:
    """One item with its defaults filled in.

    `place`: of the item in its request.  `question`: what two items must share to be answered by one call of the
    fleet: days, level, overrides.
    """

    store_id: str
    begin: date
    end: date
    level: float
    overrides: Overrides | None
    clipped_from: date | None
    question: tuple[object, ...]
    place: int = 0
    expected_sales: float | None = None
    group: str | None = None


class PlannedForecast(NamedTuple):
    """One store of one item: one line, that is one entry of the answer.

    `fault`: why it cannot be forecast, None where it can.
    """

    store_id: str
    item: PlannedItem
    fault: ErrorCode | None = None

    @property
    def key(self) -> tuple[int, str]:
        """The place of its item in the request, and the store: no two lines share them."""
        return self.item.place, self.store_id

    @property
    def hinted(self) -> bool:
        """Whether the client said what the store sells."""
        return self.item.expected_sales is not None


class Plan(NamedTuple):
    """The lines of a request in order, how many of them each item has, and the kind of payload that it came in."""

    kind: Kind
    lines: list[PlannedForecast]
    lines_per_item: list[int]


def plan(reading: Reading, served: ServedFleet, limits: Limits, today: date) -> Plan:
    """Fill in defaults, check what only the fleet knows, and name every store.

    Raises: BadRequestError: with every problem, of the reader and of the fleet: overrides, groups, days per item,
            cells, questions.
    """
    request = reading.request
    if request is None:
        raise refusal(reading.problems)
    problems = list(reading.problems)
    lines: list[PlannedForecast] = []
    lines_per_item: list[int] = []
    questions: set[tuple[object, ...]] = set()
    cells = 0
    for index, item in enumerate(request.items):
        planned = _with_defaults(index, item, served, today)
        unchecked = reading.unchecked.get(index)
        found = _item_problems(request, planned, unchecked or (), served, limits, hinted=len(problems) < HINTS)
        problems += islice(found, max(0, ENOUGH_PROBLEMS - len(problems)))
        if unchecked is not None:
            continue
        fault = _fault_of(planned, served)
        stores = _stores_of(planned, fault, served)
        questions.add(planned.question)
        cells += len(stores) * days_between(planned.begin, planned.end)
        lines_per_item.append(len(stores))
        if cells <= limits.max_cells:
            lines += [PlannedForecast(store_id, planned, fault) for store_id in stores]
    calls = max(len(questions), _calls_of(lines, served))
    problems += _limit_problems(request, cells, calls, limits)
    if problems:
        raise refusal(problems)
    return Plan(request.kind, lines, lines_per_item)


def _limit_problems(request: ForecastRequest, cells: int, calls: int, limits: Limits) -> Iterator[Problem]:
    payload = "jsonData" if request.kind == "jsonData" else "data.ndarray"
    if cells > limits.max_cells:
        wanted = f"at most {limits.max_cells} stores x days (setting STORECAST_MAX_CELLS)"
        yield problem_in_words(payload, wanted, str(cells))
    if calls > limits.max_questions:
        asked_of = "different days, levels and overrides, each store with a model of its own apart"
        wanted = f"at most {limits.max_questions} {asked_of} (setting STORECAST_MAX_QUESTIONS)"
        yield problem_in_words(payload, wanted, str(calls))


def _calls_of(lines: list[PlannedForecast], served: ServedFleet) -> int:
    """Count the calls that lines cost: one for all stores of a question, and one for each with its own model."""
    own = served.own
    return len({(item.question, store_id if store_id in own else "") for store_id, item, _ in lines}) if own else 0


def _with_defaults(index: int, item: ForecastItem, served: ServedFleet, today: date) -> PlannedItem:
    begin, end, clipped_from = item.begin_date, item.end_date, None
    if begin is None:
        latest = served.last_known_day if end is None else min(served.last_known_day, end)
        begin = max(served.first_day, min(today, plus_days(latest, 1 - DEFAULT_DAYS)))
        begin = begin if end is None else min(begin, end)
        clipped_from = None if begin == today else today
    if end is None:
        end = plus_days(begin, DEFAULT_DAYS - 1)
    # By its text: 1, 1.0 and "1" are different values of a column of kinds, and equal or no keys otherwise.
    question = (begin, end, item.level, repr(item.overrides))
    hints = (item.expected_sales, item.group)
    return PlannedItem(item.store_id, begin, end, item.level, item.overrides, clipped_from, question, index, *hints)


def _fault_of(item: PlannedItem, served: ServedFleet) -> ErrorCode | None:
    if item.begin < served.first_day or item.end > served.last_day:
        return DATE_OUT_OF_RANGE
    known = item.store_id == EVERY_STORE or item.store_id in served.positions
    return None if known or item.expected_sales is not None else UNKNOWN_STORE


def _stores_of(item: PlannedItem, fault: ErrorCode | None, served: ServedFleet) -> tuple[str, ...]:
    return served.fleet.store_ids if item.store_id == EVERY_STORE and fault is None else (item.store_id,)


def _item_problems(
    request: ForecastRequest,
    item: PlannedItem,
    unchecked: Collection[Unchecked],
    served: ServedFleet,
    limits: Limits,
    *,
    hinted: bool,
) -> Iterator[Problem]:
    days, index = days_between(item.begin, item.end), item.place
    if days > limits.max_days_per_item and not unchecked:
        wanted = f"at most {limits.max_days_per_item} days (setting STORECAST_MAX_DAYS_PER_ITEM)"
        yield problem_in_words(request.path(index, "endDate"), wanted, f"{days} days")
    if item.group is not None and item.group not in served.fleet.shapes.names:
        names = sorted(served.fleet.shapes.names)
        wanted = f"one of the groups {', '.join(names[:_GROUPS_NAMED])}" if names else "no group: this fleet has none"
        yield problem(request.path(index, "group"), wanted + (nearest(item.group, names) if hinted else ""), item.group)
    if item.overrides:
        path = request.path(index, "overrides")
        yield from _override_problems(path, item, item.overrides, served, dated="days" not in unchecked)


def _override_problems(
    path: str, item: PlannedItem, overrides: Overrides, served: ServedFleet, *, dated: bool
) -> Iterator[Problem]:
    known = served.fleet.override_columns
    first, last = plus_days(item.begin, -CLOSURE_REACH_DAYS), plus_days(item.end, CLOSURE_REACH_DAYS)
    for name, values in overrides.items():
        if name not in known:
            wanted = f"one of the calendar columns {', '.join(known)}{nearest(name, known)}"
            yield problem_in_words(f"{path}.{name}", wanted, "an unknown column")
            continue
        column = served.fleet.calendar.column(name)
        for day, value in values.items():
            where = f"{path}.{name}.{day}"
            if dated and not first <= day <= last:
                around = f"(the item's days and {CLOSURE_REACH_DAYS} around them, where a closure is still felt)"
                yield problem_in_words(where, f"a day from {first} to {last} {around}", str(day))
            try:
                column.encode(value)
            except FeatureError as error:
                yield problem(where, str(error).partition("wanted ")[2].partition(", got ")[0], value)
