"""Events as the executor sends them to the request log: made up, and recorded from the real one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from support.graph.vectors import EVENT_HEADERS, full_headers, load_cases, steps

from monitoring.request_log.events import EVENT_TYPES, Event, EventKind, read_header

FIRST_DAY = date(2015, 6, 20)
ISSUED_AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
_TYPE_OF = {kind: name for name, kind in EVENT_TYPES.items()}
_RECORDED = {"<uuid4>": str(uuid4()), "<rfc3339>": "2023-04-01T10:11:12.123456789Z", "<puid>": "puid-1"}


def headers(kind: EventKind, request_id: str = "r-1", node: str = "router", **changes: str) -> dict[str, str]:
    """The headers of one event."""
    return {
        "Content-Type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": str(uuid4()),
        "ce-time": ISSUED_AT.isoformat().replace("+00:00", "Z"),
        "ce-type": _TYPE_OF[kind],
        "ce-source": "http://:8000/",
        "ce-requestid": request_id,
        "ce-modelid": node,
        "ce-inferenceservicename": "storecast",
        "ce-namespace": "shops",
        "ce-endpoint": "main",
        "ce-protocol": "seldon",
    } | {name.replace("_", "-"): value for name, value in changes.items()}


def event(
    kind: EventKind, message: object, request_id: str = "r-1", *, arrived_s: float = 0.0, node: str = "router"
) -> Event:
    """An event that was received."""
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return Event(read_header(headers(kind, request_id, node)), body, arrived_s)


def entry(store_id: str, days: int = 2, **model: str) -> dict[str, Any]:
    """One item of an answer in jsonData."""
    last = FIRST_DAY + timedelta(days=days - 1)
    return {
        "request": {"storeId": store_id, "beginDate": f"{FIRST_DAY}", "endDate": f"{last}", "level": 0.9},
        "forecast": [
            {"timestamp": f"{FIRST_DAY + timedelta(days=n)}", "value": 10.5 + n, "lower": 9.0 + n, "upper": 12.0 + n}
            for n in range(days)
        ],
        "model": {"source": "fleet", "version": "3", "alias": "champion", "trainedThrough": "2015-06-19"} | model,
    }


def error_entry(store_id: str, code: str = "UNKNOWN_STORE") -> dict[str, Any]:
    """An item that has no forecast."""
    asked = {"storeId": store_id, "beginDate": "2015-06-20", "endDate": "2015-06-21", "level": 0.8}
    return {"request": asked, "error": {"code": code, "message": "Wanted a store of this fleet."}}


def answer(*entries: Mapping[str, Any], child: int = 0) -> dict[str, Any]:
    """An answer in jsonData."""
    return {"jsonData": list(entries), "meta": {"tags": {"fleet_version": "3"}, "routing": {"router": child}}}


def rows_of(store_id: str, first: str, days: int, source: str = "fleet") -> list[list[Any]]:
    """Rows of one store."""
    begin = date.fromisoformat(first)
    return [[store_id, f"{begin + timedelta(days=n)}", 10.5 + n, 9.0 + n, 12.0 + n, source] for n in range(days)]


def table(rows: Sequence[list[Any]], **tags: object) -> dict[str, Any]:
    """An answer by rows."""
    names = ["store_id", "timestamp", "value", "lower", "upper", "source"]
    told = {"fleet_version": "3", "trained_through": "2015-06-19"}
    return {"data": {"names": names, "ndarray": list(rows)}, "meta": {"tags": told | tags, "routing": {"router": 1}}}


def recorded(case_id: str = "") -> Iterator[tuple[dict[str, str], bytes]]:
    """Headers and body of the events that the real executor sent, of one case or of all."""
    for case in load_cases():
        for step in steps(case) if case_id in ("", case["id"]) else ():
            for sent in step["expect"].get("events", ()):
                named = {"ce-modelid": sent["node"], "ce-type": sent["kind"]}
                read = full_headers({**sent, "headers": named | sent.get("headers", {})}, EVENT_HEADERS)
                body = sent["body"]
                yield (
                    {name: _RECORDED.get(value, value) for name, value in read.items() if isinstance(value, str)},
                    body.encode() if isinstance(body, str) else json.dumps(body).encode(),
                )
