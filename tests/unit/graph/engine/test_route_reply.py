"""What a router's answer means."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from graph.engine.core.errors import CallFailedError, ExecutorPanicError
from graph.engine.walk.feedback import routing_of
from graph.engine.walk.route_reply import ALL_CHILDREN, NO_CHILD, route_index

MIN_INT64 = -(2**63)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "data", "ndarray"]), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("body", "index"),
    [
        (b'{"data":{"ndarray":[[1]]}}', 1),
        (b'{"data":{"ndarray":[1.9]}}', 1),
        (b'{"data":{"ndarray":[-0.9]}}', 0),
        (b'{"data":{"ndarray":["1"]}}', 0),
        (b'{"data":{"ndarray":[true]}}', 0),
        (b'{"data":{"ndarray":[null, 7]}}', 0),
        (b'{"data":{"ndarray":[[-2]]}}', NO_CHILD),
        (b'{"data":{"tensor":{"values":["2"]}}}', 2),
        (b'{"data":{"tftensor":{"dtype":"DT_INT32","intVal":[3]}}}', 3),
        (b'{"data":{"tftensor":{"int_val":[3]}}}', 3),
        (b'{"data":{}}', ALL_CHILDREN),
        (b'{"data":{"ndarray":null}}', ALL_CHILDREN),
        (b'{"data":{"ndarray":[[1]]}} and more', 1),
        (b'{"data":{"ndarray":[5],"tensor":{"values":[6]}}}', 5),
        (b'{"data":{"ndarray":[5]},"strData":null}', 5),
        (b"[4]", 4),
        (b"[null]", 0),
        (b'{"data":{"ndarray":[1e300]}}', MIN_INT64),
        (b'{"data":{"tensor":{"values":["NaN"]}}}', MIN_INT64),
    ],
)
def test_a_readable_answer_gives_its_first_index(body: bytes, index: int) -> None:
    assert route_index(body) == index


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"null",
        b"[]",
        b'{"jsonData":null}',
        b'{"data":null}',
        b'{"strData":"1"}',
        b'{"data":{"ndarray":[]}}',
        b'{"data":{"ndarray":[[1],[]]}}',
        b'{"data":{"tensor":{}}}',
        b'{"data":{"tftensor":{"int64Val":[1]}}}',
        b'{"jsonData":{"a":1},"data":{"ndarray":[1]}}',
    ],
)
def test_an_answer_without_an_index_is_where_the_executor_panics(body: bytes) -> None:
    with pytest.raises(ExecutorPanicError):
        route_index(body)


@pytest.mark.parametrize(
    ("body", "info"),
    [
        (b"", "unexpected end of JSON input"),
        (b"hello", "invalid character 'h' looking for beginning of value"),
        (b"[1] x", "invalid character 'x' after top-level value"),
        (b"[1.0]", "json: cannot unmarshal number 1.0 into Go value of type int"),
        (b"[99999999999999999999]", "json: cannot unmarshal number 99999999999999999999 into Go value of type int"),
        (b'["a"]', "json: cannot unmarshal string into Go value of type int"),
        (b"1", "json: cannot unmarshal number into Go value of type []int"),
        (b"true", "json: cannot unmarshal bool into Go value of type []int"),
        (b'{"data":{"ndarray":[1e400]}}', "json: cannot unmarshal object into Go value of type []int"),
        (b'{"status":{"code":2147483648}}', "json: cannot unmarshal object into Go value of type []int"),
        (b'{"meta":{"routing":{"a":1.0}}}', "json: cannot unmarshal object into Go value of type []int"),
        (b'{"binData":"not base64"}', "json: cannot unmarshal object into Go value of type []int"),
        (b'{"customData":{"@type":"x"}}', "json: cannot unmarshal object into Go value of type []int"),
        (b'{"data":{"ndarray":[NaN]}}', "invalid character 'N' looking for beginning of value"),
    ],
)
def test_an_unreadable_answer_fails_with_the_text_of_go(body: bytes, info: str) -> None:
    with pytest.raises(CallFailedError) as failed:
        route_index(body)
    assert failed.value.info == info
    assert failed.value.status == 500


@given(st.binary(max_size=60) | json_values.map(lambda value: repr(value).replace("'", '"').encode()))
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"data":{"ndarray":' + b"[" * 950 + b"]" * 950 + b"}}")
@example(b"[" + b"9" * 5000 + b"]")
@example(b'{"data":{"ndarray":[' + b"9" * 5000 + b"]}}")
@example(b'{"status":{"code":' + b"9" * 5000 + b"}}")
@example(b'{"data":{"names":["\xff\xfe"],"ndarray":[1]}}')
@example(b'{"meta":{"tags":{"\\ud800":1}},"data":{"ndarray":[1]}}')
def test_any_bytes_give_an_index_or_one_of_the_two_named_errors(body: bytes) -> None:
    try:
        found: object = route_index(body)
    except (CallFailedError, ExecutorPanicError) as error:
        found = error
    assert isinstance(found, (int, CallFailedError, ExecutorPanicError))


@pytest.mark.parametrize(
    ("body", "routing"),
    [
        (b'{"response":{"meta":{"routing":{"r":1,"s":"2"}}},"reward":1}', {"r": 1, "s": 2}),
        (b'{"response":{"meta":{"routing":{"r":1}}},"reward":"0.5"} trailing', {"r": 1}),
        ('{"response":{"meta":{"routing":{"größe":3}}}}'.encode(), {"größe": 3}),
        (b'{"response":{"meta":{"routing":{"r":1.0}}}}', {}),
        (b'{"response":{"meta":{"routing":{"r":1}}},"foo":1}', {}),
        (b'{"response":{"meta":{"routing":{"r":1}}},"reward":1e39}', {}),
        (b'{"reward":1}', {}),
        (b"hello", {}),
    ],
)
def test_feedback_is_routed_only_when_the_whole_of_it_decodes(body: bytes, routing: dict[str, int]) -> None:
    assert dict(routing_of(body)) == routing


@given(st.binary(max_size=60))
@example(b'{"truth":' * 50_000)
def test_any_bytes_have_a_feedback_routing(body: bytes) -> None:
    assert all(isinstance(index, int) for index in routing_of(body).values())
