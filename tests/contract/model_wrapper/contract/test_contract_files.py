"""The published contract: schemas that match the code, and examples that the schemas and the reader accept."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from jsonschema import Draft202012Validator
from support.fleets import small_fleet
from support.serving.malformed import MALFORMED

from model_wrapper import FallbackForecaster, StoreForecaster
from model_wrapper.contract import parse_request
from model_wrapper.contract.errors import BadRequestError
from model_wrapper.contract.feedback import parse_feedback
from model_wrapper.contract.openapi import openapi
from model_wrapper.contract.publish import files
from model_wrapper.contract.schema import answer_schema, feedback_schema, request_schema
from model_wrapper.settings import Settings

FOLDER = Path(__file__).resolve().parents[4] / "docs" / "contract"
EXAMPLES = sorted((FOLDER / "examples").glob("*.json"))
# What a schema cannot say: limits, columns of the fleet, one field in two spellings.
BEYOND_SCHEMA = (
    "both payloads", "meta", "tags", "257", "300 digits", "none", "year", "end before", "too many", "twice",
    "unknown column", "does not fit", "far from", "names without", "no day",
    "is a float", "too short", "null store", "bad day in a row",
)  # fmt: skip


@pytest.fixture(scope="module")
def forecaster(tmp_path_factory: pytest.TempPathFactory) -> StoreForecaster:
    path = small_fleet(tmp_path_factory.mktemp("fleet") / "fleet", without_model=[2])
    component = StoreForecaster(Settings(fleet_uri=str(path)))
    component.load()
    return component


@pytest.mark.parametrize("name", sorted(files()))
def test_a_published_schema_is_what_the_code_says(name: str) -> None:
    assert (FOLDER / name).read_text() == files()[name], "run python -m model_wrapper.contract.publish docs/contract"


def test_the_schemas_are_valid_schemas() -> None:
    for schema in (request_schema(), answer_schema(), feedback_schema()):
        Draft202012Validator.check_schema(schema)
    assert EXAMPLES


def resolved(document: dict[str, Any], reference: str) -> object:
    found: Any = document
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def references_in(part: object) -> Iterator[str]:
    below = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    if isinstance(part, dict) and isinstance(part.get("$ref"), str):
        yield part["$ref"]
    for each in below:
        yield from references_in(each)


def test_the_openapi_document_is_whole() -> None:
    document = openapi()
    references = list(references_in(document))
    calls = document["paths"]
    examples = calls["/api/v1.0/predictions"]["post"]["requestBody"]["content"]["application/json"]["examples"]

    assert references
    assert all(resolved(document, reference) for reference in references)
    assert sorted(each["externalValue"] for each in examples.values()) == [f"examples/{path.name}" for path in EXAMPLES]
    assert schemathesis.openapi.from_dict(document).find_operation_by_label("POST /api/v1.0/feedback")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_requests_answers_and_refusals_fit_the_openapi_document(path: Path, forecaster: StoreForecaster) -> None:
    document = openapi()
    fits = {
        name: Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": document["components"]})
        for name in ("Request", "Answer", "Refusal")
    }
    message = json.loads(path.read_text())

    fits["Request"].validate(message)
    fits["Answer"].validate(forecaster.predict_raw(message))
    fits["Refusal"].validate(forecaster.predict_raw({**message, "colour": "red"}))
    assert not fits["Refusal"].is_valid(forecaster.predict_raw(message))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_accepted_and_its_answer_fits_the_schema(path: Path, forecaster: StoreForecaster) -> None:
    message = json.loads(path.read_text())
    Draft202012Validator(request_schema()).validate(message)
    answer = forecaster.predict_raw(message)

    assert "status" not in answer
    assert parse_request(message).items
    Draft202012Validator(answer_schema()).validate(answer)


def test_refusals_and_item_errors_fit_the_schema(forecaster: StoreForecaster) -> None:
    validator = Draft202012Validator(answer_schema())
    fallback = FallbackForecaster(forecaster.settings)
    answers = [
        forecaster.predict_raw({"jsonData": {"storeId": "nobody"}}),
        forecaster.predict_raw({"data": {"names": ["store_id"], "ndarray": [["nobody"]]}}),
        forecaster.predict_raw({"jsonData": []}),
        fallback.predict_raw({"jsonData": {"storeId": "1"}}),
    ]

    assert [list(validator.iter_errors(answer)) for answer in answers] == [[], [], [], []]
    assert [answer.get("status", {}).get("code") for answer in answers] == [None, None, 400, 503]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_answer_to_an_example_can_be_fed_back(path: Path, forecaster: StoreForecaster) -> None:
    answer = forecaster.predict_raw(json.loads(path.read_text()))
    sold = {"storeId": "4", "timestamp": "2015-06-21", "value": 0}
    if "jsonData" in answer:
        entry = next(entry for entry in answer["jsonData"] if "forecast" in entry)
        sold |= {"storeId": entry["request"]["storeId"], "timestamp": entry["forecast"][0]["timestamp"]}
    rows = {"data": {"names": ["store_id", "timestamp", "value"], "ndarray": [list(sold.values())]}}
    answer["meta"].pop("metrics")
    for truth in ({"jsonData": [sold]}, rows):
        feedback = {"response": answer, "truth": truth}
        Draft202012Validator(feedback_schema()).validate(feedback)
        assert parse_feedback(feedback, 100_000).days


@pytest.mark.parametrize(
    "feedback",
    [{}, {"response": {"jsonData": []}, "truth": {"jsonData": []}}, {"reward": "1"}, {"reward": 1, "rewards": 1}],
)
def test_the_schema_and_the_reader_refuse_the_same_feedback(feedback: dict[str, object]) -> None:
    assert not Draft202012Validator(feedback_schema()).is_valid(feedback)
    with pytest.raises(BadRequestError):
        parse_feedback(feedback, 100_000)


@pytest.mark.parametrize("case", MALFORMED, ids=lambda case: case[0])
def test_the_schema_refuses_what_it_can_say(case: tuple[str, object, list[str]]) -> None:
    title, message, _ = case
    refused = not Draft202012Validator(request_schema()).is_valid(message)

    assert refused or any(part in title for part in BEYOND_SCHEMA)
