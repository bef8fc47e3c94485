"""Counts between two answers. Seldon's wrapper takes metrics only with an answer, so they wait here for the next."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import Any, Final

REQUESTS: Final = "storecast_requests_total"
ITEMS: Final = "storecast_items_total"
REFUSED: Final = "storecast_refused_requests_total"
ROUTED: Final = "storecast_routed_requests_total"
FEEDBACK: Final = "storecast_feedback_total"
LOST: Final = "storecast_lost_items_total"
MISMATCHES: Final = "storecast_merge_mismatches_total"

FLEET_INFO: Final = "storecast_fleet_info"
FLEET_STORES: Final = "storecast_fleet_stores"
FLEET_FROM_CACHE: Final = "storecast_fleet_from_cache"


class Counters:
    """Counters with few, bounded labels (never a store); safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()

    def add(self, key: str, value: int = 1, **labels: str) -> None:
        """Count something."""
        with self._lock:
            self._counts[(key, tuple(sorted(labels.items())))] += value

    def drain(self) -> list[dict[str, Any]]:
        """Return what was counted since the last call, in Seldon's form, and start again from nothing."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return [
            {"type": "COUNTER", "key": key, "value": value, "tags": dict(labels)}
            for (key, labels), value in counts.items()
        ]


def gauge(key: str, value: float, **labels: str) -> dict[str, Any]:
    """Return one gauge in Seldon's form."""
    return {"type": "GAUGE", "key": key, "value": value, "tags": dict(labels)}
