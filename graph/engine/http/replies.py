"""The answers to clients: status, headers and body exactly as the executor writes them."""

from http import HTTPStatus

from aiohttp import hdrs, web
from multidict import CIMultiDict

from graph.engine.core.errors import CallFailedError
from graph.engine.core.headers import PUID
from graph.engine.core.payload import Payload, client_body, error_body, html_escaped
from graph.engine.go import sniff
from graph.engine.http.routes import Route

_BODYLESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_NOT_FOUND_BODY = b"404 page not found\n"

ReplyHeaders = CIMultiDict[str]


class CommonHeaders:
    """Headers on every answer of a known path.

    Args:
        deployment, namespace: name the answer as a CloudEvent.
        cors_origins, cors_headers: values of the CORS headers.
    """

    def __init__(self, *, deployment: str, namespace: str, cors_origins: str, cors_headers: str) -> None:
        self._source = f"seldon.{deployment}"
        self._kind = f"seldon.{deployment}.{namespace}.response"
        self._cors = {
            "Access-Control-Allow-Origin": cors_origins,
            "Access-Control-Allow-Headers": cors_headers,
            "X-Content-Type-Options": "nosniff",
        }

    def of(self, request: web.BaseRequest, route: Route, puid: str) -> ReplyHeaders:
        """The headers for this request."""
        headers = CIMultiDict(self._cors)
        headers[PUID] = puid
        if route.methods:
            headers["Access-Control-Allow-Methods"] = ",".join(route.methods)
        if "Ce-Specversion" in request.headers:
            headers["Ce-Id"] = puid
            headers["Ce-Specversion"] = "0.3"
            headers["Ce-Path"] = request.path
            headers["Ce-Type"] = self._kind
            headers["Ce-Source"] = self._source
        return headers


def answer(payload: Payload, headers: ReplyHeaders) -> web.Response:
    """A 200 with the payload, escaped unless it is encoded."""
    headers[hdrs.CONTENT_TYPE] = payload.content_type
    if payload.content_encoding:
        headers[hdrs.CONTENT_ENCODING] = payload.content_encoding
    return web.Response(status=HTTPStatus.OK, body=client_body(payload), headers=headers)


def failure(error: CallFailedError, headers: ReplyHeaders) -> web.Response:
    """The failure's status, with the node's answer or the executor's own error.

    The executor sets the Content-Type too late, so Go guesses it from the bytes; an empty body has none.
    """
    body = client_body(error.payload) if error.payload is not None else html_escaped(error_body(error.info))
    if error.status in _BODYLESS:
        body = b""
    if body:
        headers[hdrs.CONTENT_TYPE] = sniff.content_type(body)
    return web.Response(status=error.status, body=body, headers=headers)


def empty(status: int, headers: ReplyHeaders | None = None) -> web.Response:
    """A status and nothing else."""
    return web.Response(status=status, body=b"", headers=headers)


def page(body: bytes, content_type: str, headers: ReplyHeaders) -> web.Response:
    """A 200 with a body of the engine's own."""
    headers[hdrs.CONTENT_TYPE] = content_type
    return web.Response(status=HTTPStatus.OK, body=body, headers=headers)


def not_found(headers: ReplyHeaders | None = None) -> web.Response:
    """Go's 404 page."""
    given = headers if headers is not None else CIMultiDict({"X-Content-Type-Options": "nosniff"})
    given[hdrs.CONTENT_TYPE] = sniff.PLAIN_TEXT
    return web.Response(status=HTTPStatus.NOT_FOUND, body=_NOT_FOUND_BODY, headers=given)
