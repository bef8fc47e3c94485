"""An HTTP client that costs next to nothing, so that what is timed is the server: one kept connection, raw bytes."""

import json
import socket
import threading
import time
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np

OK = 200
_TIMEOUT_S = 60.0
_CHUNK = 1 << 16


class Connection:
    """One connection to a server that answers with Content-Length; made again when the server closes it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 0)
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def ask(self, question: bytes) -> bytes:
        """Send a request, return the body.

        Raises: RuntimeError: any status but 200, with the body.
        """
        if self._socket is None:
            self._socket = socket.create_connection((self._host, self._port), timeout=_TIMEOUT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(question)
        head, body, is_closed = self._answer(self._socket)
        if is_closed:
            self._close()
        if int(head[9:12]) != OK:
            raise RuntimeError(f"wanted 200, got {head[:80]!r}: {body[:500]!r}")
        return body

    def _answer(self, connection: socket.socket) -> tuple[bytes, bytes, bool]:
        got = b""
        while b"\r\n\r\n" not in got:
            got += _received(connection)
        head, _, rest = got.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        parts, left = [rest], int(fields[b"content-length"]) - len(rest)
        while left > 0:
            parts.append(_received(connection))
            left -= len(parts[-1])
        return head, b"".join(parts), fields.get(b"connection") == b"close"

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _received(connection: socket.socket) -> bytes:
    part = connection.recv(_CHUNK)
    if not part:
        raise RuntimeError("wanted an answer, got a closed connection")
    return part


def request(path: str, message: dict[str, Any]) -> bytes:
    """A POST as bytes."""
    body = json.dumps(message).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def latencies_s(url: str, questions: list[bytes]) -> list[float]:
    """Seconds of each question, asked one after the other."""
    times = []
    with Connection(url) as connection:
        for question in questions:
            begun = time.perf_counter()
            connection.ask(question)
            times.append(time.perf_counter() - begun)
    return times


def requests_a_second(url: str, questions: list[bytes], clients: int) -> float:
    """Throughput of so many clients that share the questions, each asking as soon as it is answered.

    Raises: RuntimeError: one of them was not answered.
    """
    failures: list[Exception] = []

    def work(mine: list[bytes]) -> None:
        try:
            latencies_s(url, mine)
        except (RuntimeError, OSError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(questions[place::clients],)) for place in range(clients)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(f"{len(failures)} clients failed; the first: {failures[0]}")
    return len(questions) / (time.perf_counter() - begun)


def percentile_ms(times_s: list[float], share: float) -> float:
    """A percentile in milliseconds."""
    return float(np.percentile(times_s, share)) * 1000
