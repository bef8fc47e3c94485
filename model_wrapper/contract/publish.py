"""Publishes the contract: `python -m model_wrapper.contract.publish docs/contract` writes its files there."""

import argparse
import json
import sys
from pathlib import Path

from model_wrapper.contract.openapi import OPENAPI_FILE, openapi
from model_wrapper.contract.schema import answer_schema, feedback_schema, request_schema


def files() -> dict[str, str]:
    """The text of every published file by its name."""
    documents = {
        "request.schema.json": request_schema(),
        "answer.schema.json": answer_schema(),
        "feedback.schema.json": feedback_schema(),
        OPENAPI_FILE: openapi(),
    }
    return {name: json.dumps(document, indent=2, sort_keys=True) + "\n" for name, document in documents.items()}


def main(arguments: list[str]) -> int:
    """Write the files into a folder."""
    parser = argparse.ArgumentParser(
        prog="python -m model_wrapper.contract.publish",
        description="Write the JSON Schemas and the OpenAPI document of the contract.",
        epilog="example: python -m model_wrapper.contract.publish docs/contract",
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path("docs/contract"), help="where to write (default: docs/contract)"
    )
    folder: Path = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
