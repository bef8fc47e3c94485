"""Settings that the executor takes from the pod's annotations, with its errors."""

import logging
import re
from collections.abc import Mapping

from graph.errors import UsageError
from graph.seldon import REST_TIMEOUT

_INTEGER = re.compile(r"[-+]?[0-9]+")
_INT32_LIMIT = 1 << 31

logger = logging.getLogger(__name__)


def parse(text: str) -> dict[str, str]:
    """The annotations of a pod's annotations file: a line `key="value"` each."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {key: value.strip('"') for key, _, value in pairs}


def call_timeout_s(annotations: Mapping[str, str]) -> float | None:
    """How long one node call may take, in seconds; None = without a limit.

    Raises: UsageError: the annotation is no whole number of milliseconds; the real executor does not start either.
    Source: executor/k8s/annotation.go of Seldon Core 1.17.1: the file has a line `key="value"` for each annotation,
            is split at `=`, and one line with a second `=` makes the executor ignore all of them.
    """
    spoilers = sorted(key for key, value in annotations.items() if "=" in key + value)
    if spoilers:
        logger.warning("engine.annotations_ignored", extra={"facts": {"annotations_with_equals_sign": spoilers}})
        return None
    text = annotations.get(REST_TIMEOUT, "") or "0"
    if _INTEGER.fullmatch(text) is None or not -_INT32_LIMIT <= int(text) < _INT32_LIMIT:
        wanted = f"annotation {REST_TIMEOUT}: wanted a whole number"
        raise UsageError(f"{wanted}, got {text!r}; correct it: the executor would not start")
    return int(text) / 1000 if int(text) > 0 else None
