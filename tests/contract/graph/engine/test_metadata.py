"""What nodes say of themselves is answered, or is an error in the words of Go: never no answer at all."""

import asyncio
import json

import pytest
from support.graph.running_engines import config, model, running, scripted
from support.raw_http import Message, ask


@pytest.mark.parametrize(
    ("metadata", "info"),
    [
        ('{"inputs":1e999}', "number 1e999 into Go struct field ModelMetadata.inputs of type float64"),
        (
            '{"inputs":[{"a":[-1e999,2e999]}]}',
            "number -1e999 into Go struct field ModelMetadata.inputs of type float64",
        ),
        ('{"Outputs":[1e308,1e309]}', "number 1e309 into Go struct field ModelMetadata.outputs of type float64"),
        ('{"custom":{"a":1e999}}', "number into Go struct field ModelMetadata.custom of type string"),
        ("1e999", "number into Go value of type payload.ModelMetadata"),
    ],
)
def test_metadata_with_a_number_that_is_too_large_is_an_error_in_the_words_of_go(metadata: str, info: str) -> None:
    answer = metadata_of(metadata)

    assert answer.start[1] == "500"
    assert json.loads(answer.body)["status"]["info"] == f"json: cannot unmarshal {info}"


@pytest.mark.parametrize("metadata", ['{"other":1e999}', '{"inputs":1e-999}', '{"inputs":1e308}', "null"])
def test_metadata_that_go_reads_is_read(metadata: str) -> None:
    assert metadata_of(metadata).start[1] == "200"


@pytest.mark.parametrize("depth", [300, 1000, 5000, 20_000])
def test_metadata_is_answered_however_deep_it_is(depth: int) -> None:
    assert metadata_of('{"inputs":' + "[" * depth + "]" * depth + "}").start[1] in ("200", "500")


def metadata_of(text: str) -> Message:
    async def run() -> Message:
        async with (
            scripted({"m": {"/metadata": {"body": text}}}) as up,
            running(config(model(up.ports["m"]))) as engine,
        ):
            return await ask(engine.port, "GET", "/api/v1.0/metadata", [], None, chunked=False)

    return asyncio.run(run())
