"""The messages that components send: the answer's payload, its meta, and the marks that children set for the router.

Internal protocol. A child behind a router gets the client's own request, answers what it owns and leaves the rest:
null in a jsonData list; no rows in an ndarray, where ``meta.tags.storecast.rows`` counts the rows of every line (0 =
left). Beside it stand ``child``, the child's index; ``version``, of its fleet; ``stores``, the lines of every item
where ``*`` makes them many; and, where a line is left, ``asked``, the request, so that the router can answer what
nobody answered. The router merges line by line and removes the marks.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fleet.names import CHALLENGER, CHAMPION
from model_wrapper.answering.encode import entries_of, rows_of
from model_wrapper.contract.answers import ROW_NAMES

if TYPE_CHECKING:
    from model_wrapper.answering.forecast import Solved
    from model_wrapper.contract.requests import ForecastRequest
    from model_wrapper.fleets.served import ServedFleet
    from model_wrapper.settings import Settings

MARKS: Final = "storecast"
ERRORS_TAG: Final = "errors"
CLIPPED_TAG: Final = "clipped_from"
CHALLENGER_TAG: Final = "challenger"
_OUR_TAGS: Final = frozenset(
    {MARKS, ERRORS_TAG, CHALLENGER_TAG}
)  # the router reads them: a client's of that name would mislead it


class Behind(NamedTuple):
    """What a child behind a router says of itself: its index, and the payload that it was asked."""

    child: int
    asked: dict[str, Any]


def payload_of(message: object) -> dict[str, Any]:
    """Return a message without its meta; empty for what is no message."""
    return (
        {name: message[name] for name in ("jsonData", "data") if name in message} if isinstance(message, dict) else {}
    )


def answer_message(
    request: ForecastRequest, solved: Solved, served: ServedFleet, alias: str = CHAMPION, behind: Behind | None = None
) -> dict[str, Any]:
    """Build the answer to a request in its own kind; `alias` says who answers."""
    facts: dict[str, Any] = {"fleet_version": served.version, "trained_through": served.trained_through.isoformat()}
    tags: dict[str, Any] = facts if alias == CHAMPION else {CHALLENGER_TAG: facts}
    marks: dict[str, Any] = {"version": served.version, "alias": alias}
    payload: dict[str, Any]
    if request.kind == "jsonData":
        payload = {"jsonData": entries_of(solved, alias)}
        left = any(entry is None for entry in payload["jsonData"])
    else:
        tables = rows_of(solved)
        left = any(table is None for table in tables)
        payload = {"data": {"names": list(ROW_NAMES), "ndarray": [row for table in tables for row in table or ()]}}
        marks["rows"] = [len(table or ()) for table in tables]
        clipped = {line.asked.clipped_from for line in solved.lines} - {None}
        if clipped:
            tags[CLIPPED_TAG] = str(clipped.pop())  # today, whatever the line
        if solved.faults:
            tags[ERRORS_TAG] = [_error_tag(solved, place) for place in sorted(solved.faults)]
        if alias == CHALLENGER:
            facts["stores"] = [solved.lines[place].store_id for piece in solved.pieces for place in piece.at]
    if behind is not None:
        counts = Counter(line.asked.place for line in solved.lines)
        if len(counts) != len(solved.lines):
            marks["stores"] = [counts[place] for place in range(len(request.items))]
        tags[MARKS] = marks | {"child": behind.child} | ({"asked": behind.asked} if left else {})
    return payload | {"meta": {"tags": tags}}


def left_message(behind: Behind) -> dict[str, Any]:
    """Build the answer of a child that can answer nothing of a request: all of it is left to the router."""
    marks = {"child": behind.child, "left": True, "asked": behind.asked}
    rows: dict[str, Any] = {"data": {"names": list(ROW_NAMES), "ndarray": []}}
    empty = rows if "data" in behind.asked else {"jsonData": []}
    return empty | {"meta": {"tags": {MARKS: marks}}}


def _error_tag(solved: Solved, place: int) -> dict[str, Any]:
    code, message = solved.faults[place]
    return {"line": place, "storeId": solved.lines[place].store_id, "code": code, "message": message}


def readable(meta: object) -> dict[str, Any]:
    """Return what of a stranger's meta goes into an answer: tags, requestPath and puid where they are of their kind."""
    known = {"tags": dict, "requestPath": dict, "puid": str}
    given = meta if isinstance(meta, dict) else {}
    return {name: given[name] for name, kind in known.items() if isinstance(given.get(name), kind)}


def echoed(*metas: object) -> dict[str, Any]:
    """Return what a refusal gives back of the first meta that says something: puid, and tags but for ours."""
    for meta in metas:
        known = readable(meta)
        tags = _of_the_client(known.get("tags", {}))
        found = ({"puid": known["puid"]} if "puid" in known else {}) | ({"tags": tags} if tags else {})
        if found:
            return found
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
