"""Requests as Go's `net/http` server reads them: what it takes, what it refuses, and in which words.

aiohttp's own parser cuts the stream; the request line and the headers are judged here. Bytes that are not UTF-8 are
kept in texts as Python's `surrogateescape` does.

Source: the answers of a Go server to the requests in tests/contract/test_engine_garbage.py.
"""

import re
from functools import lru_cache
from typing import Any, Final

from aiohttp import HttpVersion, HttpVersion10, HttpVersion11
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.http_parser import HeadersParser, HttpRequestParserPy, RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.typedefs import RawHeaders
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from graph.engine.go.url import GoUrl, UrlError

_TOKEN: Final = re.compile(rb"[0-9A-Za-z!#$%&'*+\-.^_`|~]+")
_VERSION: Final = re.compile(r"HTTP/([0-9])\.([0-9])")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_BLANK: Final = b" \t"
# More bytes than a signed 64-bit number counts are no length to Go.
_LENGTH: Final = re.compile(r"0*[0-9]{1,18}")
_PLAIN: Final = "400 Bad Request"
_USUAL_LENGTH: Final = 200


class RefusedRequestError(BadHttpMessage):
    """What Go's server does not take.

    Args:
        reason: why, for the log: never what was sent.
        status: Go's status line without the version.
        body: what Go says; empty = the status.
    """

    def __init__(self, reason: str, status: str = _PLAIN, body: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.body = body or status


class _Headers(HeadersParser):
    def parse_headers(self, lines: list[bytes]) -> tuple[CIMultiDictProxy[str], RawHeaders]:
        """The headers of lines up to an empty one; one that is repeated stays repeated."""
        pairs: list[tuple[bytes, bytes]] = []
        for line in lines:
            if not line:
                break
            if line[:1] in (b" ", b"\t"):
                if not pairs:
                    raise RefusedRequestError("a header that begins with a space")
                name, value = pairs.pop()
                pairs.append((name, value + b" " + line.strip(_BLANK)))
                continue
            name, colon, value = line.partition(b":")
            if not colon or (_TOKEN.fullmatch(name) is None and _TOKEN.fullmatch(name.replace(b" ", b"")) is None):
                raise RefusedRequestError("a line that is not a header")
            if b" " in name:
                raise RefusedRequestError("a space in the name of a header", f"{_PLAIN}: invalid header name")
            pairs.append((name, value.strip(_BLANK)))
        if any(_CONTROL.search(value) for _, value in pairs):
            raise RefusedRequestError("a control character in a header")
        headers = CIMultiDict((name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in pairs)
        return CIMultiDictProxy(_framed(headers)), tuple(pairs)


def _framed(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """The headers with one way of saying where the body ends."""
    encodings = headers.getall("Transfer-Encoding", ())
    if encodings:
        if [each.lower() for each in encodings] != ["chunked"]:
            raise RefusedRequestError(
                "an unknown transfer encoding", "501 Not Implemented", "Unsupported transfer encoding"
            )
        headers.popall("Content-Length", None)
    lengths = headers.getall("Content-Length", ())
    if len(set(lengths)) > 1 or not all(_LENGTH.fullmatch(each) for each in lengths):
        raise RefusedRequestError("a Content-Length that is not a number")
    if len(lengths) > 1:
        headers["Content-Length"] = lengths[0]
    return headers


class RequestParser(HttpRequestParserPy):
    """aiohttp's parser with the judgement of Go's server."""

    # Lines may end as in Unix.
    lax = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - whatever aiohttp's takes
        super().__init__(*args, **kwargs)
        self._headers_parser = _Headers(self.max_line_size, self.max_headers, self.max_field_size)

    @property
    def within_head(self) -> bool:
        """Whether a request has begun whose headers are not all there."""
        return self._payload_parser is None and bool(self._lines or self._tail)

    def feed_data(
        self, data: bytes, *_args: object, **_kwargs: object
    ) -> tuple[list[tuple[RawRequestMessage, StreamReader]], bool, bytes]:
        """Take what has arrived; returns the requests that are complete up to their body.

        Raises: RefusedRequestError: as soon as the line is seen that Go does not take.
        """
        if self._payload_parser is None and not self.within_head and data.startswith((b"\r\n", b"\n")):
            raise RefusedRequestError("an empty line instead of a request")
        found = super().feed_data(data, b"\n")
        if self._lines and not found[0]:
            _request_line(self._lines[0])
        return found

    def parse_message(self, lines: list[bytes]) -> RawRequestMessage:
        """The request of a head.

        Raises: RefusedRequestError: Go takes no such request.
        """
        method, target, version, url = _request_line(lines[0])
        headers, raw_headers, close, encoding, upgrade, chunked = self.parse_headers(lines[1:])
        hosts = headers.getall("Host", ())
        if version >= HttpVersion11 and not hosts:
            raise RefusedRequestError("no header Host", f"{_PLAIN}: missing required Host header")
        if len(hosts) > 1:
            raise RefusedRequestError("more than one header Host")
        if close is None:
            close = version <= HttpVersion10
        return RawRequestMessage(method, target, version, headers, raw_headers, close, encoding, upgrade, chunked, url)

    def _is_chunked_te(self, te: str) -> bool:
        return te.lower() == "chunked"


def _request_line(line: bytes) -> tuple[str, str, HttpVersion, URL]:
    """Method, target, version and url of a request line: of the few that clients repeat, from memory."""
    return _usual_line(line) if len(line) <= _USUAL_LENGTH else _judged_line(line)


def _judged_line(line: bytes) -> tuple[str, str, HttpVersion, URL]:
    method, first, rest = line.partition(b" ")
    target, second, spoken = rest.decode("utf-8", "surrogateescape").partition(" ")
    version = _VERSION.fullmatch(spoken)
    if not (first and second and version and _TOKEN.fullmatch(method)):
        raise RefusedRequestError("a request line that is not HTTP")
    if version[1] != "1":
        status = "505 HTTP Version Not Supported: unsupported protocol version"
        raise RefusedRequestError("a version of HTTP that is not supported", status)
    named = f"http://{target}" if method == b"CONNECT" and not target.startswith("/") else target
    try:
        found = GoUrl.parse(named, of_request=True)
    except UrlError as error:
        raise RefusedRequestError("a target that is not a URL") from error
    url = URL.build(path=found.path or "/", query_string=found.query or "", encoded=True)
    return method.decode(), target, HttpVersion10 if version[2] == "0" else HttpVersion11, url


_usual_line = lru_cache(maxsize=256)(_judged_line)
