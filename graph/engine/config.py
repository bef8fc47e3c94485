"""The configuration of an engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from graph.engine.telemetry.tracing import Tracing
from graph.seldon import ENGINE_HTTP_PORT, METRICS_PATH
from graph.spec.deployment import Predictor

LOOPBACK = "127.0.0.1"
DEFAULT_CORS_HEADERS = "Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, X-CSRF-Token"


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """One predictor and how to serve it. Nothing here is read from the environment."""

    predictor: Predictor
    """The graph; every node that is called needs an endpoint."""
    deployment: str
    """Name of the SeldonDeployment: a metric label and a CloudEvents attribute."""
    namespace: str
    """Namespace of the SeldonDeployment, the same way."""
    host: str = LOOPBACK
    """Address to listen on."""
    port: int = ENGINE_HTTP_PORT
    """Port to listen on; 0 takes a free one."""
    hostname: str = ""
    """Host in the `ce-source` of logged payloads; the real executor leaves it empty in a cluster."""
    prometheus_path: str = METRICS_PATH
    """Where the metrics are."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """The pod's annotations, such as `seldon.io/rest-timeout` (milliseconds per node call)."""
    cors_origins: str = "*"
    """Value of Access-Control-Allow-Origin."""
    cors_headers: str = DEFAULT_CORS_HEADERS
    """Value of Access-Control-Allow-Headers."""
    default_log_url: str = ""
    """Where nodes log payloads whose logger has no url; empty = nowhere."""
    full_health_checks: bool = False
    """Readiness gets every node's health status over HTTP; otherwise it only connects."""
    routing_injection: bool = False
    """Write `meta.routing` into answers. The real executor crashes with it on fan-outs: keep it off."""
    tracing: Tracing = Tracing.JAEGER
    """Which trace headers node calls carry."""
    openapi: bool = False
    """Serve the description of the API at /api/v1.0/doc/seldon.json, as the executor's image does."""
    log_workers: int = 10
    """Payload events sent at the same time."""
    log_queue_size: int = 10_000
    """Payload events in the queue; when it is full, new ones are dropped after `log_write_timeout_ms`."""
    log_write_timeout_ms: int = 2000
    """How long an event waits for a place in the queue."""
    graceful_timeout_s: float = 15.0
    """How long `stop` waits for requests in flight."""
    shutdown_delay_s: float = 0.0
    """How long `stop` goes on serving before it begins."""
