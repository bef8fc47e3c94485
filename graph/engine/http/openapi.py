"""The description of the API that the executor's image carries, with the addresses of one deployment."""

import json
from typing import Any

_MESSAGE = {
    "type": "object",
    "description": "A SeldonMessage: one of data, jsonData, strData, binData, and meta",
    "properties": {
        "meta": {"type": "object"},
        "data": {"type": "object"},
        "jsonData": {},
        "strData": {"type": "string"},
        "binData": {"type": "string", "format": "byte"},
    },
}
_FEEDBACK = {
    "type": "object",
    "description": "What was asked and answered, and what came true",
    "properties": {
        "request": {"$ref": "#/components/schemas/SeldonMessage"},
        "response": {"$ref": "#/components/schemas/SeldonMessage"},
        "truth": {"$ref": "#/components/schemas/SeldonMessage"},
        "reward": {"type": "number"},
    },
}


def description(namespace: str, deployment: str) -> bytes:
    """The OpenAPI document of a deployment; its paths are those behind a cluster's ingress."""
    base = f"/seldon/{namespace}/{deployment}/api/v1.0"
    document = {
        "openapi": "3.0.0",
        "info": {"title": "Seldon API", "version": "1.0"},
        "paths": {
            f"{base}/feedback": {"post": _operation("SendFeedback", "Feedback")},
            f"{base}/predictions": {"post": _operation("Predict", "SeldonMessage")},
        },
        "components": {"schemas": {"SeldonMessage": _MESSAGE, "Feedback": _FEEDBACK}},
    }
    return json.dumps(document, indent=2).encode()


def _operation(name: str, body: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "requestBody": {"required": True, "content": _content(body)},
        "responses": {"200": {"description": "The graph's answer", "content": _content("SeldonMessage")}},
    }


def _content(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
