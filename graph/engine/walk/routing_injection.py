"""`meta.routing` written into answers, as SELDON_ENABLE_ROUTING_INJECTION does."""

from collections.abc import Mapping

from graph.engine.core.payload import Payload
from graph.engine.go import json as gojson


def inject(payload: Payload, routing: Mapping[str, int]) -> Payload:
    """The answer written anew with `meta.routing` replaced, if it has a `meta`; what is no JSON stays the same object.

    Writing anew means sorted keys, numbers through float64, escaped HTML, and the Content-Encoding label lost.
    """
    try:
        value = gojson.whole_value(payload.body)
        meta = value.get("meta") if isinstance(value, dict) else None
        if isinstance(meta, dict):
            meta["routing"] = dict(routing)
        return Payload(gojson.encode(value), payload.content_type)
    except (gojson.GoSyntaxError, RecursionError):
        return payload
