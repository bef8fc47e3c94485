"""Forecasts in the client's kind: jsonData entries, or the rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fleet.fleet import NOTE_ASSUMED, NOTE_CLOSED
from model_wrapper.contract.answers import ERROR_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet import Forecast
    from model_wrapper.answering.forecast import Solved


def entries_of(solved: Solved, alias: str) -> list[dict[str, Any] | None]:
    """Write the answer as jsonData: one entry a line, None where another child answers; `alias`: who we are."""
    entries: list[dict[str, Any] | None] = [None] * len(solved.lines)
    for piece in solved.pieces:
        model = {
            "source": piece.source,
            "alias": alias,
            "version": piece.model.version,
            "trainedThrough": piece.model.trained_through.isoformat(),
        }
        for place, days in zip(piece.at, _days_of(piece.forecast), strict=True):
            store_id, asked = solved.lines[place]
            entries[place] = {"request": asked.echo(store_id), "forecast": days, "model": model}
    for place, (code, message) in solved.faults.items():
        store_id, asked = solved.lines[place]
        entries[place] = {"request": asked.echo(store_id), "error": {"code": code, "message": message}}
    return entries


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


def rows_of(solved: Solved) -> list[list[list[Any]] | None]:
    """Write the answer as rows: a list of rows a line, None where another child answers."""
    rows: list[list[list[Any]] | None] = [None] * len(solved.lines)
    for piece in solved.pieces:
        forecast = piece.forecast
        timestamps = np.datetime_as_string(forecast.dates).tolist()
        parts = (piece.at, forecast.value.tolist(), forecast.lower.tolist(), forecast.upper.tolist())
        for place, values, lowers, uppers in zip(*parts, strict=True):
            store_id = solved.lines[place].store_id
            rows[place] = [
                [store_id, timestamp, value, lower, upper, piece.source]
                for timestamp, value, lower, upper in zip(timestamps, values, lowers, uppers, strict=True)
            ]
    for place, fault in solved.faults.items():
        rows[place] = [[solved.lines[place].store_id, None, None, None, None, ERROR_PREFIX + fault.code]]
    return rows
