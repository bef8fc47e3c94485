"""A real graph of two forecasters, a fallback and a challenger with 30 % of the stores, through the engine."""

import asyncio
import json
import operator
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from support.fleets import small_fleet
from support.processes import component

from graph import GraphOptions, render
from graph.local.runner import LocalGraph
from model_wrapper.sharding import Layout
from storecast.commands.serve import local_options

N_STORES, WITHOUT_MODEL, SHARE = 24, 2, 30
LAYOUT = Layout(2, SHARE, "e2e")
WEEK = {"beginDate": "2015-06-20", "endDate": "2015-06-22"}
STORES = [str(store) for store in range(1, N_STORES + 1)]
CHALLENGED = [store for store in STORES if LAYOUT.challenges(store) and store != "3"]
TIMEOUT_S, REPORT_S = 120.0, 0.1


@dataclass
class Answer:
    status: int
    body: dict[str, Any]


@dataclass
class Seen:
    """What one life of the graph showed."""

    single: list[dict[str, Any]]
    every: dict[str, Any]
    rows: dict[str, Any]
    new: dict[str, Any]
    fed: list[Answer]
    refused: Answer
    metrics: dict[str, str]


def send(url: str, message: object) -> Answer:
    request = urllib.request.Request(url, json.dumps(message).encode(), {"Content-Type": "application/json"})  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:  # noqa: S310 - loopback
            return Answer(reply.status, json.loads(reply.read()))
    except urllib.error.HTTPError as error:
        return Answer(error.code, json.loads(error.read()))


def item(store: str, **more: object) -> dict[str, Any]:
    return {"storeId": store, **WEEK, **more}


def truth_of(answer: dict[str, Any]) -> dict[str, Any]:
    """Each day sold 10 more than was forecast; closed days nothing."""
    entries = answer["jsonData"]
    return {
        "jsonData": [
            {
                "storeId": entry["request"]["storeId"],
                "timestamp": day["timestamp"],
                "value": day["value"] and day["value"] + 10,
            }
            for entry in entries
            for day in entry["forecast"]
        ]
    }


def talk(graph: LocalGraph) -> Seen:
    predictions, feedback = (f"{graph.base_url}/api/v1.0/{name}" for name in ("predictions", "feedback"))
    single = [send(predictions, {"jsonData": item(store)}).body for store in STORES]
    every = send(predictions, {"jsonData": item("*")}).body
    rows = {"names": ["store_id", "begin_date", "end_date"], "ndarray": [["*", *WEEK.values()]]}
    by_rows = send(predictions, {"data": rows}).body
    new = send(predictions, {"jsonData": [item("new", expectedSales=5000), item("unknown")]}).body
    fed = [
        send(feedback, {"request": {"jsonData": item("*")}, "response": every, "truth": truth_of(every)}),
        send(feedback, {"response": single[0], "truth": truth_of(single[0])}),
        send(feedback, {"response": by_rows, "truth": truth_of(every), "reward": 1}),
    ]
    refused = send(feedback, {"response": every, "truth": {"jsonData": [{"storeId": True, "value": -1}]}})
    return Seen(single, every, by_rows, new, fed, refused, settled(graph))


def settled(graph: LocalGraph) -> dict[str, str]:
    """The metrics pages, once every child has reported all that it has counted so far."""
    children = [name for name in graph.component_urls if name != "router"]
    for _ in range(2):  # a report that has begun may not be whole; where the next one has begun, it is
        before = requests_of(graph, children)
        send(f"{graph.base_url}/api/v1.0/predictions", {"jsonData": item("*")})
        deadline = time.monotonic() + TIMEOUT_S
        while not all(map(operator.gt, requests_of(graph, children), before)):
            assert time.monotonic() < deadline, "waited too long"
            time.sleep(REPORT_S)
    return {name: read(url) for name, url in graph.metrics_urls.items()}


def requests_of(graph: LocalGraph, children: list[str]) -> list[float]:
    return [total(read(graph.metrics_urls[name]), "storecast_requests_total") for name in children]


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as page:  # noqa: S310 - loopback
        text: str = page.read().decode()
        return text


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("graph")
    champion = small_fleet(folder / "champion", N_STORES, without_model=[WITHOUT_MODEL])
    challenger = small_fleet(folder / "challenger", N_STORES, seed=8)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STORECAST_", "MLFLOW_"))}
    kept["STORECAST_METRICS_SECONDS"] = str(REPORT_S)
    options = replace(local_options(folder, kept, port=0, fleet_uri=str(champion)), free_ports=True)
    deployment = render(
        GraphOptions(shards=2, challenger_share=SHARE, challenger_uri=str(challenger), experiment=LAYOUT.experiment)
    )

    async def run() -> Seen:
        async with LocalGraph(deployment, options) as graph:
            return await asyncio.to_thread(talk, graph)

    return asyncio.run(run())


def total(page: str, name: str, **labels: str) -> float:
    """Sum of a counter's series with these labels."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    lines = [line for line in page.splitlines() if line.startswith(name + "{") and all(each in line for each in wanted)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_each_store_is_answered_by_its_owner(seen: Seen) -> None:
    entries = [answer["jsonData"][0] for answer in seen.single]
    owners = [answer["meta"]["routing"]["router"] for answer in seen.single]

    assert [entry["model"]["alias"] == "challenger" for entry in entries] == [store in CHALLENGED for store in STORES]
    children = [LAYOUT.child_of(store, known=True, has_model=store != "3") for store in STORES]
    # A challenger is not named: it is gone when the feedback of its last answers comes.
    assert owners == [-1 if child == LAYOUT.challenger else child for child in children]
    assert set(children) == {0, 1, 2, 3}


def test_every_store_is_answered_once_and_in_order(seen: Seen) -> None:
    entries = seen.every["jsonData"]

    assert [entry["request"]["storeId"] for entry in entries] == STORES
    assert [entry["model"] for entry in entries] == [answer["jsonData"][0]["model"] for answer in seen.single]
    assert seen.every["meta"]["routing"] == {"router": -1}
    assert [row[0] for row in seen.rows["data"]["ndarray"]] == [store for store in STORES for _ in range(3)]
    assert sorted(seen.rows["meta"]["tags"]["challenger"]["stores"]) == sorted(CHALLENGED)


def test_a_new_store_needs_a_hint(seen: Seen) -> None:
    new, unknown = seen.new["jsonData"]

    assert new["model"]["source"] == "fallback"
    assert unknown["error"]["code"] == "UNKNOWN_STORE"


def test_feedback_is_counted_once_by_the_child_that_answered(seen: Seen) -> None:
    days = [day for entry in seen.every["jsonData"] for day in entry["forecast"]]
    judged, closed = sum(day["value"] > 0 for day in days), sum(day["value"] == 0 for day in days)
    first = [day for day in seen.single[0]["jsonData"][0]["forecast"] if day["value"] > 0]
    pages, name = "\n".join(seen.metrics.values()), "storecast_feedback"

    assert [answer.status for answer in seen.fed] == [200, 200, 200]
    assert seen.fed[0].body["data"]["names"] == ["days", "closed_days", "unmatched_days"]
    assert seen.fed[0].body["data"]["ndarray"] == [[judged, closed, 0]]
    assert total(pages, f"{name}_days_total") == 2 * judged + len(first)
    assert total(pages, f"{name}_closed_days_total") == 2 * closed + 3 - len(first)
    assert total(pages, f"{name}_absolute_error_total") == pytest.approx(10 * (2 * judged + len(first)), rel=1e-5)
    assert total(pages, f"{name}_over_forecast_total") == 0
    assert total(pages, f"{name}_days_total", alias="challenger") == total(
        seen.metrics["challenger"], f"{name}_days_total"
    )
    assert total(pages, f"{name}_days_total", source="fallback") == total(
        seen.metrics["fallback"], f"{name}_days_total"
    )
    assert total(seen.metrics["router"], f"{name}_days_total") == 0
    assert all("storeId" not in page and 'store="' not in page for page in seen.metrics.values())


def test_a_challenger_is_ready_before_there_is_one_and_takes_it_up(tmp_path: Path) -> None:
    environ = {
        "STORECAST_CHALLENGER_URI": str(tmp_path / "challenger"),
        "STORECAST_CHALLENGER_SHARE": "100",
        "STORECAST_BEHIND_ROUTER": "true",
        "STORECAST_RELOAD_SECONDS": "0.1",
    }
    with component("ChallengerForecaster", tmp_path, environ) as running:
        before = running.get("/health/status")
        left = running.predict({"jsonData": item("4")})
        small_fleet(tmp_path / "challenger")
        deadline = time.monotonic() + TIMEOUT_S
        while not running.get("/health/status").json()["jsonData"]["fleet"] and time.monotonic() < deadline:
            time.sleep(0.05)
        answer = running.predict({"jsonData": item("4")}).json()

    assert (before.status, before.json()["jsonData"]["fleet"]) == (200, None)
    assert (left.status, left.json()["jsonData"]) == (200, [])
    assert answer["jsonData"][0]["model"]["alias"] == "challenger"


def test_malformed_feedback_is_a_400_with_every_problem(seen: Seen) -> None:
    assert seen.refused.status == 400
    assert {problem["path"] for problem in seen.refused.body["jsonData"]["problems"]} == {
        "truth.jsonData[0].storeId",
        "truth.jsonData[0].timestamp",
        "truth.jsonData[0].value",
    }
