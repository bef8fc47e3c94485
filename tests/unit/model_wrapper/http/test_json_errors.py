"""Why a body is no JSON: one line that a client can act on, and nothing of the body in it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.serving.malformed import JSON, UNREADABLE

from model_wrapper.http.json_errors import meta_before_the_break, why_unreadable

BODIES = [(body, said) for _, body, kind, said in UNREADABLE if kind == JSON]


@pytest.mark.parametrize(("body", "said"), BODIES)
def test_a_body_that_is_no_json_says_why_and_where(body: bytes, said: str) -> None:
    assert said.partition("got ")[2] == why_unreadable(body)


@given(st.binary(max_size=50) | st.text(alphabet='{}[]",:\\u0189ndtfe+-. ', max_size=50).map(str.encode))
def test_every_body_is_described_in_a_short_line_of_ascii(body: bytes) -> None:
    said = why_unreadable(body)

    assert said.isascii()
    assert said.isprintable()
    assert 0 < len(said) < 150


META = {"puid": "order 77", "tags": {"customer": 57, "list": [12, "a"], "deep": {"x": 1.25}}}


@pytest.mark.parametrize("before", ["", "\ufeff", '\n"x": [1, 2],\n '], ids=["first", "byte order mark", "third line"])
@given(data=st.data())
def test_of_a_body_that_is_cut_off_anywhere_the_meta_is_given_back_whole_or_without_what_was_cut(
    before: str, data: st.DataObject
) -> None:
    mark, fields = (before, "") if before == "\ufeff" else ("", before)
    body = f'{mark}{{{fields}"meta": {json.dumps(META)}, "jsonData": {{"storeId": "4"}}}}'.encode()
    cut = data.draw(st.integers(0, len(body)))
    found = meta_before_the_break(body[:cut])

    assert found in ({}, {"puid": META["puid"]}, META)
    assert found == META or cut < body.index(b"storeId")


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:meta puid1\u0189', max_size=60).map(str.encode))
def test_no_body_is_too_broken_to_be_looked_at(body: bytes) -> None:
    assert isinstance(meta_before_the_break(body), dict)
    assert isinstance(meta_before_the_break(b'{"meta": ' + body), dict)


def test_a_body_nested_without_end_is_looked_at_and_gives_nothing() -> None:
    assert meta_before_the_break(b'{"meta": ' + b"[" * 100_000) == {}
