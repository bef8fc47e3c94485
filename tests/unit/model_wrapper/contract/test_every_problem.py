"""A client mends all at once: what is wrong in one place hides nothing in another."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from support.fleets import small_fleet
from support.serving.hostile_messages import MESSAGES

from fleet import Fleet
from model_wrapper.answering.plan import plan
from model_wrapper.contract import Limits
from model_wrapper.contract.errors import BadRequestError
from model_wrapper.contract.feedback import parse_feedback
from model_wrapper.contract.problems import MAX_PROBLEMS
from model_wrapper.contract.reading import read_request
from model_wrapper.fleets.served import ServedFleet

GOOD = {"storeId": "1", "beginDate": "2015-06-20", "endDate": "2015-06-21"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> ServedFleet:
    path: Path = small_fleet(tmp_path_factory.mktemp("fleet") / "fleet", 12)
    return ServedFleet(Fleet.open(path), "3", max_days_ahead=365)


def told(served: ServedFleet, message: object, limits: Limits | None = None) -> list[str]:
    """The paths of all problems, in order of their names."""
    try:
        plan(read_request(message, limits), served, limits or Limits(), date(2015, 6, 22))
    except BadRequestError as error:
        return sorted(problem["path"] for problem in error.problems)
    return []


def item(**changes: object) -> dict[str, Any]:
    return {**GOOD, **changes}


def rows(names: list[Any], *table: object) -> dict[str, Any]:
    return {"data": {"names": names, "ndarray": list(table)}}


def test_a_bad_item_hides_nothing_in_another(served: ServedFleet) -> None:
    message = {"jsonData": [item(level=2), item(overrides={"prom": {"2015-06-20": 1}}), item(group="nowhere"), 7]}

    assert told(served, message) == [
        "jsonData[0].level",
        "jsonData[1].overrides.prom",
        "jsonData[2].group",
        "jsonData[3]",
    ]


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"storeId": ""}, "jsonData.storeId"),
        ({"level": 2}, "jsonData.level"),
        ({"endDate": "2015-06-19"}, "jsonData.endDate"),
        ({"beginDate": "soon"}, "jsonData.beginDate"),
        ({"endDate": "2016-12-31"}, "jsonData.endDate"),
        ({"unknown": 1}, "jsonData.unknown"),
        ({"store_id": "1"}, "jsonData.store_id"),
    ],
    ids=str,
)
def test_a_bad_field_hides_no_override_and_no_group(served: ServedFleet, wrong: dict[str, Any], path: str) -> None:
    overrides = {"promo": {"2015-06-20": 7, "x": 1}, "prom": {"2015-06-20": 1}, "open": 5, "opn": 5}
    message = {"jsonData": item(overrides=overrides, group="nowhere", **wrong)}

    assert told(served, message) == sorted(
        [
            path,
            "jsonData.group",
            "jsonData.overrides.open",
            "jsonData.overrides.opn",
            "jsonData.overrides.opn",
            "jsonData.overrides.prom",
            "jsonData.overrides.promo.2015-06-20",
            "jsonData.overrides.promo.x",
        ]
    )


def test_days_that_cannot_be_read_are_no_reason_to_call_an_override_far_from_them(served: ServedFleet) -> None:
    overrides = {"promo": {"2014-03-03": 1}}

    assert told(served, {"jsonData": item(overrides=overrides, level=2)}) == [
        "jsonData.level",
        "jsonData.overrides.promo.2014-03-03",
    ]
    assert told(served, {"jsonData": item(overrides=overrides, beginDate="soon")}) == ["jsonData.beginDate"]
    assert told(served, {"jsonData": item(overrides=overrides, endDate="2015-01-01")}) == ["jsonData.endDate"]


def test_a_bad_column_hides_neither_rows_of_a_wrong_length_nor_bad_values(served: ServedFleet) -> None:
    names = ["store_id", "begin", "end_date", "level", "level"]
    good, short, bad = ["1", "2015-06-20", "soon", 0.8, 0.8], ["1", "2"], [None, 1, None, 3, 3]

    assert told(served, rows(names, good, short, bad)) == [
        "data.names[1]",
        "data.names[4]",
        "data.ndarray[0][2]",
        "data.ndarray[1]",
        "data.ndarray[2][0]",
        "data.ndarray[2][3]",
    ]


def test_rows_without_the_column_of_the_stores_are_not_told_so_one_by_one(served: ServedFleet) -> None:
    assert told(served, rows(["begin_date"], ["2015-06-20"], ["x"])) == ["data.names", "data.ndarray[1][0]"]
    assert told(served, rows(["stor_id"], ["1"], ["2", "3"])) == ["data.names[0]", "data.ndarray[1]"]


def test_the_limits_count_the_items_that_can_be_read(served: ServedFleet) -> None:
    message = {"jsonData": [item(storeId="*"), item(storeId="*", level=2)]}

    assert told(served, message, Limits(max_cells=24)) == ["jsonData[1].level"]
    assert told(served, message, Limits(max_cells=23)) == ["jsonData", "jsonData[1].level"]


def test_a_request_of_far_too_many_problems_is_not_read_further(served: ServedFleet) -> None:
    message = {"jsonData": [item(level=2, overrides={"prom": {}})] * 4000}

    assert len(told(served, message)) == MAX_PROBLEMS + 1


@given(message=MESSAGES)
def test_nothing_but_a_refusal_comes_of_what_a_client_sends(served: ServedFleet, message: object) -> None:
    # Anything but an answer or a refusal is raised, and fails here.
    assert len(told(served, message)) <= MAX_PROBLEMS + 1


def feedback_told(message: object) -> list[str]:
    with pytest.raises(BadRequestError) as caught:
        parse_feedback(message, 500)
    return sorted(problem["path"] for problem in caught.value.problems)


def test_an_empty_feedback_lacks_the_answer_and_the_truth() -> None:
    assert feedback_told({}) == ["response", "truth"]
    assert feedback_told({"response": {"jsonData": [5]}, "meta": 1}) == ["meta", "response.jsonData[0]", "truth"]


def test_names_that_are_missing_hide_no_rows_of_a_wrong_length() -> None:
    truth = {"data": {"names": ["store_id", 5], "ndarray": [["4", 1], ["4"]]}}
    answer: dict[str, Any] = {"data": {"ndarray": []}}

    assert feedback_told({"response": answer, "truth": truth}) == [
        "response.data.names",
        "response.data.ndarray",
        "truth.data.names",
        "truth.data.names",
        "truth.data.ndarray[1]",
    ]
