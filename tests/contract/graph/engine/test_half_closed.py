"""Clients that have sent all that they will, and shut their side of the connection down."""

import asyncio
import json

import pytest
from support.graph.running_engines import PREDICTIONS, config, model, running, said_to, scripted

STATUS = "/api/v1.0/status/m"
POST = f"POST {PREDICTIONS} HTTP/1.1\r\nHost: x\r\nSeldon-Puid: p\r\n".encode()


def half_closed(*parts: bytes) -> bytes:
    async def run() -> bytes:
        nodes = {"m": {"/predict": {"body": '{"from":"m"}', "delay_ms": 50}, "/health/status": {"body": "{}"}}}
        async with scripted(nodes) as nodes_up, running(config(model(nodes_up.ports["m"]))) as engine:
            return await said_to(engine.port, *parts, half_close=True)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "request_bytes",
    [
        POST + b"Content-Length: 2\r\n\r\n{}",
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        POST + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}",
        f"GET {STATUS} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    ],
)
def test_a_client_that_has_shut_its_side_down_gets_its_answer(request_bytes: bytes) -> None:
    answer = half_closed(request_bytes)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith((b'{"from":"m"}', b"{}"))


def test_all_requests_that_came_before_the_end_are_answered() -> None:
    answer = half_closed(*[POST + b"Content-Length: 2\r\n\r\n{}"] * 3)

    assert answer.count(b"HTTP/1.1 200 OK\r\n") == answer.count(b'{"from":"m"}') == 3


@pytest.mark.parametrize("framing", [b"Content-Length: 20\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"])
def test_a_body_that_ends_early_is_said_to(framing: bytes) -> None:
    head, _, body = half_closed(POST + framing).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 500 ")
    assert json.loads(body)["status"]["info"] == "unexpected EOF"
