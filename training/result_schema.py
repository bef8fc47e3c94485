"""The JSON Schema of what `storecast train` prints: `python -m training.result_schema docs` writes it there."""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from training.checks.validate import Problem
from training.result import LEFT_OUT, TrainingResult

FILE = "train-result.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SOMETIMES = {"TrainingResult": set(LEFT_OUT), "Notice": {"more"}}
"""Properties that an object may be without; all others are always there."""


@dataclass
class Problems:
    """Everything that is wrong with the input: `shown` has the first problems of each kind, `file` all that were kept.

    `more` of a problem: how many of its kind are not shown, so that these and `shown` add up to `count`.
    """

    count: int
    file: str
    shown: list[Problem]
    hints: list[str]


@dataclass
class RefusedInput:
    """The input cannot be trained on; nothing was fitted."""

    problems: Problems


@dataclass
class Refusal:
    """Files or options that do not fit; nothing was registered."""

    error: str


def result_schema() -> dict[str, Any]:
    """The JSON Schema of standard output: a result, or why there is none."""
    adapter: TypeAdapter[Any] = TypeAdapter(TrainingResult | RefusedInput | Refusal)
    schema = adapter.json_schema(mode="serialization")
    definitions = schema["$defs"]
    for name, definition in definitions.items():
        _close(definition, _SOMETIMES.get(name, set()))
    _as_printed(definitions)
    title = "What storecast train prints"
    return {"$schema": DIALECT, "title": title, "anyOf": schema["anyOf"], "$defs": definitions}


def _close(definition: dict[str, Any], sometimes: set[str]) -> None:
    """An object has these properties and no others; one that it may be without is not null instead."""
    properties = definition["properties"]
    for name, part in properties.items():
        part.pop("title", None)
        part.pop("default", None)
        if name in sometimes and "anyOf" in part:
            (properties[name],) = (kind for kind in part["anyOf"] if kind != {"type": "null"})
    # Paragraphs are kept, lines of the source are not.
    definition["description"] = re.sub(r"(?<!\n)\n(?!\n)", " ", definition["description"])
    definition["required"] = [name for name in properties if name not in sometimes]
    definition["additionalProperties"] = False


def _as_printed(definitions: dict[str, Any]) -> None:
    """Where JSON differs from the dataclasses; see `TrainingResult.to_plain` and `Notice.to_plain`."""
    history, notice, result = (definitions[name] for name in ("HistorySpan", "Notice", "TrainingResult"))
    history["properties"] = {"from": history["properties"].pop("first"), **history["properties"]}
    history["required"][0] = "from"
    del notice["properties"]["weight"]
    notice["required"].remove("weight")
    result["properties"]["registered"] = {"anyOf": [result["properties"]["registered"], {"type": "null"}]}
    result["oneOf"] = [{"required": ["registered"]}, {"required": ["would_register"]}]
    for scores in (definitions["Scores"], definitions["GroupScores"]):
        for part in scores["properties"].values():
            if part == {"type": "number"}:
                part["type"] = ["number", "null"]  # no day gives that score


def text() -> str:
    """The published file."""
    return json.dumps(result_schema(), indent=2) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file into the folder that is named."""
    folder = Path(arguments[0]) if arguments else Path("docs")
    (folder / FILE).write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
