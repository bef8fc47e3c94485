"""The contract as OpenAPI 3.1, put together from the schemas of the same models."""

from typing import Any

from model_wrapper.contract.feedback import FEEDBACK_REPLY_NAMES
from model_wrapper.contract.problems import REASON
from model_wrapper.contract.schema import DIALECT, answer_schema, feedback_schema, request_schema

OPENAPI_FILE = "openapi.json"
EXAMPLES = ("one-store", "several-stores", "every-store", "what-if", "new-store", "rows")
_HERE, _THERE = "#/$defs/", "#/components/schemas/"
_AS_TEXT = "Through Seldon's executor an error comes as text/plain; its body is this JSON all the same."


def openapi() -> dict[str, Any]:
    """The OpenAPI document of the two calls that a client makes."""
    schemas: dict[str, Any] = {}
    for name, schema in (("Request", request_schema()), ("Answer", answer_schema()), ("Feedback", feedback_schema())):
        for inner, definition in schema.pop("$defs").items():
            schemas[inner] = _moved(definition)
        schema.pop("$schema")
        schemas[name] = _moved(schema)
    schemas |= {"Refusal": _refusal(), "FeedbackReply": _feedback_reply()}
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {
            "title": "Storecast",
            "version": "1",
            "description": "Demand forecasts of every store of a chain, behind Seldon Core's REST protocol.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {"url": "http://localhost:8000", "description": "storecast serve"},
            {
                "url": "/seldon/{namespace}/{deployment}",
                "description": "A cluster's ingress",
                "variables": {"namespace": {"default": "storecast"}, "deployment": {"default": "storecast"}},
            },
        ],
        "paths": {
            "/api/v1.0/predictions": {"post": _operation("predict", "Forecast stores", "Request", "Answer", EXAMPLES)},
            "/api/v1.0/feedback": {"post": _operation("feedback", "Tell what was sold", "Feedback", "FeedbackReply")},
        },
        "components": {"schemas": schemas},
    }


def _operation(name: str, summary: str, body: str, answer: str, examples: tuple[str, ...] = ()) -> dict[str, Any]:
    content = _json(body)
    if examples:
        named = {each: {"externalValue": f"examples/{each}.json"} for each in examples}
        content["application/json"]["examples"] = named
    refused = {"application/json": _json("Refusal")["application/json"], "text/plain": {"schema": {"type": "string"}}}
    reasons = {
        "400": f"The request has problems ({REASON}); all of them are listed. {_AS_TEXT}",
        "500": f"A bug of ours, or a component that is being restarted. {_AS_TEXT}",
        "503": f"A component has no fleet. {_AS_TEXT}",
    }
    return {
        "operationId": name,
        "summary": summary,
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {"description": "Answered; items may have errors of their own.", "content": _json(answer)},
            **{code: {"description": reason, "content": refused} for code, reason in reasons.items()},
        },
    }


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _THERE + schema}}}


def _moved(schema: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """The same schema with its references into the document's components."""
    if isinstance(schema, dict):
        return {name: part.replace(_HERE, _THERE) if name == "$ref" else _moved(part) for name, part in schema.items()}
    return [_moved(part) for part in schema] if isinstance(schema, list) else schema


def _refusal() -> dict[str, Any]:
    problem = {
        "type": "object",
        "required": ["path", "wanted", "got"],
        "properties": {
            "path": {"type": "string", "description": "Where it is; empty for the whole body."},
            "wanted": {"type": "string"},
            "got": {"type": "string"},
        },
    }
    problems = {"type": "object", "properties": {"problems": {"type": "array", "items": problem}}}
    return {
        "title": "A refusal",
        "type": "object",
        "required": ["status"],
        "properties": {"status": {"$ref": f"{_THERE}RefusalStatus"}, "jsonData": problems, "meta": {"type": "object"}},
    }


def _feedback_reply() -> dict[str, Any]:
    row = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
    data = {
        "type": "object",
        "required": ["names", "ndarray"],
        "properties": {
            "names": {"const": list(FEEDBACK_REPLY_NAMES)},
            "ndarray": {"type": "array", "items": row, "minItems": 1, "maxItems": 1},
        },
    }
    return {
        "title": "What was understood of a feedback: days judged, rightly closed, and without a forecast",
        "type": "object",
        "required": ["data"],
        "properties": {"data": data, "meta": {"type": "object"}},
    }
