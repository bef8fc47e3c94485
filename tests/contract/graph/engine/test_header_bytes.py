"""Headers on their way through the engine: bytes of any kind, and one that is repeated."""

import asyncio
from typing import Any

import pytest
from support.graph.running_engines import PREDICTIONS, config, model, running, scripted
from support.raw_http import HeaderList, Message, ask

# As raw_http and the scripted nodes spell bytes: one character each.
BYTES = "".join(chr(code) for code in range(0x80, 0x100))


@pytest.mark.parametrize("name", ["X-Any", "User-Agent", "Authorization", "Seldon-Puid", "Content-Type"])
@pytest.mark.parametrize("value", [BYTES, "caf\xe9", "caf\xc3\xa9", "\xff", "\xed\xa0\x80", "\xc3"])
def test_header_bytes_of_any_kind_reach_every_node_and_come_back_unchanged(name: str, value: str) -> None:
    async def run() -> tuple[list[HeaderList], Message]:
        reply = {"body": "{}", "headers": {"Content-Type": value}}
        nodes: dict[str, Any] = {"t": {"/transform-input": {"body": "{}"}}, "m": {"/predict": reply}}
        async with scripted(nodes) as up:
            child = model(up.ports["m"])
            unit = {**model(up.ports["t"], type="TRANSFORMER", name="t"), "children": [child]}
            async with running(config(unit)) as engine:
                answer = await ask(engine.port, "POST", PREDICTIONS, [(name, value)], b"{}", chunked=False)
            return [call.headers for call in up.calls], answer

    calls, answer = asyncio.run(run())
    seen = [dict(headers).get(name) for headers in calls]

    assert seen == [value, "application/json" if name == "Content-Type" else value]
    assert answer.header("Content-Type") == value
    assert name != "Seldon-Puid" or answer.header(name) == value


def test_of_several_user_agents_the_first_reaches_the_nodes() -> None:
    async def run() -> list[list[str]]:
        agents = [("User-Agent", "one"), ("user-agent", "two"), ("User-Agent", "three")]
        async with scripted({"m": {"/predict": {"body": "{}"}}}) as up, running(config(model(up.ports["m"]))) as engine:
            answer = await ask(engine.port, "POST", PREDICTIONS, agents, b"{}", chunked=False)
            assert answer.start[1] == "200"
            return [[value for name, value in call.headers if name.lower() == "user-agent"] for call in up.calls]

    assert asyncio.run(run()) == [["one"]]
