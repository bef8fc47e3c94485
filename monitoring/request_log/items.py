"""Turns an answer into rows of the log: one item for each forecast, or error, of a store."""

import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from pydantic import ValidationError
from pydantic_core import from_json

from fleet import StorecastError
from model_wrapper.contract import EVERY_STORE, ForecastItem, Limits, parse_request
from model_wrapper.contract.answers import ERROR_PREFIX, SOURCE_STORE
from monitoring.request_log.errors import NotAForecastError
from monitoring.request_log.events import Event
from monitoring.request_log.intake import Exchange
from monitoring.request_log.logged_answers import ErrorRow, FleetTags, LoggedAnswer, LoggedEntry, Row
from monitoring.request_log.metrics import Dropped

# The log takes every request that the components have taken.
_NO_LIMITS: Final = Limits(sys.maxsize, sys.maxsize, sys.maxsize, sys.maxsize)
EVERY_CHILD: Final = -1
_MOST_CHILDREN: Final = 32767  # what the column takes
_ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedItem:
    """One row of the log. The lists have one entry a day and are empty for an item with an error."""

    namespace: str
    deployment: str
    predictor: str
    request_id: str
    answer: str
    """Digest of the answer's body: a client may use a request id more than once."""
    item: int
    """Place in the answer, from 0."""
    node: str
    issued_at: datetime
    """When the node's answer was logged by the executor."""
    store_id: str | None
    days: Sequence[str] = ()
    forecasts: Sequence[float] = ()
    lowers: Sequence[float] = ()
    uppers: Sequence[float] = ()
    notes: Sequence[str | None] | None = None
    """None where no day has one."""
    level: float | None = None
    source: str | None = None
    version: str | None = None
    alias: str | None = None
    trained_through: str | None = None
    child: int | None = None
    """Index of the router's child that answered; -1 for several, None where no router said."""
    what_if: bool | None = None
    """Whether the client replaced known values, such as a promotion; None where the request is not known."""
    error_code: str | None = None


def items_of(exchange: Exchange) -> list[LoggedItem]:
    """All items of an answer, in its order.

    Raises: NotAForecastError: the body is no answer of a forecast graph.
    """
    try:
        message = LoggedAnswer.model_validate(_json_of(exchange.response.body))
        if message.meta.tags.is_part:
            raise NotAForecastError(Dropped.CHILD_ANSWER)
        frame = _frame(exchange.response, message)
        if message.by_rows:
            return list(_of_table(frame, message, _requested_items(exchange.request)))
        return [_of_entry(replace(frame, item=place), entry) for place, entry in enumerate(message.entries())]
    except ValidationError as error:
        raise NotAForecastError(Dropped.NOT_A_FORECAST) from error


def _json_of(body: bytes) -> object:
    try:
        return from_json(body)
    except ValueError as error:
        raise NotAForecastError(Dropped.NOT_JSON) from error


def _frame(response: Event, message: LoggedAnswer) -> LoggedItem:
    origin = response.header.origin
    child = message.meta.routing.get(origin.node)
    is_index = isinstance(child, int) and EVERY_CHILD <= child <= _MOST_CHILDREN
    return LoggedItem(
        **origin._asdict(),
        answer=hashlib.blake2b(response.body, digest_size=8).hexdigest(),
        item=0,
        issued_at=response.header.time,
        store_id=None,
        child=child if is_index else None,
    )


def _of_entry(frame: LoggedItem, entry: LoggedEntry) -> LoggedItem:
    request = entry.request
    if request is not None:
        frame = replace(frame, store_id=request.store_id, level=request.level, what_if=request.overrides is not None)
    if entry.error is not None:
        return replace(frame, error_code=entry.error.code)
    notes = [day.note for day in entry.forecast]
    return replace(
        frame,
        days=[day.timestamp.isoformat() for day in entry.forecast],
        forecasts=[day.value for day in entry.forecast],
        lowers=[day.lower for day in entry.forecast],
        uppers=[day.upper for day in entry.forecast],
        notes=notes if any(notes) else None,
        source=entry.model.source,
        version=entry.model.version,
        alias=entry.model.alias,
        trained_through=entry.model.trained_through,
    )


def _requested_items(request: Event | None) -> tuple[ForecastItem, ...]:
    """The items of a request; empty if there is no request or it cannot be read, for example if it is compressed."""
    if request is None:
        return ()
    try:
        return parse_request(from_json(request.body), _NO_LIMITS).items
    except (ValueError, StorecastError):
        return ()


def _of_table(frame: LoggedItem, message: LoggedAnswer, requested: Sequence[ForecastItem]) -> Iterator[LoggedItem]:
    """One item for each run of consecutive days of a store. Rows do not say where an item of the request ends."""
    by_place = () if any(item.store_id == EVERY_STORE for item in requested) else requested
    for place, run in enumerate(_runs(message.rows(), [item.end_date for item in by_place])):
        matching = by_place[place : place + 1] or requested
        levels, what_ifs = {item.level for item in matching}, {item.overrides is not None for item in matching}
        filled = replace(
            frame,
            item=place,
            store_id=run[0].store_id,
            level=levels.pop() if len(levels) == 1 else None,
            what_if=what_ifs.pop() if len(what_ifs) == 1 else None,
        )
        yield _of_run(filled, run, *message.fleet_tags_of(filled.store_id))


def _of_run(frame: LoggedItem, run: Sequence[Row | ErrorRow], tags: FleetTags, alias: str | None) -> LoggedItem:
    if isinstance(run[0], ErrorRow):
        return replace(frame, error_code=run[0].source.removeprefix(ERROR_PREFIX))
    rows = [row for row in run if isinstance(row, Row)]
    # Rows do not carry the version of a store model; the fleet's version would be wrong.
    by_fleet = rows[0].source != SOURCE_STORE
    return replace(
        frame,
        days=[row.timestamp.isoformat() for row in rows],
        forecasts=[row.value for row in rows],
        lowers=[row.lower for row in rows],
        uppers=[row.upper for row in rows],
        source=rows[0].source,
        version=tags.fleet_version if by_fleet else None,
        alias=alias,
        trained_through=tags.trained_through if by_fleet else None,
    )


def _runs(rows: Iterable[Row | ErrorRow], ends: Sequence[date | None]) -> Iterator[list[Row | ErrorRow]]:
    run: list[Row | ErrorRow] = []
    place = 0
    for row in rows:
        end = ends[place] if place < len(ends) else None
        if run and not _continues(run[-1], row, end):
            yield run
            run = []
            place += 1
        run.append(row)
    if run:
        yield run


def _continues(last: Row | ErrorRow, row: Row | ErrorRow, end: date | None) -> bool:
    """Whether a row is the next day of the same forecast; `end` is the last requested day, if known."""
    if isinstance(last, ErrorRow) or isinstance(row, ErrorRow) or last.timestamp == end:
        return False
    return (last.store_id, last.source) == (row.store_id, row.source) and row.timestamp - last.timestamp == _ONE_DAY
