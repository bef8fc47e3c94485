"""The published contract: schemas that match the code, and examples that the schemas and the reader accept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from support.fleets import small_fleet
from support.malformed import MALFORMED

from model_wrapper import FallbackForecaster, StoreForecaster
from model_wrapper.contract import parse_request
from model_wrapper.contract.schema import answer_schema, files, request_schema
from model_wrapper.settings import Settings

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "contract"
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
    assert (FOLDER / name).read_text() == files()[name], "run python -m model_wrapper.contract.schema docs/contract"


def test_the_schemas_are_valid_schemas() -> None:
    for schema in (request_schema(), answer_schema()):
        Draft202012Validator.check_schema(schema)
    assert EXAMPLES


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


@pytest.mark.parametrize("case", MALFORMED, ids=lambda case: case[0])
def test_the_schema_refuses_what_it_can_say(case: tuple[str, object, list[str]]) -> None:
    title, message, _ = case
    refused = not Draft202012Validator(request_schema()).is_valid(message)

    assert refused or any(part in title for part in BEYOND_SCHEMA)
