"""The executor's latency metrics: names, labels, buckets and quantiles as dashboards expect them.

Written out by hand because the client library's Summary has no quantiles, and its Histogram adds `_created` series.
"""

import math
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from graph.engine.core.nodes import Node

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_QUANTILES = (0.5, 0.75, 0.9, 0.98, 0.99, 1.0)
# Quantiles look back ten minutes in the executor; the number of samples is bounded here.
_WINDOW_S = 600.0
_WINDOW_SAMPLES = 2000
_SERVER_LABELS = ("deployment_name", "predictor_name", "predictor_version", "service", "method", "code")
_CLIENT_LABELS = (*_SERVER_LABELS, "model_name", "model_image", "model_version")

Labels = tuple[str, ...]


class _Series:
    """One combination of labels: counts per bucket, and the latest samples."""

    __slots__ = ("counts", "recent", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS_S) + 1)
        self.total_s = 0.0
        self.recent: deque[tuple[float, float]] = deque(maxlen=_WINDOW_SAMPLES)

    def quantiles(self) -> list[float]:
        oldest = time.monotonic() - _WINDOW_S
        values = sorted(seconds for at, seconds in self.recent if at >= oldest)
        if not values:
            return [math.nan] * len(_QUANTILES)
        return [values[math.ceil(share * len(values)) - 1] for share in _QUANTILES]


class _Latency(Collector):
    """A histogram family and its summary twin."""

    def __init__(self, name: str, help_text: str, summary_help: str, label_names: Labels) -> None:
        self._name = name
        self._help = help_text
        self._summary_help = summary_help
        self._label_names = label_names
        self._series: dict[Labels, _Series] = {}

    def observe(self, labels: Labels, seconds: float) -> None:
        series = self._series.get(labels)
        if series is None:
            series = self._series.setdefault(labels, _Series())
        series.counts[bisect_left(_BUCKETS_S, seconds)] += 1
        series.total_s += seconds
        series.recent.append((time.monotonic(), seconds))

    def collect(self) -> Iterable[Metric]:
        if not self._series:
            return
        yield self._histogram()
        yield self._summary()

    def _each(self) -> Iterator[tuple[dict[str, str], _Series]]:
        for labels, series in self._series.items():
            yield dict(zip(self._label_names, labels, strict=True)), series

    def _histogram(self) -> Metric:
        metric = Metric(self._name, self._help, "histogram")
        for labels, series in self._each():
            running = 0
            for edge, count in zip((*_BUCKETS_S, math.inf), series.counts, strict=True):
                running += count
                metric.add_sample(f"{self._name}_bucket", {**labels, "le": _number_label(edge)}, running)
            metric.add_sample(f"{self._name}_sum", labels, series.total_s)
            metric.add_sample(f"{self._name}_count", labels, running)
        return metric

    def _summary(self) -> Metric:
        name = f"{self._name}_summary"
        metric = Metric(name, self._summary_help, "summary")
        for labels, series in self._each():
            for share, value in zip(_QUANTILES, series.quantiles(), strict=True):
                metric.add_sample(name, {**labels, "quantile": _number_label(share)}, value)
            metric.add_sample(f"{name}_sum", labels, series.total_s)
            metric.add_sample(f"{name}_count", labels, sum(series.counts))
        return metric


def _number_label(number: float) -> str:
    return "+Inf" if number == math.inf else f"{number:g}"


class EngineMetrics:
    """All metrics of one engine, in a registry of their own."""

    def __init__(self, deployment: str, predictor: str, predictor_version: str) -> None:
        self._common = (deployment, predictor, predictor_version)
        self._server = _Latency(
            "seldon_api_executor_server_requests_seconds",
            "A histogram of latencies for executor server",
            "A summary of latencies for executor server",
            _SERVER_LABELS,
        )
        self._client = _Latency(
            "seldon_api_executor_client_requests_seconds",
            "A histogram of latencies for client calls from executor",
            "A summary of latencies for client calls from executor",
            _CLIENT_LABELS,
        )
        self._registry = CollectorRegistry()
        self._registry.register(self._server)
        self._registry.register(self._client)
        self._events = Counter(
            "storecast_engine_payload_events",
            "Payload events by what became of them",
            ["outcome"],
            registry=self._registry,
        )
        self._panics = Counter(
            "storecast_engine_executor_panics",
            "Requests that make the real executor panic; fatal = its whole process would have died",
            ["fatal"],
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def served(self, service: str, method: str, status: int, seconds: float) -> None:
        """Count one answer to a client. `service` is predictions, feedback, status or metadata."""
        self._server.observe((*self._common, service, method.lower(), str(status)), seconds)

    def called(self, node: Node, path: str, method: str, status: int, seconds: float) -> None:
        """Count one answer of a node: the time is up to its headers, and every redirect counts."""
        self._client.observe(
            (*self._common, path, method.lower(), str(status), node.name, node.image, node.image_version), seconds
        )

    def payload_event(self, outcome: str) -> None:
        """Count one payload event: `sent` or `dropped`."""
        self._events.labels(outcome).inc()

    def panicked(self, *, kills_process: bool) -> None:
        """Count one request on which the real executor would have panicked."""
        self._panics.labels(str(kills_process).lower()).inc()

    def exposition(self) -> bytes:
        """All of it in Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)
