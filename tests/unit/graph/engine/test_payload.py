"""Escaping, Go's JSON, and the content type guessed from bytes."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.engine.core.payload import Payload, client_body, error_body, html_escaped
from graph.engine.go import json as gojson
from graph.engine.go import json_scan as goscan
from graph.engine.go import sniff

json_texts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=10,
)


@given(json_texts)
def test_escaping_never_changes_what_a_json_text_says(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert json.loads(html_escaped(text)) == json.loads(text)


@given(st.binary())
def test_an_escaped_body_has_no_sign_that_html_would_read(body: bytes) -> None:
    assert not set(html_escaped(body)) & set(b"<>&")


def test_line_and_paragraph_separators_are_escaped() -> None:
    assert html_escaped("a\u2028b\u2029c\u2030".encode()) == "a\\u2028b\\u2029c\u2030".encode()


def test_an_encoded_body_is_left_alone() -> None:
    assert client_body(Payload(b"<&>", "application/json", "br")) == b"<&>"


def test_the_error_message_is_the_executors() -> None:
    body = error_body('say "<hi>"\n')
    assert body == b'{"status":{"code":500,"info":"say \\"\\u003chi\\u003e\\"\\n","status":"FAILURE"}}'


@given(json_texts)
def test_go_json_reads_back_as_the_same_value(value: object) -> None:
    # Numbers go through float64 on purpose, so the comparison does too.
    assert json.loads(gojson.encode(value), parse_int=float) == json.loads(json.dumps(value), parse_int=float)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (0.5, "0.5"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.25e-10, "1.25e-10"),
        (123456789012345678.0, "123456789012345680"),
        (-0.0, "-0"),
    ],
)
def test_numbers_are_laid_out_as_in_go(number: float, text: str) -> None:
    assert gojson.number_text(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_back_as_itself(number: float) -> None:
    assert float(gojson.number_text(number)) == number


def test_infinity_is_no_json_number() -> None:
    with pytest.raises(gojson.GoSyntaxError, match="range"):
        gojson.number_text(math.inf)


@given(json_texts.map(json.dumps).map(str.encode), st.integers(min_value=0), st.binary(max_size=2))
def test_the_scanner_and_the_fast_check_agree_on_damaged_json(text: bytes, place: int, patch: bytes) -> None:
    at = place % (len(text) + 1)
    damaged = text[:at] + patch + text[at + 1 :]
    try:
        goscan.check(damaged)
        scanned = True
    except goscan.GoSyntaxError:
        scanned = False
    assert gojson.is_valid(damaged) == scanned


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "unexpected end of JSON input"),
        (b'{"a"', "unexpected end of JSON input"),
        (b"{,", "invalid character ',' looking for beginning of object key string"),
        (b'{"a" 1', "invalid character '1' after object key"),
        (b'{"a":1 "b"', "invalid character '\"' after object key:value pair"),
        (b"[1 2", "invalid character '2' after array element"),
        (b"[1,]", "invalid character ']' looking for beginning of value"),
        (b'"a\n"', "invalid character '\\n' in string literal"),
        (b'"\\x"', "invalid character 'x' in string escape code"),
        (b'"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"),
        (b"-a", "invalid character 'a' in numeric literal"),
        (b"1.x", "invalid character 'x' after decimal point in numeric literal"),
        (b"1e+", "unexpected end of JSON input"),
        (b"1ex", "invalid character 'x' in exponent of numeric literal"),
        (b"trye", "invalid character 'y' in literal true (expecting 'u')"),
        (b"{} {}", "invalid character '{' after top-level value"),
        (b"\x01", "invalid character '\\x01' looking for beginning of value"),
        (b"'", "invalid character '\\'' looking for beginning of value"),
        (b"\xff", "invalid character 'ÿ' looking for beginning of value"),
        (b"[" * 10_001, "exceeded max depth"),
    ],
)
def test_broken_json_is_described_in_the_words_of_go(text: bytes, message: str) -> None:
    with pytest.raises(goscan.GoSyntaxError) as failed:
        goscan.check(text)
    assert str(failed.value) == message


@pytest.mark.parametrize("body", [b'"\xff"', b"[" * 5000 + b"]" * 5000, b"9" * 6000, b' {"a":1e999}\n'])
def test_go_takes_what_python_would_stumble_over(body: bytes) -> None:
    assert gojson.is_valid(body)


@pytest.mark.parametrize(
    "body", [b"NaN", b"[Infinity]", b"{} {}", b"", b"\xef\xbb\xbf{}", b"[" * 20_000 + b"]" * 20_000]
)
def test_go_refuses_what_python_would_take(body: bytes) -> None:
    assert not gojson.is_valid(body)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"a":1}', "text/plain; charset=utf-8"),
        (b"", "text/plain; charset=utf-8"),
        (b"  <!doctype html>", "text/html; charset=utf-8"),
        (b"<p >", "text/html; charset=utf-8"),
        (b"<pre>", "text/plain; charset=utf-8"),
        (b'\n<?xml version="1.0"?>', "text/xml; charset=utf-8"),
        (b"\xff\xfea\x00", "text/plain; charset=utf-16le"),
        (b"\xef\xbb\xbf\x00", "text/plain; charset=utf-8"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF1234WEBPVP8 ", "image/webp"),
        (b"\x1f\x8b\x08\x00", "application/x-gzip"),
        (b"%PDF-1.7", "application/pdf"),
        (b"\x00\x00\x00\x10ftypmp42\x00\x00\x00\x00", "video/mp4"),
        (b"\x00\x00\x00\x14ftypisom\x00\x00\x00\x00mp41", "video/mp4"),
        (b"\x00\x00\x00\x10ftypqt  mp42", "application/octet-stream"),
        (b"x" * 600 + b"\x00", "text/plain; charset=utf-8"),
        (b"a\x00b", "application/octet-stream"),
    ],
)
def test_the_content_type_is_guessed_as_in_go(body: bytes, content_type: str) -> None:
    assert sniff.content_type(body) == content_type


@given(st.binary(max_size=40))
def test_any_bytes_have_a_content_type(body: bytes) -> None:
    assert "/" in sniff.content_type(body)
