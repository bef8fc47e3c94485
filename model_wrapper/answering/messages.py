"""The messages that components send: the answer's payload, its meta, and the marks that children set for the router.

Internal protocol. A child behind a router gets the client's own request, answers what it owns and leaves the rest:
null in a jsonData list; no rows in an ndarray, where `meta.tags.storecast.rows` counts the rows of every line (0 =
left). Beside it stand `child`, the child's index; `version`, of its fleet; `stores`, the lines of every item
where `*` makes them many; and, where a line is left, `asked`, the request, so that the router can answer what
nobody answered. The router merges line by line and removes the marks.
"""

from typing import Any, NamedTuple

from fleet.names import CHALLENGER, CHAMPION
from model_wrapper.answering.encode import ERRORS_TAG, EncodedAnswer
from model_wrapper.contract.answers import ROW_NAMES
from model_wrapper.fleets.served import ServedFleet
from model_wrapper.settings import Settings

PART_TAG = "storecast"
CHALLENGER_TAG = "challenger"
_OUR_TAGS = frozenset(
    {PART_TAG, ERRORS_TAG, CHALLENGER_TAG}
)  # the router reads them: a client's of that name would mislead it


class ChildContext(NamedTuple):
    """What a child behind a router says of itself: its index, and the payload of the request."""

    child: int
    request: dict[str, Any]


def payload_of(message: object) -> dict[str, Any]:
    """A message without its meta; empty for what is no message."""
    return (
        {name: message[name] for name in ("jsonData", "data") if name in message} if isinstance(message, dict) else {}
    )


def answer_message(
    encoded: EncodedAnswer, served: ServedFleet, alias: str = CHAMPION, context: ChildContext | None = None
) -> dict[str, Any]:
    """Build the message of an answer; `alias` says who answers, `context` which child, where a router merges."""
    facts: dict[str, Any] = {"fleet_version": served.version, "trained_through": served.trained_through.isoformat()}
    tags: dict[str, Any] = facts if alias == CHAMPION else {CHALLENGER_TAG: facts}
    if alias == CHALLENGER and encoded.stores is not None:
        facts["stores"] = encoded.stores
    tags |= encoded.tags
    if context is not None:
        tags[PART_TAG] = _part_of(encoded, served, alias, context)
    return encoded.payload | {"meta": {"tags": tags}}


def _part_of(encoded: EncodedAnswer, served: ServedFleet, alias: str, context: ChildContext) -> dict[str, Any]:
    part: dict[str, Any] = {"version": served.version, "alias": alias}
    if encoded.rows_per_line is not None:
        part["rows"] = encoded.rows_per_line
    if max(encoded.lines_per_item, default=0) > 1:
        part["stores"] = encoded.lines_per_item
    part["child"] = context.child
    return part if encoded.complete else part | {"asked": context.request}


def left_message(context: ChildContext) -> dict[str, Any]:
    """Build the answer of a child that can answer nothing of a request: all of it is left to the router."""
    part = {"child": context.child, "left": True, "asked": context.request}
    rows: dict[str, Any] = {"data": {"names": list(ROW_NAMES), "ndarray": []}}
    empty = rows if "data" in context.request else {"jsonData": []}
    return empty | {"meta": {"tags": {PART_TAG: part}}}


def readable(meta: object) -> dict[str, Any]:
    """What of a client's meta goes into an answer: tags, requestPath and puid where they are of their kind."""
    known = {"tags": dict, "requestPath": dict, "puid": str}
    given = meta if isinstance(meta, dict) else {}
    return {name: given[name] for name, kind in known.items() if isinstance(given.get(name), kind)}


def echoed(*metas: object) -> dict[str, Any]:
    """What a refusal gives back of the first meta that has any of it: puid, and tags but for ours."""
    for meta in metas:
        known = readable(meta)
        tags = _of_the_client(known.get("tags", {}))
        kept = ({"puid": known["puid"]} if "puid" in known else {}) | ({"tags": tags} if tags else {})
        if kept:
            return kept
    return {}


def _of_the_client(tags: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tags.items() if name not in _OUR_TAGS}


def with_meta(
    message: dict[str, Any], request_meta: dict[str, Any], settings: Settings, metrics: list[dict[str, Any]]
) -> dict[str, Any]:
    """Add to a message what Seldon's wrapper would: the request's tags and puid, the path, the metrics."""
    meta = message.setdefault("meta", {})
    tags = _of_the_client(request_meta.get("tags", {})) | meta.get("tags", {})
    if tags:
        meta["tags"] = tags
    path = dict(request_meta.get("requestPath", {})) | meta.get("requestPath", {})
    if settings.unit_id:
        path[settings.unit_id] = settings.unit_image
    if path:
        meta["requestPath"] = path
    if "puid" in request_meta:
        meta["puid"] = request_meta["puid"]
    if metrics:
        meta["metrics"] = metrics
    return message
