"""The metrics of the sink. Every label has a few fixed values: never a store, never a request."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from monitoring.request_log.events import EventKind

_NAME: Final = "storecast_request_log"
_BATCH_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Dropped(StrEnum):
    """Why an event gives no rows."""

    BAD_HEADERS = "bad_headers"
    TOO_LARGE = "too_large"
    TORN_BODY = "torn_body"
    QUEUE_FULL = "queue_full"
    DUPLICATE = "duplicate"
    FEEDBACK = "feedback"
    UNANSWERED = "unanswered"
    NOT_JSON = "not_json"
    NOT_A_FORECAST = "not_a_forecast"
    CHILD_ANSWER = "child_answer"
    UNREADABLE = "unreadable"
    LOST_AT_END = "lost_at_end"


class SinkMetrics:
    """The counters of one sink, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = self._counter("events", "Events received, by type.", "type")
        self._dropped = self._counter("dropped_events", "Events without rows, by reason.", "reason")
        self._rows = self._counter("rows", "Rows, by outcome: written, present, refused, pruned.", "outcome")
        self._unpaired = self._counter("unpaired_responses", "Responses written without their request.")
        self._failures = self._counter(
            "database_failures", "Failed attempts to write to the database, which are repeated."
        )
        self._batch_seconds = Histogram(
            f"{_NAME}_batch_seconds",
            "Duration of one transaction in seconds.",
            registry=self.registry,
            buckets=_BATCH_BUCKETS_S,
        )
        for kind in EventKind:
            self._events.labels(kind.value)
        for reason in Dropped:
            self._dropped.labels(reason.value)
        for outcome in ("written", "present", "refused", "pruned"):
            self._rows.labels(outcome)

    def received(self, kind: EventKind) -> None:
        """Count an accepted event."""
        self._events.labels(kind.value).inc()

    def dropped(self, reason: Dropped, count: int = 1) -> None:
        """Count events that give no rows."""
        self._dropped.labels(reason.value).inc(count)

    def rows(self, outcome: str, count: int) -> None:
        """Count rows that were written, present before, refused or pruned."""
        self._rows.labels(outcome).inc(count)

    def unpaired(self) -> None:
        """Count a response without its request."""
        self._unpaired.inc()

    def database_failed(self) -> None:
        """Count a failed attempt of the database."""
        self._failures.inc()

    def batch(self, seconds: float) -> None:
        """Observe the duration of a transaction."""
        self._batch_seconds.observe(seconds)

    def watch(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Add a gauge whose value is computed when the page is read."""
        Gauge(f"{_NAME}_{name}", description, registry=self.registry).set_function(value)

    def page(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, description: str, *labels: str) -> Counter:
        return Counter(f"{_NAME}_{name}", description, labels, registry=self.registry)
