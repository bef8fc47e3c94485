"""A real Prometheus scrapes a whole graph with the configuration that `storecast serve` writes."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from support.fleets import small_fleet
from support.servers.prometheus import Prometheus, prometheus, tool

ROOT = Path(__file__).parents[3]
CONTAINERS = {"engine", "router", "forecaster", "fallback", "request-log"}
SERVER, CLIENT = (f"seldon_api_executor_{side}_requests_seconds" for side in ("server", "client"))
BUCKETS = [
    "0.005",
    "0.01",
    "0.025",
    "0.05",
    "0.075",
    "0.1",
    "0.25",
    "0.5",
    "0.75",
    "1",
    "2.5",
    "5",
    "7.5",
    "10",
    "+Inf",
]
SCRAPE_TIMEOUT_S = 120
DAYS = {"beginDate": "2015-06-20", "endDate": "2015-06-26"}


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What `storecast serve` says of a graph over a small fleet: what -> address; it runs until the tests end."""
    folder = tmp_path_factory.mktemp("serve")
    fleet = small_fleet(folder / "fleet", without_model=[2])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STORECAST_", "MLFLOW_"))}
    words = ["serve", "--port", "0", "--home", str(folder / "home"), "--fleet-uri", str(fleet)]
    process = subprocess.Popen(
        [sys.executable, "-m", "storecast", *words], cwd=ROOT, env=kept, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        told = [line.split() for line in iter(process.stdout.readline, "\n")]
        found = {" ".join([what, *name]): address for what, address, *name in told}
        send_traffic(found["predictions"])
        yield found
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0


def send_traffic(url: str) -> None:
    """Five answers and a refusal: three for one owner, two for several."""
    for store in ("1", "2", "3", "*", "*"):
        assert requests.post(url, json={"jsonData": {"storeId": store, **DAYS}}, timeout=120).status_code == 200
    assert requests.post(url, data=b"{", headers={"Content-Type": "application/json"}, timeout=120).status_code == 400


@pytest.fixture(scope="module")
def server(addresses: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped every target."""
    with prometheus(Path(addresses["scrape"]), tmp_path_factory.mktemp("prometheus")) as running:
        deadline = time.monotonic() + SCRAPE_TIMEOUT_S
        while running.total("up") < len(CONTAINERS) and time.monotonic() < deadline:
            time.sleep(0.2)
        yield running


def test_every_page_of_the_graph_is_scraped_without_an_error(server: Prometheus) -> None:
    targets = server.targets()
    assert set(targets) == CONTAINERS
    assert {name: (target["health"], target["lastError"]) for name, target in targets.items()} == dict.fromkeys(
        CONTAINERS, ("up", "")
    )
    assert server.total('up{job="storecast"}') == len(CONTAINERS)
    assert re.findall("level=(?:warn|error).*scrape.*", server.log.read_text()) == []


def test_requests_are_counted_by_the_executors_names_and_labels(server: Prometheus) -> None:
    shared = {"deployment_name": "storecast", "predictor_name": "main", "predictor_version": "v1"}
    common = ",".join(f'{name}="{value}"' for name, value in shared.items())
    answered = f'{SERVER}_count{{{common},service="predictions",method="post",code="%s"}}'
    assert [server.total(answered % code) for code in (200, 400)] == [5, 1]
    calls = {
        (sample["metric"]["model_name"], sample["metric"]["service"], sample["metric"]["code"]): sample["value"][1]
        for sample in server.query(f'{CLIENT}_count{{{common},method="post"}}')
    }
    assert calls["router", "/route", "200"] == "6"
    assert calls["forecaster", "/predict", "400"] == "1"
    assert {(name, path) for name, path, _ in calls} == {
        ("router", "/route"),
        ("router", "/aggregate"),
        ("forecaster", "/predict"),
        ("fallback", "/predict"),
    }
    versions = {sample["metric"]["model_version"] for sample in server.query(f"{CLIENT}_count")}
    assert versions == {"0.1.0"}


@pytest.mark.parametrize("name", [SERVER, CLIENT])
def test_times_have_the_executors_buckets_and_quantiles(server: Prometheus, name: str) -> None:
    edges = {sample["metric"]["le"] for sample in server.query(f"{name}_bucket")}
    assert sorted(edges, key=float) == BUCKETS
    quantile = server.query(f'histogram_quantile(0.99, sum by (le) ({name}_bucket{{code="200"}}))')
    assert 0 < float(quantile[0]["value"][1]) <= 10
    shares = {sample["metric"]["quantile"] for sample in server.query(f"{name}_summary")}
    assert shares == {"0.5", "0.75", "0.9", "0.98", "0.99", "1"}


def test_every_component_shows_its_own_metrics_and_no_store(server: Prometheus) -> None:
    series = [sample["metric"] for sample in server.query('{__name__=~"storecast_.+"}')]
    asked = {metric["container"] for metric in series if metric["__name__"] == "storecast_requests_total"}
    assert asked >= {"forecaster", "fallback"}
    assert {metric["container"] for metric in series} >= CONTAINERS - {"engine"}
    assert [metric for metric in series if "store" in metric or "store_id" in metric] == []
    items = server.total('storecast_items_total{container="forecaster"}')
    assert items == server.total('storecast_items_total{container="forecaster",deployment_name="storecast"}') > 0


def test_promtool_accepts_the_configuration_and_the_engines_page(addresses: dict[str, str]) -> None:
    promtool = tool("promtool")
    checked = subprocess.run([promtool, "check", "config", addresses["scrape"]], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    page = requests.get(addresses["metrics (engine)"], timeout=120).content
    linted = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, check=False)
    # Names that are the executor's own, and a matter of style.
    style = "metric name should not include type 'summary'"
    assert linted.stderr.decode().splitlines() == [f"{name}_summary {style}" for name in (CLIENT, SERVER)]


def test_types_that_a_components_page_repeats_do_not_break_its_scrape(
    addresses: dict[str, str], server: Prometheus
) -> None:
    page = requests.get(addresses["metrics (forecaster)"], timeout=120).text
    types = re.findall(r"^# TYPE (\S+)", page, re.MULTILINE)
    assert len(types) > len(set(types))
    repeated = {name for name in types if types.count(name) > 1}
    for name in repeated:
        assert server.query(f'{{__name__=~"{name}.*",container="forecaster"}}')
