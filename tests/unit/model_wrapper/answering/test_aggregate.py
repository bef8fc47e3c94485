"""The router's merge: each line once, in request order, nothing lost silently, no two versions in one answer."""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from model_wrapper.answering.aggregate import EVERY_CHILD, Key, OwnAnswer, OwnFleet, merge

NAMES = ["store_id", "timestamp", "value", "lower", "upper", "source"]


def entry(store: str, value: float = 1.0) -> dict[str, Any]:
    return {"request": {"storeId": store}, "forecast": [value]}


def failed(store: str) -> dict[str, Any]:
    return {"request": {"storeId": store}, "error": {"code": "UNKNOWN_STORE"}}


def part(child: int, *lines: Any, marks: dict[str, Any] | None = None, **tags: Any) -> dict[str, Any]:  # noqa: ANN401
    mine = {"child": child, "version": "1"} | ({"asked": {}} if None in lines else {}) | (marks or {})
    return {"jsonData": list(lines), "meta": {"tags": {"storecast": mine, **tags}}}


def rows_part(child: int, counts: list[int], *stores: str, **tags: Any) -> dict[str, Any]:  # noqa: ANN401
    marks = {"child": child, "rows": counts, "version": "1"}
    rows = [[store, "2015-06-20", 1.0, 0.0, 2.0, "fleet"] for store in stores]
    return {"data": {"names": NAMES, "ndarray": rows}, "meta": {"tags": {"storecast": marks, **tags}}}


def own_fleet(*stores: str, version: str = "1", items: bool = False) -> OwnFleet:
    """Stand for a router's fleet with these stores, asked with one item for each or with one for all."""

    def answer(_: dict[str, Any], wanted: Callable[[Key], bool]) -> OwnAnswer:
        keys = [(place if items else 0, store) for place, store in enumerate(stores)]
        lines = [entry(key[1], 9.0) if wanted(key) else None for key in keys]
        return OwnAnswer(keys, part(EVERY_CHILD, *lines, marks={"stores": None if items else [len(keys)]}, own=1))

    return OwnFleet(version, answer)


def test_lines_are_merged_in_request_order() -> None:
    merged = merge([part(0, entry("1"), None, entry("3")), part(1, None, entry("2"), None)])

    assert merged.message["jsonData"] == [entry("1"), entry("2"), entry("3")]
    assert (merged.child, merged.lost) == (EVERY_CHILD, 0)


@given(owners=st.lists(st.integers(0, 3), min_size=1, max_size=20), order=st.permutations(range(4)))
def test_every_line_is_answered_once_and_in_order_whatever_order_the_children_come_in(
    owners: list[int], order: list[int]
) -> None:
    parts = [
        part(child, *(entry(str(place)) if owner == child else None for place, owner in enumerate(owners)))
        for child in range(4)
    ]
    merged = merge([parts[child] for child in order])

    assert merged.message["jsonData"] == [entry(str(place)) for place in range(len(owners))]
    assert (merged.lost, merged.filled_in, merged.mismatched) == (0, 0, False)


def test_the_first_childs_answer_to_a_line_wins_and_a_forecast_wins_over_an_error() -> None:
    first, second = entry("1"), entry("1", 2.0)

    assert merge([part(1, second), part(0, first)]).message["jsonData"] == [first]
    assert merge([part(0, failed("1")), part(1, second)]).message["jsonData"] == [second]


def test_only_children_that_answered_a_line_say_which_fleet_it_is() -> None:
    old = rows_part(1, [0, 0], fleet_version="1", trained_through="2015-06-01")
    new = rows_part(0, [1, 1], "1", "2", fleet_version="2", trained_through="2015-06-08")

    for order in ([old, new], [new, old]):
        assert merge(order).message["meta"]["tags"] == {"fleet_version": "2", "trained_through": "2015-06-08"}
    assert (
        merge([rows_part(0, [0]), rows_part(1, [0], fleet_version="1")]).message["meta"]["tags"]["fleet_version"] == "1"
    )


def test_a_single_childs_answer_is_passed_on_with_its_index() -> None:
    merged = merge([part(2, entry("1"), fleet_version="3")])

    assert merged.message == {"jsonData": [entry("1")], "meta": {"tags": {"fleet_version": "3"}}}
    assert merged.child == 2


def test_a_line_that_nobody_can_answer_becomes_an_error() -> None:
    merged = merge([part(0, None, entry("2")), part(1, None, None)])

    assert merged.message["jsonData"][0]["error"]["code"] == "NOT_ANSWERED"
    assert merged.message["jsonData"][0]["request"] is None
    assert merged.lost == 1


def test_a_line_that_no_child_answered_is_answered_by_the_router() -> None:
    merged = merge([part(0, None, entry("2")), part(1, None, None)], own_fleet("1", "2", items=True))

    assert merged.message["jsonData"] == [entry("1", 9.0), entry("2")]
    assert (merged.lost, merged.filled_in, merged.child) == (0, 1, EVERY_CHILD)


def test_a_child_that_left_everything_is_answered_for_by_the_router() -> None:
    left = part(2, marks={"left": True, "asked": {"jsonData": [{}, {}]}, "version": None})
    merged = merge([left], own_fleet("1", "2", items=True))

    assert merged.message["jsonData"] == [entry("1", 9.0), entry("2", 9.0)]
    assert merged.child == EVERY_CHILD
    assert merge([left]).lost == 2


def test_an_answer_never_mixes_two_versions() -> None:
    old, new = part(0, entry("1"), None), part(1, None, entry("2"), marks={"version": "2"})

    for version, answered in (("1", [1.0, 9.0]), ("2", [9.0, 1.0]), ("3", [9.0, 9.0])):
        merged = merge([old, new], own_fleet("1", "2", version=version, items=True))
        assert [line["forecast"][0] for line in merged.message["jsonData"]] == answered
        assert merged.mismatched


def test_a_router_without_a_fleet_keeps_the_lines_of_one_version() -> None:
    old, new = part(0, entry("1"), None, None), part(1, None, entry("2"), None, marks={"version": "10"})
    more = part(2, None, None, entry("3"), marks={"version": "1"})

    newest = merge([old, new])
    most = merge([old, new, more])

    assert [_code(line) for line in newest.message["jsonData"]] == ["NOT_ANSWERED", None, "NOT_ANSWERED"]
    assert [_code(line) for line in most.message["jsonData"]] == [None, "NOT_ANSWERED", None]
    assert (newest.lost, newest.mismatched, most.lost) == (2, True, 1)


def _code(line: dict[str, Any]) -> object:
    return line.get("error", {}).get("code")


def test_a_challenger_is_of_another_version_and_that_is_no_mismatch() -> None:
    challenger = part(2, None, entry("2"), marks={"version": "7", "alias": "challenger"})
    merged = merge([part(0, entry("1"), None), challenger], own_fleet("1", "2", items=True))

    assert (merged.mismatched, merged.filled_in) == (False, 0)
    assert merged.message["jsonData"] == [entry("1"), entry("2")]


def test_stores_that_only_the_challenger_knows_are_no_lines_of_every_store() -> None:
    champion = part(0, entry("1"), None, marks={"stores": [2]})
    marks = {"version": "7", "alias": "challenger", "stores": [3]}
    challenger = part(2, None, entry("2"), entry("3"), marks=marks)

    for own in (own_fleet("1", "2"), None):
        merged = merge([champion, challenger], own)
        assert [line["request"]["storeId"] for line in merged.message["jsonData"][:1]] == ["1"]
        assert "3" not in str(merged.message)
        assert not merged.mismatched
    assert merge([champion, challenger], own_fleet("1", "2")).message["jsonData"] == [entry("1"), entry("2")]


def test_children_with_different_stores_are_merged_as_the_routers_fleet_has_them() -> None:
    parts = [
        part(0, entry("1"), None, entry("3"), marks={"stores": [3]}),
        part(1, None, entry("2"), marks={"stores": [2], "version": "2"}),
    ]

    assert merge(parts, own_fleet("1", "2", "3", "4")).message["jsonData"] == [
        entry("1"),
        entry("2", 9.0),
        entry("3"),
        entry("4", 9.0),
    ]


def test_children_with_different_stores_lose_no_line_without_a_fleet_of_the_routers() -> None:
    parts = [
        part(0, entry("1"), None, entry("3"), marks={"stores": [3]}),
        part(1, None, entry("2"), marks={"stores": [2]}),
    ]
    merged = merge(parts)

    assert merged.mismatched
    assert merged.message["jsonData"] == [entry("1"), entry("3"), entry("2")]


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


def test_a_childs_meta_is_taken_only_where_it_is_of_its_kind() -> None:
    message = part(0, entry("1"))
    message["meta"] |= {"puid": float("inf"), "requestPath": 5}

    assert merge([message]).message["meta"] == {"tags": {}}


def test_paths_and_tags_of_all_children_are_kept_and_marks_removed() -> None:
    one, two = part(0, entry("1"), None, a=1), part(1, None, entry("2"), a=2, b=3)
    one["meta"]["requestPath"], two["meta"]["requestPath"] = {"x": "i:1"}, {"y": "i:2"}

    assert merge([one, two]).message["meta"] == {"tags": {"a": 2, "b": 3}, "requestPath": {"x": "i:1", "y": "i:2"}}
