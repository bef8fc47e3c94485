"""Kept connections to nodes that were closed meanwhile: what may be sent again is, as Go does."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest
from support.graph.running_engines import PATIENCE_S, PREDICTIONS, config, model, running
from support.raw_http import Message, ask, read_body, read_head

STATUS = "/api/v1.0/status/m"


class Forgetful:
    """A node that answers the first request of some connections, and closes them when the second one comes."""

    def __init__(self, *, first_too: bool = False, resets: bool = False) -> None:
        self.seen: list[tuple[int, str]] = []
        self._first_too, self._resets, self._connections = first_too, resets, 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        mine, asked = self._connections, 0
        try:
            while True:
                (method, _, _), headers = await read_head(reader)
                await read_body(reader, headers, to_the_end=False)
                self.seen.append((mine, method))
                asked += 1
                if asked > 1 or self._first_too:
                    break
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        except asyncio.IncompleteReadError:
            pass
        if self._resets:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.close()


def twice(node: Forgetful, send: Callable[[int], Awaitable[Message]]) -> list[Message]:
    async def run() -> list[Message]:
        server = await asyncio.start_server(node, "127.0.0.1", 0)
        async with asyncio.timeout(PATIENCE_S), running(config(model(server.sockets[0].getsockname()[1]))) as engine:
            answers = [await send(engine.port) for _ in range(2)]
        server.close()
        return answers

    return asyncio.run(run())


def getting(port: int) -> Awaitable[Message]:
    return ask(port, "GET", STATUS, [], None, chunked=False)


def posting(*headers: tuple[str, str]) -> Callable[[int], Awaitable[Message]]:
    return lambda port: ask(port, "POST", PREDICTIONS, list(headers), b"{}", chunked=False)


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize(
    ("send", "method"),
    [(getting, "GET"), (posting(("Idempotency-Key", "1")), "POST"), (posting(("X-Idempotency-Key", "")), "POST")],
)
def test_what_may_be_repeated_is_sent_again_where_a_kept_connection_was_closed(
    send: Callable[[int], Awaitable[Message]], method: str, *, resets: bool
) -> None:
    node = Forgetful(resets=resets)

    assert [answer.start[1] for answer in twice(node, send)] == ["200", "200"]
    assert node.seen == [(1, method), (1, method), (2, method)]


def test_a_prediction_is_never_sent_twice() -> None:
    node = Forgetful()
    first, second = twice(node, posting())

    assert (first.start[1], second.start[1]) == ("200", "500")
    assert json.loads(second.body)["status"]["info"].endswith('/predict": EOF')
    assert node.seen == [(1, "POST"), (1, "POST")]


def test_a_new_connection_that_is_closed_is_no_stale_one() -> None:
    node = Forgetful(first_too=True)

    assert [answer.start[1] for answer in twice(node, getting)] == ["500", "500"]
    assert node.seen == [(1, "GET"), (2, "GET")]
