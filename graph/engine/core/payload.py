"""What travels between nodes: bytes with their labels, parsed only where the graph's meaning needs it."""

from dataclasses import dataclass

from graph.engine.go import json as gojson

_HTML_ESCAPES = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)


@dataclass(frozen=True, slots=True)
class Payload:
    """A message as a node sent it: body, Content-Type, and Content-Encoding when the body is still encoded."""

    body: bytes
    content_type: str
    content_encoding: str = ""


def html_escaped(body: bytes) -> bytes:
    """The body with `<`, `>`, `&`, U+2028 and U+2029 as JSON escapes, whatever the body is: JSON or not.

    Source: the executor writes every answer through Go's `json.HTMLEscape`.
    """
    for plain, escape in _HTML_ESCAPES:
        body = body.replace(plain, escape)
    return body


def client_body(payload: Payload) -> bytes:
    """The bytes that go to the client: escaped, or untouched when they are encoded."""
    return payload.body if payload.content_encoding else html_escaped(payload.body)


def error_body(info: str) -> bytes:
    """The executor's own error message: the code is always 500, and there is no reason."""
    return b'{"status":{"code":500,"info":' + gojson.encode(info) + b',"status":"FAILURE"}}'
