"""The same requests to the same components through our engine and through another process give the same answers.

The other process is our engine started by the executor's flags; with SELDON_EXECUTOR set to the file of a real
executor, it is that one, too.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.fleets import small_fleet
from support.graph.stand_in_executor import executable
from support.raw_http import Message, ask
from support.serving.malformed import MALFORMED

from graph import GraphOptions, render
from graph.local.plan import LocalOptions
from graph.local.runner import LocalGraph
from storecast.commands.serve import local_options

JSON = {"Content-Type": "application/json"}
PREDICTIONS, FEEDBACK = "/api/v1.0/predictions", "/api/v1.0/feedback"
DAYS = {"beginDate": "2015-06-20", "endDate": "2015-06-26"}
ROWS = {
    "names": ["store_id", "begin_date", "end_date"],
    "ndarray": [[str(n), "2015-06-20", "2015-06-22"] for n in (3, 1)],
}
UNSEEN = {"date", "content-length", "transfer-encoding", "connection", "last-modified", "keep-alive"}


def post(message: object, path: str = PREDICTIONS, **headers: str) -> tuple[str, str, dict[str, str], bytes | None]:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return "POST", path, {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}, body


def get(path: str, method: str = "GET") -> tuple[str, str, dict[str, str], bytes | None]:
    return method, path, {}, None


FED_BACK = {"response": {"meta": {"routing": {"router": 0}}, "data": {"ndarray": [[1.0]]}}, "reward": 1}
REQUESTS = {
    "one store": post({"jsonData": {"storeId": "1", **DAYS}}),
    "a store without a model": post({"jsonData": {"storeId": "3", **DAYS}}),
    "several owners": post({"jsonData": [{"storeId": str(store), **DAYS} for store in (3, 1, 5, 3)]}),
    "every store": post({"jsonData": {"storeId": "*", **DAYS}}),
    "an unknown store": post({"jsonData": [{"storeId": "nobody", **DAYS}, {"storeId": "1", **DAYS}]}),
    "rows": post({"data": ROWS}),
    "signs that are escaped": post({"jsonData": {"storeId": "<&> \u2028 \U0001f600", **DAYS}}),
    "an id from the client": post({"jsonData": {"storeId": "1", **DAYS}, "meta": {"puid": "p", "tags": {"a": "<b>"}}}),
    "the older path": post({"jsonData": {"storeId": "1", **DAYS}}, "/api/v0.1/predictions"),
    "a CloudEvent": post({"jsonData": {"storeId": "1", **DAYS}}, Ce_Specversion="1.0"),
    "no JSON": post(b"{not json"),
    "nothing": post(b""),
    "another content type": ("POST", PREDICTIONS, {"Content-Type": "text/plain"}, b'{"jsonData": {"storeId": "1"}}'),
    "no content type": ("POST", PREDICTIONS, {}, b'{"jsonData": {"storeId": "1"}}'),
    "feedback": post(FED_BACK, FEEDBACK),
    "feedback that is no JSON": post(b"{", FEEDBACK),
    "feedback with an unknown field": post({**FED_BACK, "colour": "red"}, FEEDBACK),
    "a node's status": get("/api/v1.0/status/forecaster"),
    "the status of an unknown node": get("/api/v1.0/status/nobody"),
    "a node's metadata": get("/api/v1.0/metadata/forecaster"),
    "the graph's metadata": get("/api/v1.0/metadata"),
    "the graph's status": get("/api/v1.0/status"),
    "ready": get("/ready"),
    "live": get("/live"),
    "a wrong method": get(PREDICTIONS),
    "what a browser asks first": get(PREDICTIONS, "OPTIONS"),
    "an unknown path": get("/api/v1.0/nothing"),
    "a path that is not clean": get("//api/v1.0/status"),
    **{f"malformed: {name}": post(message) for name, message, _ in MALFORMED},
}


def options(folder: Path, fleet: Path, **changes: Any) -> LocalOptions:  # noqa: ANN401 - any option
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STORECAST_", "MLFLOW_"))}
    made = local_options(folder, kept, port=0, fleet_uri=str(fleet))
    return LocalOptions(**{**vars(made), **changes})


async def answers(settings: LocalOptions) -> dict[str, dict[str, Any]]:
    async with LocalGraph(render(GraphOptions()), settings) as graph:
        port = int(graph.base_url.rpartition(":")[2])
        return {name: seen(await sent(port, *request), port, request[1]) for name, request in REQUESTS.items()}


async def sent(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Message:
    return await ask(port, method, path, [*headers.items(), ("Seldon-Puid", "puid-1")], body, chunked=False)


def seen(answer: Message, port: int, path: str) -> dict[str, Any]:
    """All of an answer that has to be the same, whoever gives it."""
    body = answer.body.decode().replace(str(port), "PORT")
    headers = sorted((name.lower(), value) for name, value in answer.headers if name.lower() not in UNSEEN)
    # The wrapper writes the members of a feedback's answer in no fixed order.
    told = json.loads(body) if path == FEEDBACK else body
    return {"status": answer.start[1], "headers": headers, "body": told}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_fleet(tmp_path_factory.mktemp("fleet") / "fleet", without_model=[2])


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, fleet: Path) -> dict[str, dict[str, Any]]:
    return asyncio.run(answers(options(tmp_path_factory.mktemp("ours"), fleet)))


def test_good_requests_are_answered_and_bad_ones_refused(ours: dict[str, dict[str, Any]]) -> None:
    statuses = {name: answer["status"] for name, answer in ours.items()}
    assert {statuses[name] for name in ("one store", "several owners", "every store", "rows", "the older path")} == {
        "200"
    }
    assert {statuses[name] for name in statuses if name.startswith("malformed")} == {"400"}
    assert (statuses["a wrong method"], statuses["an unknown path"]) == ("405", "404")
    assert statuses["a path that is not clean"] == "301"


def test_an_engine_of_its_own_process_answers_like_the_one_in_ours(
    tmp_path: Path, fleet: Path, ours: dict[str, dict[str, Any]]
) -> None:
    assert asyncio.run(answers(options(tmp_path, fleet, executor=executable(tmp_path, "answers")))) == ours


@pytest.mark.skipif("SELDON_EXECUTOR" not in os.environ, reason="SELDON_EXECUTOR names no real executor")
def test_the_real_executor_answers_like_our_engine(
    tmp_path: Path, fleet: Path, ours: dict[str, dict[str, Any]]
) -> None:
    real = asyncio.run(answers(options(tmp_path, fleet, executor=Path(os.environ["SELDON_EXECUTOR"]))))
    assert real == ours
