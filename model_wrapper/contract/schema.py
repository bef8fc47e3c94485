"""Publishes the contract: ``python -m model_wrapper.contract.schema docs/contract`` writes the JSON Schemas there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from model_wrapper.contract.answers import Entry, RefusalStatus, Table
from model_wrapper.contract.requests import SPELLINGS, ForecastItem

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
REQUEST_FILE: Final = "request.schema.json"
ANSWER_FILE: Final = "answer.schema.json"
_REFERENCES: Final = "#/$defs/{model}"


def request_schema() -> dict[str, Any]:
    """Return the JSON Schema of a request body; both spellings of a name are listed."""
    item = TypeAdapter(ForecastItem).json_schema(by_alias=True, ref_template=_REFERENCES)
    properties = item["properties"]
    for spelled, name in SPELLINGS.items():
        properties.setdefault(spelled, {"$ref": f"#/$defs/ForecastItem/properties/{name}"})
    item["required"] = []
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
    """Return the JSON Schema of an answer's body, a refusal included."""
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


def _message(
    title: str, payload: dict[str, Any], definitions: dict[str, Any], one_of: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "title": title,
        "type": "object",
        "additionalProperties": False,
        "properties": payload | {"meta": {"type": "object"}},
        "anyOf": one_of,
        "$defs": definitions,
    }


def files() -> dict[str, str]:
    """Return the text of every published file by its name."""
    schemas = {REQUEST_FILE: request_schema(), ANSWER_FILE: answer_schema()}
    return {name: json.dumps(schema, indent=2, sort_keys=True) + "\n" for name, schema in schemas.items()}


def main(arguments: list[str]) -> int:
    """Write the files into the folder that is named."""
    folder = Path(arguments[0]) if arguments else Path("docs/contract")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
