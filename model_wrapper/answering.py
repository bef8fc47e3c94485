"""From lines to forecasts: one vectorised call for all lines of the same days, and the answer in the client's kind."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fleet import StorecastError
from model_wrapper.contract.answers import (
    ERROR_PREFIX,
    FORECAST_FAILED,
    NOTE_ASSUMED,
    NOTE_CLOSED,
    SOURCE_FALLBACK,
    SOURCE_FLEET,
)
from model_wrapper.planning import Fault, faults_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fleet import Forecast, Overrides
    from model_wrapper.planning import Asked, Line
    from model_wrapper.served_fleet import ServedFleet

_logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some stores over the same days: row i of the forecast belongs to the line at ``at[i]``."""

    source: str
    forecast: Forecast
    at: list[int]


@dataclass(slots=True)
class Solved:
    """Everything that was found for the lines of one request; a line in neither part is left to another child."""

    lines: Sequence[Line]
    pieces: list[Piece] = field(default_factory=list)
    faults: dict[int, Fault] = field(default_factory=dict)

    def sources(self) -> Counter[str]:
        """Count the lines by where their answer came from."""
        counts = Counter({"error": len(self.faults)} if self.faults else {})
        for piece in self.pieces:
            counts[piece.source] += sum(place not in self.faults for place in piece.at)
        return counts


def solve(
    lines: Sequence[Line], served: ServedFleet, owns: Callable[[str], bool] | None, *, fallback_only: bool = False
) -> Solved:
    """Forecast every line that is owned.

    Args: owns: store id -> whether it is answered here; None answers everything.
          fallback_only: answer from the fallback curves also where there is a model.
    """
    mine = [place for place, line in enumerate(lines) if owns is None or owns(line.store_id)]
    found = faults_of([lines[place] for place in mine], served)
    solved = Solved(lines, faults={mine[place]: fault for place, fault in found.items()})
    groups: defaultdict[tuple[str, object], list[int]] = defaultdict(list)
    for place in mine:
        if place not in solved.faults:
            store_id, asked = lines[place]
            source = SOURCE_FLEET if not fallback_only and served.has_model(store_id) else SOURCE_FALLBACK
            groups[source, asked.question].append(place)
    for (source, _), places in groups.items():
        _forecast(solved, source, places, served)
    return solved


def _forecast(solved: Solved, source: str, places: list[int], served: ServedFleet) -> None:
    asked = solved.lines[places[0]].asked
    store_ids = [solved.lines[place].store_id for place in places]
    dates = np.arange(np.datetime64(asked.begin), np.datetime64(asked.end) + 1)
    call = served.fleet.predict if source == SOURCE_FLEET else served.fleet.fallback
    try:
        forecast = call(store_ids, dates, asked.level, _overrides_of(asked))
    except StorecastError as error:
        _logger.exception("wrapper.forecast_failed", extra={"facts": {"stores": len(store_ids)}})
        solved.faults |= dict.fromkeys(places, Fault(FORECAST_FAILED, f"The forecast failed: {error}"))
        return
    for row in np.flatnonzero(~_finite(forecast)):
        solved.faults[places[row]] = Fault(FORECAST_FAILED, "The model of this store gives no finite number.")
    solved.pieces.append(Piece(source, forecast, places))


def _overrides_of(asked: Asked) -> Overrides | None:
    if asked.overrides is None:
        return None
    return {name: {np.datetime64(day): value for day, value in days.items()} for name, days in asked.overrides.items()}


def _finite(forecast: Forecast) -> np.ndarray[Any, np.dtype[np.bool_]]:
    # NaN is no JSON: one of them would make the executor refuse the whole answer.
    parts = (forecast.value, forecast.lower, forecast.upper)
    return np.asarray(np.logical_and.reduce([np.isfinite(part).all(axis=1) for part in parts]))


def entries_of(solved: Solved, served: ServedFleet) -> list[dict[str, Any] | None]:
    """Write the answer as jsonData: one entry a line, None where another child answers."""
    entries: list[dict[str, Any] | None] = [None] * len(solved.lines)
    for piece in solved.pieces:
        model = {
            "source": piece.source,
            "version": served.version,
            "trainedThrough": served.trained_through.isoformat(),
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
