"""GET over HTTP within one deadline for all that is asked, whatever the server does; never to another host.

The time limit of a socket begins anew with every byte, so that a server which drips its answer would be heard for ever.
"""

import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from threading import Timer
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

MOST_BYTES = 64_000_000
"""Of one answer that is not saved."""
_OK = 200
_CHUNK_BYTES = 1_000_000


class BoundedHttp:
    """Asks servers until its time is over."""

    def __init__(self, timeout_s: float) -> None:
        """Begin the time now."""
        self._ends = time.monotonic() + timeout_s
        self._sockets: list[socket.socket] = []
        self._opener = build_opener(_NoRedirect(), _Http(self._sockets), _Https(self._sockets))

    def get(self, url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """The status of an answer and its body, at most `MOST_BYTES` of it; a redirect is an answer.

        Raises: TimeoutError: the time is over.  OSError: the server cannot be reached, or does not speak HTTP.
        """
        with self._bounded(), self._answer(url, headers) as answer:
            return answer.status, answer.read(MOST_BYTES)

    def save(self, url: str, headers: Mapping[str, str], file: Path) -> int:
        """Write what is answered into a file, and return the status; nothing is written of an answer that is not 200.

        Raises: TimeoutError: the time is over.  OSError: as `get`, or the answer broke off, or cannot be written.
        """
        with self._bounded(), self._answer(url, headers) as answer:
            status: int = answer.status
            if status == _OK:
                with file.open("wb") as stream:
                    shutil.copyfileobj(answer, stream, _CHUNK_BYTES)
                self._check_whole(file, answer.headers.get("Content-Length"))
            return status

    def _answer(self, url: str, headers: Mapping[str, str]) -> Any:  # noqa: ANN401 - a response, or an error that is one
        try:
            return self._opener.open(self._request(url, headers), timeout=self._left_s())
        except HTTPError as error:
            return error

    @staticmethod
    def _check_whole(file: Path, length: str | None) -> None:
        # A connection that ends early is no error of its own where the body is read in parts.
        if length is not None and file.stat().st_size != int(length):
            raise OSError(f"wanted {length} bytes, got {file.stat().st_size}: the answer is incomplete")

    @staticmethod
    def _request(url: str, headers: Mapping[str, str]) -> Request:
        if not url.startswith(("http://", "https://")):
            raise OSError(f"wanted an address of http or https, got {url}")
        return Request(url, headers=dict(headers))  # noqa: S310 - looked at above

    def _left_s(self) -> float:
        left_s = self._ends - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        timer = Timer(self._left_s(), self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
            self._left_s()  # a body that was cut looks whole where the server did not tell its length
        except (OSError, HTTPException) as error:
            self._left_s()
            if isinstance(error, HTTPException):
                raise OSError(f"{type(error).__name__}: {error}") from None
            raise
        finally:
            timer.cancel()
            self._sockets.clear()

    def _cut(self) -> None:
        for each in list(self._sockets):
            try:
                socket.socket.shutdown(each, socket.SHUT_RDWR)  # of the wire: TLS's own would wait for the server
            except OSError:
                continue  # it has ended


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


class _Connection(HTTPConnection):
    opened: list[socket.socket]

    def connect(self) -> None:
        super().connect()
        self.opened.append(self.sock)


class _SecureConnection(HTTPSConnection):
    opened: list[socket.socket]

    def connect(self) -> None:
        super().connect()
        self.opened.append(self.sock)


class _Http(HTTPHandler):
    def __init__(self, opened: list[socket.socket]) -> None:
        super().__init__()
        self._opened = opened

    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(self._watched, req)

    def _watched(self, host: str, /, **named: Any) -> HTTPConnection:  # noqa: ANN401 - urllib's own
        connection = _Connection(host, **named)
        connection.opened = self._opened
        return connection


class _Https(HTTPSHandler):
    def __init__(self, opened: list[socket.socket]) -> None:
        super().__init__()
        self._opened = opened

    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(self._watched, req)

    def _watched(self, host: str, /, **named: Any) -> HTTPConnection:  # noqa: ANN401 - urllib's own
        connection = _SecureConnection(host, **named)
        connection.opened = self._opened
        return connection
