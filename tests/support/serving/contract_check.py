"""Judges answers of `POST /api/v1.0/predictions` and `/feedback` by the published contract."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

CONTRACT = Path(__file__).resolve().parents[3] / "docs" / "contract"
REASON = "STORECAST_BAD_REQUEST"


@cache
def document() -> dict[str, Any]:
    """The published OpenAPI document."""
    found: dict[str, Any] = json.loads((CONTRACT / "openapi.json").read_text())
    return found


@cache
def judge(name: str) -> Draft202012Validator:
    """A validator for one of the document's schemas."""
    reference = {"$ref": f"#/components/schemas/{name}", "components": document()["components"]}
    return Draft202012Validator(reference)


def faults_of(status: int, body: bytes) -> list[str]:
    """Everything about an answer that the contract does not say; empty for a good one."""
    if status not in {200, 400}:
        return [f"status {status}: {body[:300]!r}"]
    try:
        message = json.loads(body, parse_constant=_no_number)
    except ValueError as error:
        return [f"no JSON: {error}"]
    found = [error.message for error in judge("Answer" if status == 200 else "Refusal").iter_errors(message)]
    if status == 400 and not found:
        said, problems = message["status"], message["jsonData"]["problems"]
        counted = f"The request has {len(problems)} problem"
        if said["reason"] != REASON or said["code"] != 400 or not said["info"].startswith(counted):
            found.append(f"a refusal that does not say what it is: {said}")
    return found


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON number")
