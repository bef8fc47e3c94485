"""From planned lines to forecasts: one vectorised call for all lines of the same days."""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import numpy as np

from fleet import Forecast, Overrides, StorecastError
from fleet.arrays import BoolArray
from model_wrapper.answering.plan import Plan, PlannedForecast, PlannedItem
from model_wrapper.contract.answers import (
    FORECAST_FAILED,
    SOURCE_FALLBACK,
    SOURCE_FLEET,
    SOURCE_STORE,
    SOURCES,
    ErrorCode,
)
from model_wrapper.fleets.served import ServedFleet
from model_wrapper.fleets.store_models import BoundStoreModel

logger = logging.getLogger(__name__)

Source = Literal["store", "fleet", "fallback", "newcomer"]
"""The store's own model, the fleet's, its fallback curve, or its group's curve at a level that the client named."""

_NAME_OF: dict[Source, str] = {
    "store": SOURCE_STORE,
    "fleet": SOURCE_FLEET,
    "fallback": SOURCE_FALLBACK,
    "newcomer": SOURCE_FALLBACK,
}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some stores over the same days: row i of the forecast belongs to the line at `at[i]`; `model` made it."""

    source: str
    forecast: Forecast
    at: list[int]
    model: ServedFleet | BoundStoreModel


@dataclass(slots=True)
class Forecasts:
    """The forecasts of one plan, and its lines without one, by place; a line in neither is left to another child."""

    plan: Plan
    pieces: list[Piece] = field(default_factory=list)
    faults: dict[int, ErrorCode] = field(default_factory=dict)
    unusable: Counter[str] = field(default_factory=Counter)
    """Lines by the source that gave no usable number for them, whatever answered in its place."""

    def sources(self) -> Counter[str]:
        """Count the lines by where their answer came from."""
        counts = Counter({"error": len(self.faults)} if self.faults else {})
        for piece in self.pieces:
            counts[piece.source] += len(piece.at)
        return counts


def forecast_lines(
    plan: Plan,
    served: ServedFleet,
    owns: Callable[[PlannedForecast], bool] | None = None,
    sources: Collection[str] = SOURCES,
) -> Forecasts:
    """Forecast every line that is owned.

    Args: owns: whether a line is answered here; None answers everything.  sources: where answers may come from; without
          the fleet's models every store gets its fallback, without the fallback an unusable model is a fault.
    """
    forecasts = Forecasts(plan)
    groups: defaultdict[tuple[tuple[Source, ...], object, str], list[int]] = defaultdict(list)
    for place, line in enumerate(plan.lines):
        if owns is not None and not owns(line):
            continue
        if line.fault is not None:
            forecasts.faults[place] = line.fault
            continue
        tried = _sources_of(line, served, sources)
        groups[tried, line.item.question, line.store_id if tried[0] == "store" else ""].append(place)
    for (tried, *_), places in groups.items():
        unusable = places
        for source in tried:
            unusable = _forecast(forecasts, source, unusable, served)
            if not unusable:
                break
            forecasts.unusable[_NAME_OF[source]] += len(unusable)
            logger.warning("wrapper.model_unusable", extra={"facts": {"stores": len(unusable), "way": source}})
        forecasts.faults |= dict.fromkeys(unusable, FORECAST_FAILED)
    return forecasts


def _sources_of(line: PlannedForecast, served: ServedFleet, allowed: Collection[str]) -> tuple[Source, ...]:
    """Name the sources of a line's forecast, the best first; the next is asked where one gives no usable number."""
    sources: list[Source] = []
    if SOURCE_STORE in allowed and line.store_id in served.own:
        sources.append("store")
    if SOURCE_FLEET in allowed and served.has_model(line.store_id):
        sources.append("fleet")
    if not sources and line.hinted and served.lacks_history(line.store_id):
        return ("newcomer",)
    if not sources or SOURCE_FALLBACK in allowed:
        sources.append("fallback")
    return tuple(sources)


def _forecast(forecasts: Forecasts, source: Source, places: list[int], served: ServedFleet) -> list[int]:
    """Add a piece for some lines of the same question; returns the places without a usable number."""
    lines = [forecasts.plan.lines[place] for place in places]
    item = lines[0].item
    dates = np.arange(np.datetime64(item.begin), np.datetime64(item.end) + 1)
    store_ids = [line.store_id for line in lines]
    model = served.own.get(store_ids[0]) if source == "store" else served
    if model is None:
        return places
    call: Callable[..., Forecast] = model.fleet.predict if source in ("store", "fleet") else model.fleet.fallback
    if source == "newcomer":
        sales = [line.item.expected_sales or 0.0 for line in lines]  # never 0: hinted
        groups = [line.item.group or "" for line in lines]
        call = partial(served.fleet.newcomers, sales=sales, groups=groups)
    try:
        forecast = call(store_ids, dates, item.level, _overrides_of(item))
    except StorecastError:
        logger.exception("wrapper.forecast_failed", extra={"facts": {"stores": len(places)}})
        return places
    good = _finite(forecast)
    if good.all():
        forecasts.pieces.append(Piece(_NAME_OF[source], forecast, places, model))
        return []
    kept = [place for place, usable in zip(places, good, strict=True) if usable]
    if kept:
        forecasts.pieces.append(Piece(_NAME_OF[source], _rows_of_forecast(forecast, good), kept, model))
    return [place for place, usable in zip(places, good, strict=True) if not usable]


def _rows_of_forecast(forecast: Forecast, good: BoolArray) -> Forecast:
    names = ("value", "lower", "upper", "closed", "assumed")
    parts = {name: getattr(forecast, name)[good] for name in names}
    store_ids = tuple(store_id for store_id, usable in zip(forecast.store_ids, good, strict=True) if usable)
    return replace(forecast, store_ids=store_ids, **parts)


def _overrides_of(item: PlannedItem) -> Overrides | None:
    if item.overrides is None:
        return None
    return {name: {np.datetime64(day): value for day, value in days.items()} for name, days in item.overrides.items()}


def _finite(forecast: Forecast) -> BoolArray:
    # NaN is no JSON: one of them would make the executor refuse the whole answer.
    parts = (forecast.value, forecast.lower, forecast.upper)
    return np.asarray(np.logical_and.reduce([np.isfinite(part).all(axis=1) for part in parts]))
