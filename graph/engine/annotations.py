"""Settings that the executor takes from the pod's annotations, with the way it fails on them."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass

from graph.engine.config import EngineConfig
from graph.errors import UsageError

REST_TIMEOUT = "seldon.io/rest-timeout"
LOG_QUEUE_SIZE = "seldon.io/executor-logger-queue-size"
LOG_WRITE_TIMEOUT = "seldon.io/executor-logger-write-timeout-ms"

_INTEGER = re.compile(r"[-+]?[0-9]+")
_INT32_LIMIT = 1 << 31

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """Timeout of a node call in seconds (None = none), and the payload log's queue."""

    call_timeout_s: float | None
    log_queue_size: int
    log_write_timeout_s: float


def limits(config: EngineConfig) -> Limits:
    """The limits that hold for this engine.

    Raises: UsageError: an annotation that must be a whole number is none; the real executor does not start either.
    Source: executor/k8s/annotation.go of Seldon Core 1.17.1: the file has a line `key="value"` for each annotation,
            is split at `=`, and one line with a second `=` makes the executor ignore all of them.
    """
    annotations = config.annotations
    spoilers = sorted(key for key, value in annotations.items() if "=" in key + value)
    if spoilers:
        logger.warning("engine.annotations_ignored", extra={"facts": {"annotations_with_equals_sign": spoilers}})
        annotations = {}
    timeout_ms = _integer(annotations, REST_TIMEOUT, 0)
    return Limits(
        call_timeout_s=timeout_ms / 1000 if timeout_ms > 0 else None,
        log_queue_size=_integer(annotations, LOG_QUEUE_SIZE, config.log_queue_size),
        log_write_timeout_s=_integer(annotations, LOG_WRITE_TIMEOUT, config.log_write_timeout_ms) / 1000,
    )


def _integer(annotations: Mapping[str, str], key: str, default: int) -> int:
    text = annotations.get(key, "")
    if not text:
        return default
    if _INTEGER.fullmatch(text) is None or not -_INT32_LIMIT <= int(text) < _INT32_LIMIT:
        raise UsageError(f"annotation {key}: wanted a whole number, got {text!r}: the executor does not start with it")
    return int(text)
