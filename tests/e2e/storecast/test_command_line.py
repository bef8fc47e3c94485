"""The way of a newcomer, with real processes: synth, train, forecast, serve, demo."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from support.serving.malformed import MALFORMED

ROOT = Path(__file__).parents[3]
PARIS = "Paris, Gare de Lyon"
STORES = [*(str(i) for i in range(1, 11) if i != 2), PARIS]  # numbers before words
STORECAST = [sys.executable, "-m", "storecast"]


def environ(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STORECAST_", "MLFLOW_"))}
    return {**kept, "STORECAST_HOME": str(home)}


def run(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*STORECAST, *words], cwd=ROOT, env=environ(home), capture_output=True, text=True, check=False, timeout=240
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a trained chain of ten stores; store 8 has too little history for a model."""
    folder = tmp_path_factory.mktemp("home")
    chain = folder / "chain"
    made = run(folder, "synth", "--stores", "10", "--days", "452", "--out", str(chain))
    assert made.returncode == 0, made.stderr
    tables = ("--data", f"{chain}/train.csv", "--stores", f"{chain}/store.csv", "--calendar", f"{chain}/calendar.csv")
    for table in chain.glob("*.csv"):
        cells = pd.read_csv(table, dtype=str, keep_default_na=False)
        cells.replace({"Store": {"2": PARIS}}).to_csv(table, index=False)
    trained = run(folder, "train", *tables, "--test-days", "28", "--register-stores", "4", "--register-stores", PARIS)
    assert trained.returncode == 0, trained.stderr
    (folder / "result.json").write_text(trained.stdout)
    (folder / "train.log").write_text(trained.stderr)
    return folder


def test_training_prints_one_json_result_and_logs_lines_of_json(home: Path) -> None:
    result = json.loads((home / "result.json").read_text())
    assert result["stores"] == {"total": 10, "fitted": 8, "fallback_too_short": 2, "failed": 0}
    named = ("4", "Paris%2C Gare de Lyon")
    assert result["registered"]["store_models"] == {f"prophet-retail-forecaster-store-{name}": "1" for name in named}
    assert set(result["seconds"]) == {"partition", "read", "champion", "lessons", "models", "plots", "register"}
    assert set(result["seconds_of_workers"]) == {"read", "backtest", "fit"}
    assert result["backtest"]["stores_judged"] >= 6
    assert len(result["backtest"]["cutoffs"]) == 3
    for line in (home / "train.log").read_text().splitlines():
        assert json.loads(line)["event"] in {"training.stage", "training.compiling"}


def test_a_dry_run_registers_nothing(home: Path) -> None:
    chain = home / "chain"
    done = run(home / "other", "train", "--data", f"{chain}/train.csv", "--test-days", "0", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "registered" not in json.loads(done.stdout)
    assert not (home / "other" / "mlflow.db").exists()


def test_the_registry_answers_as_a_table_as_json_as_files_and_as_a_picture(home: Path) -> None:
    table = run(home, "forecast", "--store", "4", "--store", "8")
    assert table.returncode == 0, table.stderr
    assert len(table.stdout.splitlines()) == 15
    assert "fallback" in table.stdout
    rows = json.loads(run(home, "forecast", "--store", "4", "--days", "3", "--json").stdout)
    assert [row["timestamp"] for row in rows] == ["2014-03-29", "2014-03-30", "2014-03-31"]
    assert (rows[1]["value"], rows[1]["note"]) == (0, "closed")
    for name in ("all.csv", "all.parquet"):
        done = run(home, "forecast", "--all", "--from", "2014-03-29", "--days", "42", "--out", str(home / name))
        assert done.returncode == 0, done.stderr
        assert "420 rows" in done.stderr
    csv = pd.read_csv(home / "all.csv", dtype={"store_id": str})
    parquet = pd.read_parquet(home / "all.parquet")
    assert list(csv.columns) == ["store_id", "timestamp", "value", "lower", "upper", "source", "note"]
    assert csv["store_id"].unique().tolist() == STORES
    for rows in (csv.fillna({"note": ""}), parquet):
        assert set(rows["note"]) >= {"", "closed"}
        assert ((rows["note"] == "closed") == (rows["upper"] == 0)).all()
    np.testing.assert_allclose(csv["value"], parquet["value"], rtol=1e-12)


@pytest.mark.parametrize(
    ("words", "name", "told"),
    [
        (["--store", "4"], "one.png", "one.png\n"),
        (["--all"], "all.png", "all.png with 6 of 10 stores; plot to a .pdf file to get all of them\n"),
        (["--all"], "all.pdf", "all.pdf\n"),
    ],
)
def test_a_picture_is_drawn_in_place_of_a_table_and_says_what_it_leaves_out(
    home: Path, words: list[str], name: str, told: str
) -> None:
    picture = home / name
    done = run(home, "forecast", *words, "--days", "42", "--plot", str(picture))

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith(told)
    assert picture.read_bytes()[:4] in (b"\x89PNG", b"%PDF")


@pytest.mark.parametrize("store", [PARIS, "*"])
def test_any_store_and_every_store_can_be_named(home: Path, store: str) -> None:
    rows = json.loads(run(home, "forecast", "--store", store, "--days", "1", "--json").stdout)

    assert [row["store_id"] for row in rows] == (STORES if store == "*" else [PARIS])


def test_an_unknown_store_is_told_and_the_others_are_answered(home: Path) -> None:
    done = run(home, "forecast", "--store", "4", "--store", "nobody", "--days", "2")
    assert done.returncode == 4
    assert "'nobody': UNKNOWN_STORE" in done.stderr
    assert len(done.stdout.splitlines()) == 3


@pytest.mark.parametrize("day", ["2001-01-01", "2030-01-01"])
def test_a_day_out_of_range_is_an_error_whoever_is_asked(home: Path, graph: str, day: str) -> None:
    words = ("forecast", "--store", "4", "--from", day, "--days", "2")
    here, there = run(home, *words), run(home, *words, "--url", graph)
    assert (here.returncode, here.stdout) == (there.returncode, there.stdout) == (4, "")
    assert here.stderr == there.stderr
    assert "DATE_OUT_OF_RANGE" in here.stderr


@pytest.fixture(scope="module")
def addresses(home: Path) -> Iterator[dict[str, str]]:
    """What `storecast serve` says of the committed manifest's graph: what -> address; it runs until the tests end."""
    words = ["serve", "manifests/graphs/storecast.yaml", "--port", "0"]
    process = subprocess.Popen([*STORECAST, *words], cwd=ROOT, env=environ(home), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found: dict[str, str] = {}
        for line in iter(process.stdout.readline, "\n"):
            what, address, *name = line.split()
            found[" ".join([what, *name])] = address
        found["advice"] = "".join(iter(process.stdout.readline, "Press Ctrl-C to stop the graph.\n"))
        yield found
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0


@pytest.fixture(scope="module")
def graph(addresses: dict[str, str]) -> str:
    """Base URL of that graph."""
    return addresses["predictions"].removesuffix("/api/v1.0/predictions")


def test_what_a_graph_advises_to_ask_is_answered(home: Path, addresses: dict[str, str]) -> None:
    _, asked, *curl = addresses["advice"].splitlines()
    ours = run(home, *shlex.split(asked)[1:])
    words = shlex.split("\n".join(curl).replace("\\\n", " "))
    url, header, body = words[2], words[4], words[6]
    theirs = requests.post(url, body.encode(), headers=dict([header.split(": ")]), timeout=120).json()

    assert ours.returncode == 0, ours.stderr
    assert theirs["jsonData"][0]["request"]["storeId"] == "1"
    assert "forecast" in theirs["jsonData"][0]


@pytest.mark.parametrize("days", ["3", "42"])
def test_a_graph_is_asked_for_any_number_of_days_without_a_first_one(home: Path, graph: str, days: str) -> None:
    done = run(home, "forecast", "--store", "4", "--url", graph, "--days", days, "--json")

    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert len(rows) == int(days)
    assert not [row for row in rows if row["note"] == "calendar-assumed"]


def test_the_graph_gives_the_same_numbers_as_the_registry(home: Path, graph: str) -> None:
    words = ("forecast", "--store", "8", "--store", "4", "--from", "2014-03-29", "--days", "42", "--json")
    here, there = (json.loads(run(home, *words, *extra).stdout) for extra in ((), ("--url", graph)))
    assert here == there
    assert {row["source"] for row in there} == {"store", "fallback"}  # store 4 has a model of its own


def test_the_graph_answers_every_store_at_once_and_names_its_route(graph: str) -> None:
    item = {"storeId": "*", "beginDate": "2014-03-29", "endDate": "2014-05-09"}
    body = requests.post(f"{graph}/api/v1.0/predictions", json={"jsonData": item}, timeout=120).json()
    assert [entry["request"]["storeId"] for entry in body["jsonData"]] == STORES
    assert {len(entry["forecast"]) for entry in body["jsonData"]} == {42}
    assert body["meta"]["routing"] == {"router": -1}
    one = requests.post(f"{graph}/api/v1.0/predictions", json={"jsonData": {"storeId": "4"}}, timeout=120).json()
    assert one["meta"]["routing"] == {"router": 0}
    rows = {"names": ["store_id", "begin_date", "end_date"], "ndarray": [["4", "2014-03-29", "2014-03-30"]]}
    table = requests.post(f"{graph}/api/v1.0/predictions", json={"data": rows}, timeout=120).json()
    assert [row[:2] for row in table["data"]["ndarray"]] == [["4", "2014-03-29"], ["4", "2014-03-30"]]


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (b"{not json", "application/json", "JSON"),
        (b'{"jsonData": {"storeId": "4"}}', "text/plain", "application/json, got Content-Type: text/plain"),
        (b'{"jsonData": {"storeId": "4", "beginDate": "2015-13-01", "level": 7}}', "application/json", "jsonData"),
        (b'{"jsonData": []}', "application/json", "jsonData"),
    ],
)
def test_what_cannot_be_read_is_a_useful_400_through_the_whole_graph(
    graph: str, body: bytes, content_type: str, told: str
) -> None:
    answer = requests.post(
        f"{graph}/api/v1.0/predictions", data=body, headers={"Content-Type": content_type}, timeout=120
    )
    assert answer.status_code == 400
    assert told in answer.json()["status"]["info"]


@pytest.mark.parametrize(("message", "paths"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED])
def test_every_malformed_request_is_a_400_with_every_problem_through_the_whole_graph(
    graph: str, message: object, paths: list[str]
) -> None:
    body = json.dumps(message).encode()
    headers = {"Content-Type": "application/json"}
    answer = requests.post(f"{graph}/api/v1.0/predictions", data=body, headers=headers, timeout=120)
    assert answer.status_code == 400
    assert sorted(problem["path"] for problem in answer.json()["jsonData"]["problems"]) == sorted(paths)


COMPONENTS = ("router", "forecaster", "fallback")


def test_every_metrics_page_of_the_graph_can_be_read(graph: str, addresses: dict[str, str]) -> None:
    assert requests.get(f"{graph}/api/v1.0/metadata/forecaster", timeout=120).status_code == 200
    pages = {what: requests.get(url, timeout=120).text for what, url in addresses.items() if what.startswith("metrics")}
    assert set(pages) == {f"metrics ({name})" for name in (*COMPONENTS, "engine", "request-log")}
    assert 'seldon_api_executor_server_requests_seconds_count{code="200"' in pages["metrics (engine)"]
    assert "storecast_requests_total" in pages["metrics (forecaster)"]
    for page in pages.values():
        assert list(text_string_to_metric_families(page))


def test_a_training_that_is_told_to_end_leaves_no_worker_and_no_file(home: Path, tmp_path: Path) -> None:
    chain = home / "chain"
    words = ["train", "--engine", "stan", "--data", f"{chain}/train.csv", "--home", str(tmp_path / "home"), "--dry-run"]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environ_ = {**environ(tmp_path), "TMPDIR": str(scratch)}
    process = subprocess.Popen(
        [*STORECAST, *words], cwd=ROOT, env=environ_, stderr=subprocess.DEVNULL, start_new_session=True
    )
    give_up = time.monotonic() + 120
    while not list(scratch.glob("storecast-fit-*")) and time.monotonic() < give_up:
        time.sleep(0.05)
    process.terminate()
    assert process.wait(120) == 143
    assert left_in_session(process.pid) == []
    assert [path.name for path in scratch.iterdir() if path.name.startswith("storecast-fit-")] == []


WITH_AN_IDLE_WORKER = """
import multiprocessing, sys, time
from unittest.mock import patch
from storecast.__main__ import main

def run(args):
    multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,)).start()
    print("started", flush=True)
    time.sleep(600)

if __name__ == "__main__":
    with patch("storecast.commands.settings.run", run):
        sys.exit(main(["settings"]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_command_that_is_told_to_end_does_not_wait_for_a_worker_without_work(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    script = tmp_path / "command.py"
    script.write_text(WITH_AN_IDLE_WORKER)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env={**environ(tmp_path), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(number)
    try:
        assert process.wait(120) == code
    finally:
        process.stdout.close()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert left_in_session(process.pid) == []


def left_in_session(session: int) -> list[str]:
    """What is left of a session when its processes have had time to end: Python's own helper ends a moment later."""
    give_up = time.monotonic() + 120
    while session_members(session) and time.monotonic() < give_up:
        time.sleep(0.1)
    return session_members(session)


def session_members(session: int) -> list[str]:
    """Command lines of the processes that belong to a session."""
    listed = subprocess.run(["ps", "-s", str(session), "-o", "args="], capture_output=True, text=True, check=False)
    return [line for line in listed.stdout.splitlines() if "defunct" not in line]


def test_the_demo_goes_the_whole_way_and_ends_by_itself(tmp_path: Path) -> None:
    begun = time.time()
    done = run(tmp_path, "demo", "--stores", "12", "--days", "320", "--port", "0")
    assert done.returncode == 0, done.stderr
    for told in (
        "WAPE",
        "curl -s http://127.0.0.1:",
        "forecast.png",
        "/prometheus",
        "mlflow ui",
        "next commands to try",
        "stopped",
    ):
        assert told in done.stdout
    assert (tmp_path / "demo" / "forecast.png").stat().st_mtime > begun
    assert done.stderr == ""
