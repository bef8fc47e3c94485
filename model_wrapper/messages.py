"""The messages that components send: the answer's payload, its meta, and the marks that children set for the router.

Internal protocol. A child behind a router gets the client's own request, answers what it owns and leaves the rest:
null in a jsonData list; no rows in an ndarray, where ``meta.tags.storecast.rows`` counts the rows of every line (0 =
left). ``meta.tags.storecast.child`` is the child's index. The router merges line by line and removes the marks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from model_wrapper.answering import entries_of, rows_of
from model_wrapper.contract.answers import ROW_NAMES

if TYPE_CHECKING:
    from model_wrapper.answering import Solved
    from model_wrapper.contract.requests import ForecastRequest
    from model_wrapper.served_fleet import ServedFleet
    from model_wrapper.settings import Settings

MARKS: Final = "storecast"
ERRORS_TAG: Final = "errors"
CLIPPED_TAG: Final = "clipped_from"
_OUR_TAGS: Final = frozenset({MARKS, ERRORS_TAG})  # the router reads them: a client's of that name would mislead it


def answer_message(
    request: ForecastRequest, solved: Solved, served: ServedFleet, child: int | None = None
) -> dict[str, Any]:
    """Build the answer to a request in its own kind; `child` is set behind a router."""
    tags: dict[str, Any] = {"fleet_version": served.version, "trained_through": served.trained_through.isoformat()}
    marks: dict[str, Any] = {"child": child}
    payload: dict[str, Any]
    if request.kind == "jsonData":
        payload = {"jsonData": entries_of(solved, served)}
    else:
        tables = rows_of(solved)
        payload = {"data": {"names": list(ROW_NAMES), "ndarray": [row for table in tables for row in table or ()]}}
        marks["rows"] = [len(table or ()) for table in tables]
        clipped = {line.asked.clipped_from for line in solved.lines} - {None}
        if clipped:
            tags[CLIPPED_TAG] = str(clipped.pop())  # today, whatever the line
        if solved.faults:
            tags[ERRORS_TAG] = [_error_tag(solved, place) for place in sorted(solved.faults)]
    if child is not None:
        tags[MARKS] = marks
    return payload | {"meta": {"tags": tags}}


def _error_tag(solved: Solved, place: int) -> dict[str, Any]:
    code, message = solved.faults[place]
    return {"line": place, "storeId": solved.lines[place].store_id, "code": code, "message": message}


def with_meta(
    message: dict[str, Any], request_meta: dict[str, Any], settings: Settings, metrics: list[dict[str, Any]]
) -> dict[str, Any]:
    """Add to a message what Seldon's wrapper would: the request's tags and puid, the path, the metrics."""
    meta = message.setdefault("meta", {})
    asked = {name: value for name, value in request_meta.get("tags", {}).items() if name not in _OUR_TAGS}
    tags = asked | meta.get("tags", {})
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
