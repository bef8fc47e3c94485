"""Seldon's own clients against a whole graph: its batch processor, and its Python client with each payload we take.

Both write every number as a float, as their protobuf does: a store that was 4 comes as 4.0.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.fleets import small_fleet
from support.processes import ROOT
from support.serving.served_graphs import ServedGraph, served_graph

DAYS = {"beginDate": "2015-06-20", "endDate": "2015-06-21"}
# The clients' generated code is of protobuf 3; the bridge lets it run beside the protobuf of this environment.
BRIDGED = "from model_wrapper.seldon import protobuf_bridge; protobuf_bridge.install()"
BATCH = f"{BRIDGED}; from seldon_core.batch_processor import run_cli; run_cli()"
ASK = f"""
{BRIDGED}
import json, sys
import numpy as np
from seldon_core.seldon_client import SeldonClient
endpoint, how, payload = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
client = SeldonClient(gateway="seldon", transport="rest", gateway_endpoint=endpoint, client_return_type="dict")
asked = dict([(how, payload)])
if how == "data":
    asked = dict(data=np.array(payload["rows"], dtype=object), names=payload["names"], payload_type="ndarray")
answer = client.predict(**asked)
print(json.dumps([answer.success, answer.msg, answer.response]))
"""


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedGraph]:
    folder = tmp_path_factory.mktemp("graph")
    with served_graph(small_fleet(folder / "fleet", 6, without_model=[2]), folder / "home") as running:
        yield running


def run(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.parametrize("kind", ["json", "raw"])
def test_the_batch_processor_gets_an_answer_to_every_line(graph: ServedGraph, kind: str, tmp_path: Path) -> None:
    stores = [4, "2", 3, "1", 6.0]
    items = [{"storeId": store, **DAYS} for store in stores]
    asked, answers = tmp_path / "asked.txt", tmp_path / "answers.txt"
    asked.write_text("".join(json.dumps(item if kind == "json" else {"jsonData": item}) + "\n" for item in items))
    where = ("--host", f"127.0.0.1:{graph.port}", "--gateway-type", "seldon", "--deployment-name", "storecast")
    files = ("--input-data-path", str(asked), "--output-data-path", str(answers))

    run(BATCH, *where, *files, "--data-type", kind, "--workers", "2", "--retries", "1", "--namespace", "default")

    entries = [json.loads(line)["jsonData"][0] for line in answers.read_text().splitlines()]
    assert sorted(entry["request"]["storeId"] for entry in entries) == ["1", "2", "3", "4", "6"]
    assert all(len(entry["forecast"]) == 2 for entry in entries)


@pytest.mark.parametrize(
    ("how", "payload"),
    [
        ("json_data", {"storeId": 4, **DAYS}),
        ("json_data", [{"storeId": "4", "overrides": {"promo": {"2015-06-22": True}}, **DAYS}]),
        ("raw_data", {"jsonData": {"storeId": 4, **DAYS}}),
        ("data", {"names": ["store_id", "begin_date", "end_date"], "rows": [[4, "2015-06-20", "2015-06-21"]]}),
        ("data", {"names": ["store_id"], "rows": [[4.0]]}),
    ],
)
def test_the_python_client_is_answered_for_the_store_it_means(graph: ServedGraph, how: str, payload: Any) -> None:  # noqa: ANN401 - any JSON
    told = run(ASK, f"127.0.0.1:{graph.port}", how, json.dumps(payload))

    succeeded, message, answer = json.loads(told.stdout.splitlines()[-1])
    assert succeeded, message
    rows = answer["data"]["ndarray"] if "data" in answer else [[answer["jsonData"][0]["request"]["storeId"]]]
    assert {row[0] for row in rows} == {"4"}
    assert "error" not in json.dumps(answer.get("jsonData", rows))
