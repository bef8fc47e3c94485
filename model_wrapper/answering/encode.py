"""Writes forecasts and faults in the client's kind of payload: jsonData entries, or the rows of a table."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fleet import Forecast
from fleet.fleet import NOTE_ASSUMED, NOTE_CLOSED
from fleet.names import CHAMPION
from model_wrapper.answering.forecast import Forecasts
from model_wrapper.answering.plan import PlannedForecast, PlannedItem
from model_wrapper.contract.answers import DATE_OUT_OF_RANGE, ERROR_PREFIX, FORECAST_FAILED, ROW_NAMES
from model_wrapper.contract.problems import nearest
from model_wrapper.fleets.served import ServedFleet

ERRORS_TAG = "errors"
CLIPPED_TAG = "clipped_from"
_NEWCOMER = "give expectedSales, its mean sales of an open day, for a store that is new"
_UNUSABLE = "Neither the model of this store nor its fallback gives a finite number."
_HINTS_PER_REQUEST = 3  # finding the nearest ids reads every id


@dataclass(slots=True)
class EncodedAnswer:
    """An answer in the client's kind, ready to become a message.

    `payload`: jsonData or data.  `complete`: no line is left to another child.  `lines_per_item`: in request order.
    `rows_per_line`: how many rows of the table are each line's (0 = left), None for jsonData.  `tags`: what a table
    cannot say: errors, and the day that a default begin was before it was clipped.  `stores`: of the table's
    forecasts, None for jsonData.
    """

    payload: dict[str, Any]
    complete: bool
    lines_per_item: list[int]
    rows_per_line: list[int] | None = None
    tags: dict[str, Any] = field(default_factory=dict)
    stores: list[str] | None = None


def encode(forecasts: Forecasts, served: ServedFleet, alias: str = CHAMPION) -> EncodedAnswer:
    """Write an answer in the kind of its request; `alias` says who answers."""
    kind, lines, lines_per_item = forecasts.plan
    if kind == "jsonData":
        entries = _entries_of(forecasts, served, alias)
        complete = all(entry is not None for entry in entries)
        return EncodedAnswer({"jsonData": entries}, complete, lines_per_item)
    tables = _rows_of(forecasts)
    rows = [row for table in tables for row in table or ()]
    tags: dict[str, Any] = {}
    clipped = {line.item.clipped_from for line in lines} - {None}
    if clipped:
        tags[CLIPPED_TAG] = str(clipped.pop())  # today, whatever the line
    if forecasts.faults:
        tags[ERRORS_TAG] = [
            {"line": place, "storeId": lines[place].store_id, "code": forecasts.faults[place], "message": reason}
            for place, reason in sorted(_reasons_of(forecasts, served))
        ]
    return EncodedAnswer(
        {"data": {"names": list(ROW_NAMES), "ndarray": rows}},
        all(table is not None for table in tables),
        lines_per_item,
        [len(table or ()) for table in tables],
        tags,
        [lines[place].store_id for piece in forecasts.pieces for place in piece.at],
    )


def _entries_of(forecasts: Forecasts, served: ServedFleet, alias: str) -> list[dict[str, Any] | None]:
    """One entry a line, None where another child answers."""
    lines = forecasts.plan.lines
    entries: list[dict[str, Any] | None] = [None] * len(lines)
    echoes: dict[int, dict[str, Any]] = {}
    for piece in forecasts.pieces:
        model = {
            "source": piece.source,
            "alias": alias,
            "version": piece.model.version,
            "trainedThrough": piece.model.trained_through.isoformat(),
        }
        for place, days in zip(piece.at, _days_of(piece.forecast), strict=True):
            entries[place] = {"request": _echo(lines[place], echoes), "forecast": days, "model": model}
    for place, reason in _reasons_of(forecasts, served):
        error = {"code": forecasts.faults[place], "message": reason}
        entries[place] = {"request": _echo(lines[place], echoes), "error": error}
    return entries


def _echo(line: PlannedForecast, echoes: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """The item of a line as it stands in an entry; `echoes`: of the first line of every item, by the item's place."""
    first = echoes.get(line.item.place)
    if first is not None:
        return {**first, "storeId": line.store_id}
    echo = echoes[line.item.place] = _fields_of(line.store_id, line.item)
    return echo


def _fields_of(store_id: str, item: PlannedItem) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "storeId": store_id,
        "beginDate": item.begin.isoformat(),
        "endDate": item.end.isoformat(),
        "level": item.level,
    }
    if item.overrides is not None:
        fields["overrides"] = {
            column: {day.isoformat(): value for day, value in days.items()} for column, days in item.overrides.items()
        }
    if item.expected_sales is not None:
        fields["expectedSales"] = item.expected_sales
    if item.group is not None:
        fields["group"] = item.group
    if item.clipped_from is not None:
        fields["clippedFrom"] = item.clipped_from.isoformat()
    return fields


def _days_of(forecast: Forecast) -> Iterator[list[dict[str, Any]]]:
    timestamps = np.datetime_as_string(forecast.dates).tolist()
    parts = (forecast.value.tolist(), forecast.lower.tolist(), forecast.upper.tolist())
    special = np.atleast_1d((forecast.closed | forecast.assumed).any(axis=1))
    for row, (values, lowers, uppers) in enumerate(zip(*parts, strict=True)):
        days = [
            {"timestamp": timestamp, "value": value, "lower": lower, "upper": upper}
            for timestamp, value, lower, upper in zip(timestamps, values, lowers, uppers, strict=True)
        ]
        if special[row]:
            for note, marked in ((NOTE_ASSUMED, forecast.assumed), (NOTE_CLOSED, forecast.closed)):
                for day in np.flatnonzero(marked[row]):
                    days[day]["note"] = note
        yield days


def _rows_of(forecasts: Forecasts) -> list[list[list[Any]] | None]:
    """A list of rows a line, None where another child answers."""
    lines = forecasts.plan.lines
    rows: list[list[list[Any]] | None] = [None] * len(lines)
    for piece in forecasts.pieces:
        forecast = piece.forecast
        timestamps = np.datetime_as_string(forecast.dates).tolist()
        parts = (piece.at, forecast.value.tolist(), forecast.lower.tolist(), forecast.upper.tolist())
        for place, values, lowers, uppers in zip(*parts, strict=True):
            store_id = lines[place].store_id
            rows[place] = [
                [store_id, timestamp, value, lower, upper, piece.source]
                for timestamp, value, lower, upper in zip(timestamps, values, lowers, uppers, strict=True)
            ]
    for place, code in forecasts.faults.items():
        rows[place] = [[lines[place].store_id, None, None, None, None, ERROR_PREFIX + code]]
    return rows


def _reasons_of(forecasts: Forecasts, served: ServedFleet) -> Iterator[tuple[int, str]]:
    """The place of every line without a forecast, and why it has none."""
    hints = _HINTS_PER_REQUEST
    for place, code in forecasts.faults.items():
        store_id, item, _ = forecasts.plan.lines[place]
        if code == FORECAST_FAILED:
            yield place, _UNUSABLE
        elif code == DATE_OUT_OF_RANGE:
            yield place, _out_of_range(item, served)
        else:
            hint = nearest(store_id, served.positions) if hints > 0 else ""
            hints -= 1
            named = json.dumps(store_id, ensure_ascii=False)
            yield place, f"Wanted a store of this fleet, got {named}{hint}; {_NEWCOMER}."


def _out_of_range(item: PlannedItem, served: ServedFleet) -> str:
    return (
        f"Wanted days from {served.first_day} to {served.last_day} (history ends {served.trained_through}, and "
        f"STORECAST_MAX_DAYS_AHEAD is {served.max_days_ahead}), got {item.begin} to {item.end}."
    )
