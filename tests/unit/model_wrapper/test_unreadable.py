"""Why a body is no JSON: one line that a client can act on, and nothing of the body in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.malformed import JSON, UNREADABLE

from model_wrapper.unreadable import why_unreadable

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
