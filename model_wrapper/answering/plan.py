"""From a request that was read to the stores and days that are asked: defaults, limits, every store for ``*``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fleet import FeatureError
from fleet.features import CLOSURE_REACH_DAYS
from model_wrapper.contract.answers import DATE_OUT_OF_RANGE, UNKNOWN_STORE
from model_wrapper.contract.days import days_between, plus_days
from model_wrapper.contract.problems import ENOUGH_PROBLEMS, HINTS, nearest, problem, refusal, told
from model_wrapper.contract.reading import Reading, read_request
from model_wrapper.contract.requests import DEFAULT_DAYS, EVERY_STORE, ForecastItem, ForecastRequest, Limits

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import date

    from model_wrapper.contract.errors import Problem
    from model_wrapper.contract.requests import Overrides
    from model_wrapper.contract.salvaging import Doubt
    from model_wrapper.fleets.served import ServedFleet

_NEWCOMER: Final = "give expectedSales, its mean sales of an open day, for a store that is new"
_GROUPS_NAMED: Final = 30
_HINTS_PER_REQUEST: Final = 3  # finding the nearest ids reads every id


class Fault(NamedTuple):
    """Why one line has no forecast."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
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

    def echo(self, store_id: str) -> dict[str, Any]:
        """Return the item as it stands in an answer, for one of its stores."""
        said: dict[str, Any] = {
            "storeId": store_id,
            "beginDate": self.begin.isoformat(),
            "endDate": self.end.isoformat(),
            "level": self.level,
        }
        if self.overrides is not None:
            said["overrides"] = {
                column: {day.isoformat(): value for day, value in days.items()}
                for column, days in self.overrides.items()
            }
        if self.expected_sales is not None:
            said["expectedSales"] = self.expected_sales
        if self.group is not None:
            said["group"] = self.group
        if self.clipped_from is not None:
            said["clippedFrom"] = self.clipped_from.isoformat()
        return said


class Line(NamedTuple):
    """One store of one item: one entry of the answer."""

    store_id: str
    asked: Asked

    @property
    def key(self) -> tuple[int, str]:
        """The place of its item in the request, and the store: no two lines share them."""
        return self.asked.place, self.store_id

    @property
    def hinted(self) -> bool:
        """Whether the client said what the store sells."""
        return self.asked.expected_sales is not None


def plan(request: ForecastRequest, served: ServedFleet, limits: Limits, today: date) -> list[Line]:
    """Fill in defaults, check what only the fleet knows, and name every store.

    Raises: BadRequestError: with every problem: overrides, days per item, cells, questions.
    """
    problems, lines = _plan(Reading(request), request, served, limits, today)
    if problems:
        raise refusal(problems)
    return lines


def read_and_plan(
    message: object, served: ServedFleet, limits: Limits, today: date
) -> tuple[ForecastRequest, list[Line]]:
    """Read one Seldon message and plan it, so that what the fleet finds stands beside what the reader found.

    Raises: BadRequestError: with every problem of both; never anything else, whatever the message is.
    """
    reading = read_request(message, limits)
    if reading.request is None:
        raise refusal(reading.problems)
    problems, lines = _plan(reading, reading.request, served, limits, today)
    if problems or reading.problems:
        raise refusal([*reading.problems, *problems])
    return reading.request, lines


def _plan(
    reading: Reading, request: ForecastRequest, served: ServedFleet, limits: Limits, today: date
) -> tuple[list[Problem], list[Line]]:
    told_before = len(reading.problems)
    problems: list[Problem] = []
    lines: list[Line] = []
    questions: set[tuple[object, ...]] = set()
    cells = 0
    for index, item in enumerate(request.items):
        asked = _with_defaults(index, item, served, today)
        doubts, told_so_far = reading.doubts.get(index), told_before + len(problems)
        found = _item_problems(request, asked, doubts or set(), served, limits, hinted=told_so_far < HINTS)
        problems += islice(found, max(0, ENOUGH_PROBLEMS - told_so_far))
        if doubts is not None:
            continue
        stores = _stores_of(asked, served)
        questions.add(asked.question)
        cells += len(stores) * days_between(asked.begin, asked.end)
        if cells <= limits.max_cells:
            lines += [Line(store_id, asked) for store_id in stores]
    calls = max(len(questions), _calls_of(lines, served))
    problems += _limit_problems(request, cells, calls, limits)
    return problems, lines


def _limit_problems(request: ForecastRequest, cells: int, calls: int, limits: Limits) -> Iterator[Problem]:
    payload = "jsonData" if request.kind == "jsonData" else "data.ndarray"
    if cells > limits.max_cells:
        wanted = f"at most {limits.max_cells} stores x days (setting STORECAST_MAX_CELLS)"
        yield told(payload, wanted, str(cells))
    if calls > limits.max_questions:
        asked_of = "different days, levels and overrides, each store with a model of its own apart"
        wanted = f"at most {limits.max_questions} {asked_of} (setting STORECAST_MAX_QUESTIONS)"
        yield told(payload, wanted, str(calls))


def _calls_of(lines: list[Line], served: ServedFleet) -> int:
    """Count the calls that lines cost: one for all stores of a question, and one for each with its own model."""
    own = served.own
    return len({(asked.question, store_id if store_id in own else "") for store_id, asked in lines}) if len(own) else 0


def faults_of(lines: list[Line], served: ServedFleet) -> dict[int, Fault]:
    """Find the lines that cannot be answered: position in `lines` -> code and message."""
    faults: dict[int, Fault] = {}
    hints = _HINTS_PER_REQUEST
    for place, (store_id, asked) in enumerate(lines):
        if asked.begin < served.first_day or asked.end > served.last_day:
            faults[place] = Fault(DATE_OUT_OF_RANGE, _out_of_range(asked, served))
        elif store_id not in served.positions and asked.expected_sales is None:
            hint = nearest(store_id, served.positions) if hints > 0 else ""
            hints -= 1
            named = json.dumps(store_id, ensure_ascii=False)
            faults[place] = Fault(UNKNOWN_STORE, f"Wanted a store of this fleet, got {named}{hint}; {_NEWCOMER}.")
    return faults


def _with_defaults(index: int, item: ForecastItem, served: ServedFleet, today: date) -> Asked:
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
    return Asked(item.store_id, begin, end, item.level, item.overrides, clipped_from, question, index, *hints)


def _stores_of(asked: Asked, served: ServedFleet) -> tuple[str, ...]:
    if asked.store_id != EVERY_STORE or asked.begin < served.first_day or asked.end > served.last_day:
        return (asked.store_id,)
    return served.fleet.store_ids


def _item_problems(
    request: ForecastRequest,
    asked: Asked,
    doubts: Collection[Doubt],
    served: ServedFleet,
    limits: Limits,
    *,
    hinted: bool,
) -> Iterator[Problem]:
    days, index = days_between(asked.begin, asked.end), asked.place
    if days > limits.max_days_per_item and not doubts:
        wanted = f"at most {limits.max_days_per_item} days (setting STORECAST_MAX_DAYS_PER_ITEM)"
        yield told(request.path(index, "endDate"), wanted, f"{days} days")
    if asked.group is not None and asked.group not in served.fleet.shapes.names:
        names = sorted(served.fleet.shapes.names)
        wanted = f"one of the groups {', '.join(names[:_GROUPS_NAMED])}" if names else "no group: this fleet has none"
        yield problem(
            request.path(index, "group"), wanted + (nearest(asked.group, names) if hinted else ""), asked.group
        )
    if asked.overrides:
        path = request.path(index, "overrides")
        yield from _override_problems(path, asked, asked.overrides, served, dated="days" not in doubts)


def _override_problems(
    path: str, asked: Asked, overrides: Overrides, served: ServedFleet, *, dated: bool
) -> Iterator[Problem]:
    known = served.fleet.override_columns
    first, last = plus_days(asked.begin, -CLOSURE_REACH_DAYS), plus_days(asked.end, CLOSURE_REACH_DAYS)
    for name, values in overrides.items():
        if name not in known:
            wanted = f"one of the calendar columns {', '.join(known)}{nearest(name, known)}"
            yield told(f"{path}.{name}", wanted, "an unknown column")
            continue
        column = served.fleet.calendar.column(name)
        for day, value in values.items():
            where = f"{path}.{name}.{day}"
            if dated and not first <= day <= last:
                around = f"(the item's days and {CLOSURE_REACH_DAYS} around them, where a closure is still felt)"
                yield told(where, f"a day from {first} to {last} {around}", str(day))
            try:
                column.encode(value)
            except FeatureError as error:
                yield problem(where, str(error).partition("wanted ")[2].partition(", got ")[0], value)


def _out_of_range(asked: Asked, served: ServedFleet) -> str:
    return (
        f"Wanted days from {served.first_day} to {served.last_day} (history ends {served.trained_through}, and "
        f"STORECAST_MAX_DAYS_AHEAD is {served.max_days_ahead}), got {asked.begin} to {asked.end}."
    )
