"""What the metrics page says: the state of the fleet, and what a request made of its items."""

import time
from datetime import date
from typing import Any

from model_wrapper.answering.forecast import Forecasts
from model_wrapper.contract.answers import SOURCES
from model_wrapper.contract.days import days_between
from model_wrapper.fleets.acceptance import REASONS
from model_wrapper.fleets.served import ServedFleet
from model_wrapper.metrics.counters import (
    ASSUMED,
    CLIPPED,
    FLEET_AGE,
    FLEET_FROM_CACHE,
    FLEET_LAG,
    FLEET_STORES,
    FLEET_VERSION,
    FORECAST_SECONDS,
    FORECASTS,
    ITEMS,
    LEFT,
    LOST,
    MENDED,
    MISMATCHES,
    REFUSED,
    RELOAD_FAILURES,
    RELOADS,
    REQUESTS,
    STORE_MODELS,
    UNREADABLE,
    UNUSABLE,
    Counters,
    gauge,
)

OUTCOMES = ("answered", "refused", "unavailable", "failed")
REFUSALS = ("bad_request", "over_limit", "bad_feedback", UNREADABLE)
_LABELLED = (
    (REQUESTS, "outcome", OUTCOMES),
    (REFUSED, "reason", REFUSALS),
    (ITEMS, "source", (*SOURCES, "error")),
    (UNUSABLE, "source", SOURCES),
    (RELOAD_FAILURES, "reason", REASONS),
)
_PLAIN = (CLIPPED, ASSUMED, FORECASTS, FORECAST_SECONDS, RELOADS, LEFT, LOST, MENDED, MISMATCHES)
_MS_A_SECOND = 1000.0


def begin_at_zero(counters: Counters) -> None:
    """Put every count whose labels are known on the page before it happens, so that a rate sees the first one."""
    for key in _PLAIN:
        counters.begin_at_zero(key)
    for key, label, values in _LABELLED:
        for value in values:
            counters.begin_at_zero(key, **{label: value})


def fleet_gauges(served: ServedFleet | None, today: date) -> list[dict[str, Any]]:
    """The state of the fleet; 0 stores: there is none."""
    if served is None:
        return [gauge(FLEET_STORES, 0)]
    # The version of a folder is the fleet's own, a digest: one of digits only is no number either.
    registered = served.version != served.fleet.version and served.version.isdecimal()
    number = int(served.version) if registered else 0
    age_s = time.time() - served.created_ms / _MS_A_SECOND if served.created_ms else 0.0
    own = served.own
    return [
        gauge(FLEET_VERSION, number),
        gauge(FLEET_AGE, round(max(age_s, 0.0), 1)),
        gauge(FLEET_LAG, days_between(served.trained_through, today) - 1),
        gauge(FLEET_STORES, served.fleet.n_stores),
        gauge(FLEET_FROM_CACHE, int(served.from_cache)),
        gauge(STORE_MODELS, len(own), state="usable"),
        gauge(STORE_MODELS, own.loaded, state="loaded"),
        gauge(STORE_MODELS, len(own.refused), state="refused"),
        gauge(STORE_MODELS, own.missing, state="missing"),
    ]


def count_items(counters: Counters, forecasts: Forecasts) -> None:
    """Count the items of one answer by source, and the models that gave no usable number."""
    for key, counts in ((ITEMS, forecasts.sources()), (UNUSABLE, forecasts.unusable)):
        for source, count in counts.items():
            counters.add(key, count, source=source)


def count_answer(counters: Counters, forecasts: Forecasts, seconds: float) -> None:
    """Count the items of one answer by source, those that were clipped or assumed, and the time it took to forecast."""
    count_items(counters, forecasts)
    lines = forecasts.plan.lines
    answered = [place for piece in forecasts.pieces for place in piece.at]
    counters.add(CLIPPED, sum(lines[place].item.clipped_from is not None for place in answered))
    counters.add(ASSUMED, sum(int(piece.forecast.assumed.any(axis=1).sum()) for piece in forecasts.pieces))
    counters.add(FORECASTS)
    counters.add(FORECAST_SECONDS, seconds)
