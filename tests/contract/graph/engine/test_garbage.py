"""What Go's HTTP server says to bytes that are no request of HTTP, and what it lets pass; so does the engine."""

import asyncio
import logging
from contextlib import closing, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.graph.running_engines import config, running, said_to

from graph.engine import GraphEngine

PLAIN = "400 Bad Request"
SECRET = b"garbage-that-nobody-repeats"
LIVE = b"GET /live HTTP/1.1\r\nHost: x\r\n"


def refusal(status: str = PLAIN, body: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    return (head + (body or status)).encode()


def answers(*parts: bytes, half_close: bool = False) -> bytes:
    async def run() -> bytes:
        async with running(config({"name": "x"})) as engine:
            return await said_to(engine.port, *parts, half_close=half_close)

    return asyncio.run(run())


GARBAGE = {
    "a word": SECRET + b"\r\n",
    "two lines": SECRET + b"\r\n\r\n",
    "a line of Unix": SECRET + b"\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SECRET + b"\r\n",
    "zeros": b"\x00\x00\x00\x00\n\n",
    "an empty line": b"\r\n\r\n",
    "no version": b"GET /" + SECRET + b"\r\nHost: x\r\n\r\n",
    "another protocol": b"GET /" + SECRET + b" HTTQ/1.1\r\nHost: x\r\n\r\n",
    "a blank in the target": b"GET /a " + SECRET + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "no method": b"@ /" + SECRET + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target without a slash": b"GET " + SECRET + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "no target": b"GET  HTTP/1.1\r\nHost: x\r\n\r\n",
    "a wrong escape": b"GET /%zz" + SECRET + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in the target": b"GET /a\x00" + SECRET + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in a header": LIVE + b"X: \x00" + SECRET + b"\r\n\r\n",
    "a header without a colon": LIVE + SECRET + b"\r\n\r\n",
    "a header without a name": LIVE + b": " + SECRET + b"\r\n\r\n",
    "a name that is no token": LIVE + b"X\xff: " + SECRET + b"\r\n\r\n",
    "a folded first header": b"GET /live HTTP/1.1\r\n X: " + SECRET + b"\r\nHost: x\r\n\r\n",
    "two hosts": LIVE + b"Host: " + SECRET + b"\r\n\r\n",
    "a length that is no number": LIVE + b"Content-Length: " + SECRET + b"\r\n\r\n",
    "a length below zero": LIVE + b"Content-Length: -1\r\n\r\n",
    "a length with a sign": LIVE + b"Content-Length: +1\r\n\r\na",
    "a length of five thousand digits": LIVE + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "a length in digits of another script": LIVE + b"Content-Length: \xd9\xa3\r\n\r\n",
    "two lengths": LIVE + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
}
NAMED = {
    "no host": (b"GET /live HTTP/1.1\r\n\r\n", refusal(f"{PLAIN}: missing required Host header")),
    "a blank in a name": (LIVE + b"X Y: a\r\n\r\n", refusal(f"{PLAIN}: invalid header name")),
    "a blank after a name": (LIVE + b"X : a\r\n\r\n", refusal(f"{PLAIN}: invalid header name")),
    "HTTP/2": (
        b"GET /live HTTP/2.0\r\nHost: x\r\n\r\n",
        refusal("505 HTTP Version Not Supported: unsupported protocol version"),
    ),
    "gzip on the way": (
        LIVE + b"Transfer-Encoding: gzip\r\n\r\n",
        refusal("501 Not Implemented", "Unsupported transfer encoding"),
    ),
    "chunked twice": (
        LIVE + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        refusal("501 Not Implemented", "Unsupported transfer encoding"),
    ),
    "a header of more than a megabyte": (
        LIVE + b"X: " + b"a" * (1 << 20) + b"aaaa\r\n\r\n",
        refusal("431 Request Header Fields Too Large"),
    ),
}


@pytest.mark.parametrize("sent", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_gets_the_plain_refusal_of_go_at_once_and_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    with caplog.at_level(logging.INFO):
        assert answers(sent) == refusal()

    said = [record for record in caplog.records if not record.getMessage().startswith("engine.st")]
    assert [(record.getMessage(), record.exc_info) for record in said] == [("engine.request_refused", None)]
    assert vars(said[0])["facts"]["reason"].startswith("got ")
    assert SECRET.decode() not in str([vars(record) for record in caplog.records])


@pytest.mark.parametrize(("sent", "answer"), NAMED.values(), ids=NAMED.keys())
def test_what_go_refuses_by_name_is_refused_by_that_name(sent: bytes, answer: bytes) -> None:
    assert answers(sent) == answer


@pytest.mark.parametrize("sent", [SECRET, b"GET /live HTTP/1.1\r\nHost: x\r\nX", LIVE])
def test_a_request_that_breaks_off_is_refused_when_its_end_is_known(sent: bytes) -> None:
    assert answers(sent, half_close=True) == refusal()


def test_a_connection_without_a_word_is_closed_without_one(caplog: pytest.LogCaptureFixture) -> None:
    assert answers(half_close=True) == b""
    assert "engine.request_refused" not in caplog.text


def test_garbage_behind_a_request_takes_no_answer_away() -> None:
    assert answers(LIVE + b"\r\n" + SECRET + b"\r\n", half_close=True).startswith(b"HTTP/1.1 200 OK\r\n")


def test_garbage_after_an_answer_is_refused_behind_it() -> None:
    async def run() -> bytes:
        async with running(config({"name": "x"})) as engine:
            reader, writer = await asyncio.open_connection("127.0.0.1", engine.port)
            writer.write(LIVE + b"\r\n")
            first = await reader.readuntil(b"\r\n\r\n")
            writer.write(SECRET + b"\r\n")
            rest = await reader.read()
            writer.close()
            return first[:15] + rest

    assert asyncio.run(run()) == b"HTTP/1.1 200 OK" + refusal()


# What a client may write, and what it may not, in any order.
PIECES = [
    *(
        b"GET ",
        b"POST ",
        b"/live",
        b"http://h",
        b"%",
        b"%zz",
        b"#",
        b"?",
        b"*",
        b" HTTP/1.1",
        b" HTTP/1.0",
        b" HTTP/9.9",
    ),
    *(b"Host: x", b"Content-Length: ", b"1", b"Transfer-Encoding: chunked", b"Expect: x", b"Upgrade: websocket"),
    *(
        b"Connection: close",
        b"Connection: upgrade",
        b": ",
        b" ",
        b"\t",
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\x00",
        b"\xff",
    ),
]
BYTES = st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=20).map(b"".join)


def test_whatever_comes_the_engine_lives_and_no_traceback_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    @given(sent=st.lists(BYTES, max_size=4))
    @settings(deadline=None)
    def ask(sent: list[bytes]) -> None:
        # What comes after an answer with which a connection ends may reset it.
        with suppress(ConnectionError):
            answer = loop.run_until_complete(said_to(port, *sent, half_close=True))
            assert not answer or answer.startswith(b"HTTP/1.")

    with closing(asyncio.new_event_loop()) as loop:
        engine = GraphEngine(config({"name": "x"}))
        loop.run_until_complete(engine.start())
        port = engine.port
        ask()
        assert answers(LIVE + CLOSE).startswith(b"HTTP/1.1 200 OK")
        loop.run_until_complete(engine.stop())
    assert [
        record.getMessage() for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR
    ] == []


CLOSE = b"Connection: close\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        LIVE + b"User-Agent: a\r\nUser-Agent: b\r\nUser-Agent: c\r\n",
        LIVE + b"Content-Type: a\r\nContent-Type: b\r\n",
        LIVE + b"X: a\r\n folded\r\n",
        LIVE + b"X: \xff\xfe\r\n",
        LIVE + b"Content-Length: 1\r\nContent-Length: 1\r\n",
        b"GET /live HTTP/1.0\r\n",
        b"GET /live HTTP/1.1\nHost: x\nX: a\n",
        b"POST /live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n",
        b"GET http://elsewhere:1/live?a#b HTTP/1.1\r\nHost: x\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n",
    ],
)
def test_what_go_takes_is_taken_in_one_piece_or_in_many(head: bytes) -> None:
    body = b"a" if b"Content-Length" in head else b"1\r\na\r\n0\r\n\r\n" if b"chunked" in head else b""
    whole = head + CLOSE + body
    for parts in ([whole], [whole[place : place + 7] for place in range(0, len(whole), 7)]):
        assert answers(*parts).partition(b"\r\n")[0].partition(b" ")[2] == b"200 OK"


def test_no_answer_names_the_server() -> None:
    for sent in (LIVE + CLOSE, b"GET /nothing HTTP/1.1\r\nHost: x\r\n" + CLOSE, SECRET + b"\r\n"):
        assert b"server:" not in answers(sent).lower()
