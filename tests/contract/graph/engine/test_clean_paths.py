"""A path that is not clean is answered with the clean one, escaped as Go escapes it."""

import asyncio

import pytest
from support.graph.running_engines import config, running
from support.raw_http import Message, ask


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("//a%23b", "/a%23b"),
        ("//a%3Fb", "/a%3Fb"),
        ("//a#b", "/a%23b"),
        ("//a%00b", "/a%00b"),
        ("//a%0ab", "/a%0Ab"),
        ("//a%0d%0aX:%20y", "/a%0D%0AX:%20y"),
        ("//a%ffb", "/a%FFb"),
        ("//a\xffb", "/a%FFb"),
        ("//caf\xc3\xa9", "/caf%C3%A9"),
        ("//a%20b", "/a%20b"),
        ("//a?", "/a?"),
        ("//a??", "/a??"),
        ("//a?b=%zz#c", "/a?b=%zz#c"),
        ("//a!'()*[]$&+,;=:@~%25%2f", "/a%21%27%28%29%2A%5B%5D$&+,;=:@~%25/"),
        ("/a/../b%3F/./c/", "/b%3F/c/"),
        ("http://h:80//a%23", "http://h:80/a%23"),
        ("http://h:80", "http://h:80/"),
        ("*", "/%2A"),
    ],
)
def test_the_place_of_a_clean_path_is_escaped_as_go_escapes_it(target: str, location: str) -> None:
    async def run() -> Message:
        async with running(config({"name": "x"})) as engine:
            return await ask(engine.port, "GET", target, [], None, chunked=False)

    answer = asyncio.run(run())
    assert (answer.start[1], answer.header("Location"), answer.body) == ("301", location, b"")
