"""The router's merge: line by line, first answer wins, nothing is lost silently."""

from __future__ import annotations

from typing import Any

from model_wrapper.merging import EVERY_CHILD, merge

NAMES = ["store_id", "timestamp", "value", "lower", "upper", "source"]


def entry(store: str) -> dict[str, Any]:
    return {"request": {"storeId": store}, "forecast": [1]}


def part(child: int, *lines: Any, **tags: Any) -> dict[str, Any]:  # noqa: ANN401 (lines of any kind)
    return {"jsonData": list(lines), "meta": {"tags": {"storecast": {"child": child}, **tags}}}


def rows_part(child: int, counts: list[int], *stores: str, **tags: Any) -> dict[str, Any]:  # noqa: ANN401
    marks = {"child": child, "rows": counts}
    rows = [[store, "2015-06-20", 1.0, 0.0, 2.0, "fleet"] for store in stores]
    return {"data": {"names": NAMES, "ndarray": rows}, "meta": {"tags": {"storecast": marks, **tags}}}


def test_lines_are_merged_in_request_order() -> None:
    merged = merge([part(0, entry("1"), None, entry("3")), part(1, None, entry("2"), None)])

    assert merged.message["jsonData"] == [entry("1"), entry("2"), entry("3")]
    assert (merged.child, merged.lost) == (EVERY_CHILD, 0)


def test_the_first_answer_to_a_line_wins() -> None:
    first, second = entry("1"), entry("1") | {"forecast": [2]}

    assert merge([part(0, first), part(1, second)]).message["jsonData"] == [first]


def test_a_single_childs_answer_is_passed_on_with_its_index() -> None:
    merged = merge([part(2, entry("1"), fleet_version="3")])

    assert merged.message == {"jsonData": [entry("1")], "meta": {"tags": {"fleet_version": "3"}}}
    assert merged.child == 2


def test_a_line_that_nobody_answered_becomes_an_error() -> None:
    merged = merge([part(0, None, entry("2")), part(1, None, None)])

    assert merged.message["jsonData"][0]["error"]["code"] == "NOT_ANSWERED"
    assert merged.message["jsonData"][0]["request"] is None
    assert merged.lost == 1


def test_rows_are_merged_line_by_line() -> None:
    merged = merge([rows_part(0, [2, 0, 1], "1", "1", "3"), rows_part(1, [0, 1, 0], "2")])

    assert [row[0] for row in merged.message["data"]["ndarray"]] == ["1", "1", "2", "3"]


def test_rows_that_nobody_answered_become_one_error_row() -> None:
    wrong = {"line": 1, "storeId": "x", "code": "UNKNOWN_STORE", "message": "m"}
    merged = merge([rows_part(0, [0, 1], "x", errors=[wrong]), rows_part(1, [0, 0])])

    assert merged.message["data"]["ndarray"][0] == [None, None, None, None, None, "error:NOT_ANSWERED"]
    assert [error["code"] for error in merged.message["meta"]["tags"]["errors"]] == ["NOT_ANSWERED", "UNKNOWN_STORE"]


def test_a_child_without_marks_answered_everything_and_wins_whole() -> None:
    alone = {"jsonData": [entry("1")], "meta": {"tags": {"fleet_version": "3"}, "metrics": [1]}}
    merged = merge([part(0, None), alone])

    assert merged.message == {"jsonData": [entry("1")], "meta": {"tags": {"fleet_version": "3"}}}
    assert merged.child is None


def test_children_with_different_fleets_lose_no_line() -> None:
    merged = merge([part(0, entry("1"), None, entry("3")), part(1, None, entry("2"))])

    assert merged.mismatched
    assert merged.message["jsonData"] == [entry("1"), entry("3"), entry("2")]


def test_paths_and_tags_of_all_children_are_kept_and_marks_removed() -> None:
    one, two = part(0, entry("1"), None, a=1), part(1, None, entry("2"), a=2, b=3)
    one["meta"]["requestPath"], two["meta"]["requestPath"] = {"x": "i:1"}, {"y": "i:2"}

    assert merge([one, two]).message["meta"] == {"tags": {"a": 2, "b": 3}, "requestPath": {"x": "i:1", "y": "i:2"}}
