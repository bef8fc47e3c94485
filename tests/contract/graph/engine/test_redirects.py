"""Redirects by nodes are followed, or fail, as Go's http client has it."""

import asyncio
import json

import pytest
from support.graph.running_engines import PREDICTIONS, config, model, running, scripted
from support.raw_http import Message, ask

UNREADABLE = [
    ("/%zz", 'invalid URL escape "%zz"'),
    (":", "missing protocol scheme"),
    ("%", 'invalid URL escape "%"'),
    ("/%4", 'invalid URL escape "%4"'),
    ("http://%zz/", 'invalid URL escape "%zz"'),
    ("http://h:x/", 'invalid port ":x" after host'),
    ("http://[::1]x/", 'invalid port "x" after host'),
    ("http://[::1", "missing ']' in host"),
    ("1http://x", "first path segment in URL cannot contain colon"),
    ("http://a b/", 'invalid character " " in host name'),
    ("http://h/%zz", 'invalid URL escape "%zz"'),
]
UNREACHABLE = [
    ("http://", "http:", "http: no Host in request URL"),
    ("http:", "http:", "http: no Host in request URL"),
    ("http:///x", "http:///x", "http: no Host in request URL"),
    ("mailto:x", "mailto:x", 'unsupported protocol scheme "mailto"'),
    ("ftp://h/x", "ftp://h/x", 'unsupported protocol scheme "ftp"'),
    ("a:b", "a:b", 'unsupported protocol scheme "a"'),
    ("http://h:99999/x", "http://h:99999/x", "dial tcp: address 99999: invalid port"),
    ("http://u:p@127.0.0.1:1/x", "http://u:***@127.0.0.1:1/x", "dial tcp 127.0.0.1:1: connect: connection refused"),
    ("HTTP://127.0.0.1:1/a#b", "http://127.0.0.1:1/a#b", "dial tcp 127.0.0.1:1: connect: connection refused"),
]


def redirected(location: str, status: int) -> tuple[Message, int, list[tuple[str, str]]]:
    async def run() -> tuple[Message, int, list[tuple[str, str]]]:
        moved = {"status": status, "body": "", "headers": {"Location": location}}
        nodes = {"m": {"/predict": moved, "*": {"body": "{}"}}}
        async with scripted(nodes) as up, running(config(model(up.ports["m"]))) as engine:
            answer = await ask(engine.port, "POST", PREDICTIONS, [], b"{}", chunked=False)
            return answer, up.ports["m"], [(call.method, call.path) for call in up.calls]

    return asyncio.run(run())


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize(("location", "reason"), UNREADABLE)
def test_a_redirect_to_what_is_no_url_fails_in_the_words_of_go(location: str, reason: str, status: int) -> None:
    answer, port, calls = redirected(location, status)
    info = f'failed to parse Location header "{location}": parse "{location}": {reason}'

    assert answer.start[1] == "500"
    assert json.loads(answer.body)["status"]["info"] == f'Post "http://127.0.0.1:{port}/predict": {info}'
    assert calls == [("POST", "/predict")]


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize(("location", "shown", "reason"), UNREACHABLE)
def test_a_redirect_that_leads_nowhere_fails_in_the_words_of_go(
    location: str, shown: str, reason: str, status: int
) -> None:
    answer, _, calls = redirected(location, status)

    assert answer.start[1] == "500"
    assert json.loads(answer.body)["status"]["info"] == f'Post "{shown}": {reason}'
    assert calls == [("POST", "/predict")]


@pytest.mark.parametrize(
    ("location", "asked"),
    [
        ("/a b", "/a%20b"),
        ("x y", "/x%20y"),
        ("/\xff", "/%FF"),
        ("/caf\xc3\xa9", "/caf%C3%A9"),
        ("/a:b", "/a:b"),
        ("./a:b", "/a:b"),
        ("..", "/"),
        ("/a/./b/../c", "/a/c"),
        ("/x#f", "/x"),
        ("/x?a=%zz", "/x?a=%zz"),
        ("\\x", "/%5Cx"),
        ("///x", "///x"),
    ],
)
def test_a_redirect_that_leads_somewhere_is_followed_there(location: str, asked: str) -> None:
    answer, _, calls = redirected(location, 302)

    assert answer.start[1] == "200"
    assert calls[1:] == [("GET", asked)]
