"""From lines to forecasts: one vectorised call for all lines of the same days, and the answer in the client's kind."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from fleet import StorecastError
from model_wrapper.answering.plan import Fault, faults_of
from model_wrapper.contract.answers import (
    FORECAST_FAILED,
    SOURCE_FALLBACK,
    SOURCE_FLEET,
    SOURCE_STORE,
    SOURCES,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from fleet import Forecast, Overrides
    from fleet.arrays import BoolArray
    from model_wrapper.answering.plan import Asked, Line
    from model_wrapper.fleets.served import ServedFleet
    from model_wrapper.fleets.store_models import BoundStoreModel

_logger: Final = logging.getLogger(__name__)

Way = Literal["store", "fleet", "fallback", "newcomer"]
"""By the store's own model, by the fleet's, by its fallback curve, or by its group's curve at a named level."""

_SOURCE_OF: Final[dict[Way, str]] = {
    "store": SOURCE_STORE,
    "fleet": SOURCE_FLEET,
    "fallback": SOURCE_FALLBACK,
    "newcomer": SOURCE_FALLBACK,
}
_UNUSABLE: Final = Fault(FORECAST_FAILED, "Neither the model of this store nor its fallback gives a finite number.")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some stores over the same days: row i of the forecast belongs to the line at ``at[i]``; `model` made it."""

    source: str
    forecast: Forecast
    at: list[int]
    model: ServedFleet | BoundStoreModel


@dataclass(slots=True)
class Solved:
    """Everything that was found for the lines of one request; a line in neither part is left to another child."""

    lines: Sequence[Line]
    pieces: list[Piece] = field(default_factory=list)
    faults: dict[int, Fault] = field(default_factory=dict)
    unusable: Counter[str] = field(default_factory=Counter)
    """Lines by the source that gave no usable number for them, whatever answered in its place."""

    def sources(self) -> Counter[str]:
        """Count the lines by where their answer came from."""
        counts = Counter({"error": len(self.faults)} if self.faults else {})
        for piece in self.pieces:
            counts[piece.source] += len(piece.at)
        return counts


def solve(
    lines: Sequence[Line],
    served: ServedFleet,
    owns: Callable[[Line], bool] | None = None,
    sources: Collection[str] = SOURCES,
) -> Solved:
    """Forecast every line that is owned.

    Args: owns: whether a line is answered here; None answers everything.  sources: where answers may come from; without
          the fleet's models every store gets its fallback, without the fallback an unusable model is a fault.
    """
    mine = [place for place, line in enumerate(lines) if owns is None or owns(line)]
    found = faults_of([lines[place] for place in mine], served)
    solved = Solved(lines, faults={mine[place]: fault for place, fault in found.items()})
    groups: defaultdict[tuple[tuple[Way, ...], object, str], list[int]] = defaultdict(list)
    for place in mine:
        if place not in solved.faults:
            line = lines[place]
            ways = _ways_of(line, served, sources)
            groups[ways, line.asked.question, line.store_id if ways[0] == "store" else ""].append(place)
    for (ways, *_), places in groups.items():
        unusable = places
        for way in ways:
            unusable = _forecast(solved, way, unusable, served)
            if not unusable:
                break
            solved.unusable[_SOURCE_OF[way]] += len(unusable)
            _logger.warning("wrapper.model_unusable", extra={"facts": {"stores": len(unusable), "way": way}})
        solved.faults |= dict.fromkeys(unusable, _UNUSABLE)
    return solved


def _ways_of(line: Line, served: ServedFleet, sources: Collection[str]) -> tuple[Way, ...]:
    """Name the ways to forecast a line, the best first; the next is taken where one gives no usable number."""
    ways: list[Way] = []
    if SOURCE_STORE in sources and line.store_id in served.own:
        ways.append("store")
    if SOURCE_FLEET in sources and served.has_model(line.store_id):
        ways.append("fleet")
    if not ways and line.hinted and served.lacks_history(line.store_id):
        return ("newcomer",)
    if not ways or SOURCE_FALLBACK in sources:
        ways.append("fallback")
    return tuple(ways)


def _forecast(solved: Solved, way: Way, places: list[int], served: ServedFleet) -> list[int]:
    """Add a piece for some lines of the same question; returns the places without a usable number."""
    lines = [solved.lines[place] for place in places]
    asked = lines[0].asked
    dates = np.arange(np.datetime64(asked.begin), np.datetime64(asked.end) + 1)
    store_ids = [line.store_id for line in lines]
    model = served.own.get(store_ids[0]) if way == "store" else served
    if model is None:
        return places
    call: Callable[..., Forecast] = model.fleet.predict if way in ("store", "fleet") else model.fleet.fallback
    if way == "newcomer":
        sales = [line.asked.expected_sales or 0.0 for line in lines]  # never 0: hinted
        groups = [line.asked.group or "" for line in lines]
        call = partial(served.fleet.newcomers, sales=sales, groups=groups)
    try:
        forecast = call(store_ids, dates, asked.level, _overrides_of(asked))
    except StorecastError:
        _logger.exception("wrapper.forecast_failed", extra={"facts": {"stores": len(places)}})
        return places
    good = _finite(forecast)
    if good.all():
        solved.pieces.append(Piece(_SOURCE_OF[way], forecast, places, model))
        return []
    kept = [place for place, usable in zip(places, good, strict=True) if usable]
    if kept:
        solved.pieces.append(Piece(_SOURCE_OF[way], _rows_of_forecast(forecast, good), kept, model))
    return [place for place, usable in zip(places, good, strict=True) if not usable]


def _rows_of_forecast(forecast: Forecast, good: BoolArray) -> Forecast:
    names = ("value", "lower", "upper", "closed", "assumed")
    parts = {name: getattr(forecast, name)[good] for name in names}
    store_ids = tuple(store_id for store_id, usable in zip(forecast.store_ids, good, strict=True) if usable)
    return replace(forecast, store_ids=store_ids, **parts)


def _overrides_of(asked: Asked) -> Overrides | None:
    if asked.overrides is None:
        return None
    return {name: {np.datetime64(day): value for day, value in days.items()} for name, days in asked.overrides.items()}


def _finite(forecast: Forecast) -> BoolArray:
    # NaN is no JSON: one of them would make the executor refuse the whole answer.
    parts = (forecast.value, forecast.lower, forecast.upper)
    return np.asarray(np.logical_and.reduce([np.isfinite(part).all(axis=1) for part in parts]))
