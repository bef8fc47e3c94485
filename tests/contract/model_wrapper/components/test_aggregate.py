"""The router's aggregate, given messages of strangers: an answer or a 400, never anything else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fleets import small_fleet
from support.serving.hostile_messages import MESSAGES

from model_wrapper import StoreRouter
from model_wrapper.seldon import protobuf_bridge
from model_wrapper.settings import Settings

BAD_REQUEST = 400
NAMES = st.sampled_from(["request", "storeId", "error", "forecast", "line"])
PART = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["x", "4", "error:X"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
MARKS = PART | st.fixed_dictionaries(
    {}, optional={"asked": MESSAGES, **dict.fromkeys(("child", "rows", "stores", "version", "alias", "left"), PART)}
)
TAGS = PART | st.fixed_dictionaries({"storecast": MARKS}, optional={"errors": PART})
TABLE = st.fixed_dictionaries({"ndarray": PART | st.lists(st.lists(PART, min_size=6, max_size=6))})
MESSAGE = st.fixed_dictionaries(
    {"meta": PART | st.fixed_dictionaries({"tags": TAGS})},
    optional={"jsonData": PART | st.lists(PART), "data": PART | TABLE},
)


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> StoreRouter:
    protobuf_bridge.install()
    path: Path = small_fleet(tmp_path_factory.mktemp("fleet") / "fleet")
    component = StoreRouter(Settings(fleet_uri=str(path), reload_seconds=0))
    component.load()
    return component


@given(messages=st.lists(MESSAGE, max_size=3) | MESSAGES)
def test_messages_of_strangers_are_merged_or_refused(router: StoreRouter, messages: object) -> None:
    from seldon_core.flask_utils import SeldonMicroserviceException  # noqa: PLC0415 - the bridge must be in place first

    try:
        merged = router.aggregate_raw(messages)
    except SeldonMicroserviceException as refusal:
        assert refusal.status_code == BAD_REQUEST  # noqa: PT017 - most messages are refused, some are merged
    else:
        assert {"jsonData", "data"} & merged.keys()


@pytest.mark.parametrize(
    "message",
    [
        {"jsonData": [None], "meta": {"tags": {"storecast": {"child": 0}, "errors": [{"line": float("inf")}]}}},
        {"data": {"ndarray": []}, "meta": {"tags": {"storecast": {"rows": [10]}}}},
        {"data": {"ndarray": []}, "meta": {"tags": {"storecast": {"rows": [10**400]}}}},
        {"jsonData": None, "meta": {"tags": {"storecast": {"child": []}}}},
        {"jsonData": [], "meta": {"tags": {"storecast": {"child": True}}}},
    ],
    ids=[
        "a line without end",
        "rows that lack rows",
        "more rows than can be counted",
        "a list for a child",
        "a truth for a child",
    ],
)
def test_marks_that_no_child_would_set_are_refused(router: StoreRouter, message: dict[str, object]) -> None:
    from seldon_core.flask_utils import SeldonMicroserviceException  # noqa: PLC0415 - the bridge must be in place first

    with pytest.raises(SeldonMicroserviceException) as caught:
        router.aggregate_raw({"seldonMessages": [message]})

    assert caught.value.status_code == BAD_REQUEST


@pytest.mark.parametrize("child", [-7, 9, 10**30])
def test_feedback_is_never_sent_to_a_child_that_the_graph_does_not_have(router: StoreRouter, child: int) -> None:
    message = {"jsonData": [], "meta": {"tags": {"storecast": {"child": child}}}}

    assert router.aggregate_raw({"seldonMessages": [message]})["meta"]["routing"] == {"router": -1}
