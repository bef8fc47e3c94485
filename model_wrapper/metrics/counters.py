"""Counts between two answers. Seldon's wrapper takes metrics only with an answer, so they wait here for the next."""

from collections import defaultdict
from threading import Lock
from typing import Any

REQUESTS = "storecast_requests_total"
ITEMS = "storecast_items_total"
REFUSED = "storecast_refused_requests_total"
ROUTED = "storecast_routed_requests_total"
FEEDBACK = "storecast_feedback_total"
FEEDBACK_DAYS = "storecast_feedback_days_total"
FEEDBACK_CLOSED_DAYS = "storecast_feedback_closed_days_total"
FEEDBACK_COVERED_DAYS = "storecast_feedback_covered_days_total"
FEEDBACK_SALES = "storecast_feedback_sales_total"
FEEDBACK_ABSOLUTE_ERROR = "storecast_feedback_absolute_error_total"
FEEDBACK_OVER = "storecast_feedback_over_forecast_total"
FEEDBACK_UNDER = "storecast_feedback_under_forecast_total"
LOST = "storecast_lost_items_total"
LEFT = "storecast_left_requests_total"
MENDED = "storecast_mended_items_total"
MISMATCHES = "storecast_merge_mismatches_total"
RELOADS = "storecast_fleet_reloads_total"
RELOAD_FAILURES = "storecast_fleet_reload_failures_total"

CLIPPED = "storecast_clipped_items_total"
ASSUMED = "storecast_assumed_calendar_items_total"
UNUSABLE = "storecast_unusable_models_total"
FORECASTS = "storecast_forecasts_total"
FORECAST_SECONDS = "storecast_forecast_seconds_total"

FLEET_VERSION = "storecast_fleet_version"
FLEET_AGE = "storecast_fleet_age_seconds"
FLEET_LAG = "storecast_fleet_training_lag_days"
STORE_MODELS = "storecast_store_models"
FLEET_STORES = "storecast_fleet_stores"
FLEET_FROM_CACHE = "storecast_fleet_from_cache"

UNREADABLE = "not_json"
"""Reason of a refusal that happens before a component sees the request."""


class Counters:
    """Counters with few, bounded labels (never a store); safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: defaultdict[tuple[str, tuple[tuple[str, str], ...]], float] = defaultdict(int)

    def add(self, key: str, value: float = 1, /, **labels: str) -> None:
        """Count something."""
        with self._lock:
            self._counts[(key, tuple(sorted(labels.items())))] += value

    def begin_at_zero(self, key: str, **labels: str) -> None:
        """Report a count that has not happened yet, so that a rate sees the first one."""
        with self._lock:
            self._counts.setdefault((key, tuple(sorted(labels.items()))), 0)

    def drain(self) -> list[dict[str, Any]]:
        """What was counted since the last call, in Seldon's form; counting starts again from nothing."""
        with self._lock:
            counts, self._counts = self._counts, defaultdict(int)
        return [
            {"type": "COUNTER", "key": key, "value": value, "tags": dict(labels)}
            for (key, labels), value in counts.items()
        ]


def gauge(key: str, value: float, **labels: str) -> dict[str, Any]:
    """One gauge in Seldon's form."""
    return {"type": "GAUGE", "key": key, "value": value, "tags": dict(labels)}
