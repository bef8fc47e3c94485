"""The recorded answers of the real executor, read from their compact form."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Case = dict[str, Any]

FOLDER = Path(__file__).parents[2] / "contract" / "vectors" / "executor"

RESPONSE_HEADERS = {
    "Access-Control-Allow-Headers": (
        "Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, X-CSRF-Token"
    ),
    "Access-Control-Allow-Methods": "OPTIONS,POST",
    "Access-Control-Allow-Origin": "*",
    "Content-Type": "application/json",
    "Seldon-Puid": "<same as request>",
    "X-Content-Type-Options": "nosniff",
}
CALL_HEADERS = {"Content-Type": "application/json", "Seldon-Puid": "<puid>"}
EVENT_HEADERS = {
    "Content-Type": "application/json",
    "ce-endpoint": "mypred",
    "ce-id": "<uuid4>",
    "ce-inferenceservicename": "mydep",
    "ce-namespace": "myns",
    "ce-protocol": "seldon",
    "ce-requestid": "<puid>",
    "ce-source": "http://:{http_port}/",
    "ce-specversion": "1.0",
    "ce-time": "<rfc3339>",
}
_REQUEST = {
    "method": "POST",
    "path": "/api/v1.0/predictions",
    "headers": {"Content-Type": "application/json", "Seldon-Puid": "puid-1"},
    "body": '{"data":{"ndarray":[[1,2]]}}',
}


def load_cases() -> list[Case]:
    """All cases, family by family, with the name of the family added."""
    cases: list[Case] = []
    for path in sorted(FOLDER.glob("*.json")):
        cases.extend({"family": path.stem, **case} for case in json.loads(path.read_text()))
    return cases


def steps(case: Case) -> list[Case]:
    """The requests of a case in order, each with what is expected of it."""
    return [{"request": case.get("request", {}), "expect": case["expect"]}, *case.get("then", [])]


def request_of(step: Case) -> Case:
    """The request with everything that the compact form leaves out."""
    return {**_REQUEST, **step["request"]}


def full_headers(spec: Mapping[str, Any], base: Mapping[str, str]) -> dict[str, Any]:
    """The complete set of headers: the usual ones, some replaced or added, some left out."""
    kept = {name: value for name, value in base.items() if name not in spec.get("without", [])}
    return {**kept, **spec.get("headers", {})}


def fill_in(value: Any, places: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    """The value with every `{node:x}` and `{http_port}` in any of its texts replaced."""
    if isinstance(value, str):
        for name, text in places.items():
            value = value.replace(name, text)
        return value
    if isinstance(value, list):
        return [fill_in(item, places) for item in value]
    if isinstance(value, dict):
        return {fill_in(key, places): fill_in(item, places) for key, item in value.items()}
    return value
