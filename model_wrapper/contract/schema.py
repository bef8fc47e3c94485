"""The contract as JSON Schemas, made of the models that read and write it."""

from typing import Any

from pydantic import TypeAdapter

from model_wrapper.contract.answers import ROW_NAMES, Entry, RefusalStatus, Table
from model_wrapper.contract.feedback import TRUTH_NAMES, AnswerEntry, TruthDay, TruthEntry
from model_wrapper.contract.requests import SPELLINGS, ForecastItem

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCES = "#/$defs/{model}"

_META = {
    "type": "object",
    "properties": {"puid": {"type": "string"}, "tags": {"type": "object"}, "requestPath": {"type": "object"}},
}


def request_schema() -> dict[str, Any]:
    """The JSON Schema of a request body; both spellings of a name are listed."""
    item = TypeAdapter(ForecastItem).json_schema(by_alias=True, ref_template=_REFERENCES)
    properties = item["properties"]
    for spelled, name in SPELLINGS.items():
        properties.setdefault(spelled, {"$ref": f"#/$defs/ForecastItem/properties/{name}"})
    item["required"] = []
    for part in item["properties"]["overrides"]["anyOf"]:
        if "additionalProperties" in part:
            part["additionalProperties"]["additionalProperties"] = False  # every key is a day
    item["anyOf"] = [{"required": ["storeId"]}, {"required": ["store_id"]}]
    reference = {"$ref": "#/$defs/ForecastItem"}
    table = {
        "type": "object",
        "additionalProperties": False,
        "required": ["names", "ndarray"],
        "properties": {
            "names": {"type": "array", "minItems": 1, "items": {"enum": sorted(SPELLINGS)}},
            "ndarray": {"type": "array", "minItems": 1, "items": {"type": "array"}},
        },
    }
    one_or_more = {"anyOf": [reference, {"type": "array", "minItems": 1, "items": reference}]}
    return _message(
        "A request to POST /api/v1.0/predictions",
        {"jsonData": one_or_more, "data": table},
        {"ForecastItem": item},
        [{"required": ["jsonData"]}, {"required": ["data"]}],
    )


def answer_schema() -> dict[str, Any]:
    """The JSON Schema of an answer's body, a refusal included."""
    models: dict[str, TypeAdapter[Any]] = {
        "entries": TypeAdapter(list[Entry]),
        "table": TypeAdapter(Table),
        "status": TypeAdapter(RefusalStatus),
    }
    schemas, definitions = TypeAdapter.json_schemas(
        [(name, "validation", adapter) for name, adapter in models.items()], ref_template=_REFERENCES
    )
    entries, table, status = (schemas[name, "validation"] for name in models)
    problem = {
        "type": "object",
        "required": ["path", "wanted", "got"],
        "properties": {name: {"type": "string"} for name in ("path", "wanted", "got")},
    }
    problems = {"type": "object", "required": ["problems"], "properties": {"problems": {"items": problem}}}
    return _message(
        "The answer of POST /api/v1.0/predictions",
        {"jsonData": {"anyOf": [entries, problems]}, "data": table, "status": status},
        definitions["$defs"],
        [{"required": ["jsonData"]}, {"required": ["data"]}, {"required": ["status"]}],
    )


def feedback_schema() -> dict[str, Any]:
    """The JSON Schema of a feedback's body."""
    kinds: tuple[Any, ...] = (list[AnswerEntry], list[TruthDay | TruthEntry])
    schemas, definitions = TypeAdapter.json_schemas(
        [(kind, "validation", TypeAdapter(kind)) for kind in kinds], ref_template=_REFERENCES
    )
    entries, days = (schemas[kind, "validation"] for kind in kinds)
    parts = {
        "response": _payload("The answer as it came; items with errors are passed over.", entries, ROW_NAMES),
        "truth": _payload("The actual sales.", days, TRUTH_NAMES),
    }
    return {
        "$schema": DIALECT,
        "title": "A feedback to POST /api/v1.0/feedback",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **parts,
            "request": {"type": "object", "description": "The request, if you like; it is not looked at."},
            "reward": {"type": "number", "description": "Seldon's own measure; counted as it is."},
        },
        "anyOf": [{"required": ["response", "truth"]}, {"required": ["reward"]}],
        "$defs": definitions["$defs"],
    }


def _payload(description: str, entries: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    table = {
        "type": "object",
        "required": ["names", "ndarray"],
        "properties": {
            "names": {"type": "array", "allOf": [{"contains": {"const": name}} for name in names]},
            "ndarray": {"type": "array", "minItems": 1, "items": {"type": "array"}},
        },
    }
    failed = {"type": "object", "required": ["error"]}
    items = {"anyOf": [*entries["items"].get("anyOf", [entries["items"]]), failed]}
    many = {"type": "array", "minItems": 1, "items": items}
    return {
        "description": description,
        "type": "object",
        "properties": {"jsonData": {"anyOf": [items, many]}, "data": table, "meta": _META},
        "oneOf": [{"required": ["jsonData"]}, {"required": ["data"]}],
    }


def _message(
    title: str, payload: dict[str, Any], definitions: dict[str, Any], one_of: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "title": title,
        "type": "object",
        "additionalProperties": False,
        "properties": payload | {"meta": _META},
        "anyOf": one_of,
        "$defs": definitions,
    }
