"""The pages of real components say exactly what docs/metrics.md promises, and no count is lost on the way."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.fleets import small_fleet
from support.processes import RunningComponent, component

DOCS = Path(__file__).resolve().parents[4] / "docs" / "metrics.md"
WAIT_S = 120
ITEM = {"beginDate": "2015-06-20", "endDate": "2015-06-26"}
# What the wrapper puts on every sample.
SELDONS = {"deployment_name", "model_name", "model_image", "model_version", "predictor_name", "predictor_version"}
SELDONS |= {"seldon_deployment_name", "image_name", "image_version", "worker_id", "method"}


def documented() -> dict[str, tuple[str, set[str]]]:
    """Metric -> type and labels, out of the tables."""
    found = {}
    for line in DOCS.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if line.startswith("| `storecast_"):
            # `name`: values, or names alone.
            labels = re.findall(r"`(\w+)`:", cells[3]) or re.findall(r"`(\w+)`", cells[3])
            found[cells[0].strip("`")] = (cells[1], set(labels))
    return found


def samples(page: str) -> dict[str, list[tuple[str, dict[str, str], float]]]:
    """Metric -> type, own labels and value of each of its samples."""
    found: dict[str, list[tuple[str, dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            own = {name: value for name, value in sample.labels.items() if name not in SELDONS}
            if sample.name.startswith("storecast_"):
                found.setdefault(sample.name, []).append((family.type, own, sample.value))
    return found


def total(running: RunningComponent, metric: str, **labels: str) -> float:
    page = samples(running.metrics())
    return sum(value for _, own, value in page.get(metric, []) if labels.items() <= own.items())


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not what():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RunningComponent]]:
    """A router and a forecaster that were asked, refused something and heard what was sold."""
    folder = tmp_path_factory.mktemp("fleet")
    environ = {
        "STORECAST_FLEET_URI": str(small_fleet(folder / "fleet", 5, without_model=[2])),
        "STORECAST_METRICS_SECONDS": "0.1",
        "GUNICORN_THREADS": "4",
    }
    with component("StoreRouter", folder, environ) as router, component("StoreForecaster", folder, environ) as one:
        router.post("/route", {"jsonData": {"storeId": "1"}})
        answer = one.predict({"jsonData": {"storeId": "1", **ITEM}}).json()
        days = answer["jsonData"][0]["forecast"]
        factors = (0.2, 1.0, 5.0, 1.001, 1.0, 1.0, 1.0)  # the second day is closed
        truth = [
            {"storeId": "1", "timestamp": day["timestamp"], "value": day["value"] * factor}
            for day, factor in zip(days, factors, strict=True)
        ]
        assert one.post("/send-feedback", {"response": answer, "truth": {"jsonData": truth}}).status == 200
        until(
            lambda: total(one, "storecast_feedback_total") > 0 and total(router, "storecast_routed_requests_total") > 0
        )
        yield [router, one]


def test_every_documented_metric_is_there_and_every_metric_is_documented(graph: list[RunningComponent]) -> None:
    there = {name for running in graph for name in samples(running.metrics())}

    assert there == set(documented())


def test_types_and_labels_are_those_of_the_documentation(graph: list[RunningComponent]) -> None:
    told = documented()
    wrong = [
        (name, kind, labels)
        for running in graph
        for name, found in samples(running.metrics()).items()
        for kind, labels, _ in found
        if (kind, set(labels)) != told[name]
    ]

    assert wrong == []


def test_a_fleet_in_a_folder_says_its_age_its_lag_and_its_stores(graph: list[RunningComponent]) -> None:
    forecaster = graph[1]

    assert total(forecaster, "storecast_fleet_stores") == 5
    assert 0 <= total(forecaster, "storecast_fleet_age_seconds") < 3600
    assert total(forecaster, "storecast_fleet_training_lag_days") > 365
    assert total(forecaster, "storecast_fleet_version") == 0


def test_no_count_is_lost_between_the_threads_of_a_worker(graph: list[RunningComponent]) -> None:
    forecaster = graph[1]
    before = total(forecaster, "storecast_items_total", source="fleet")
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: forecaster.predict({"jsonData": {"storeId": "2", **ITEM}}), range(200)))

    assert {reply.status for reply in replies} == {200}
    until(lambda: total(forecaster, "storecast_items_total", source="fleet") == before + 200)


def test_sources_clipped_and_assumed_items_and_refusals_are_counted(graph: list[RunningComponent]) -> None:
    forecaster = graph[1]

    def counted() -> list[float]:
        return [
            total(forecaster, "storecast_items_total", source="fallback"),
            total(forecaster, "storecast_items_total", source="error"),
            total(forecaster, "storecast_clipped_items_total"),
            total(forecaster, "storecast_assumed_calendar_items_total"),
            total(forecaster, "storecast_refused_requests_total", reason="bad_request"),
            total(forecaster, "storecast_refused_requests_total", reason="over_limit"),
            total(forecaster, "storecast_refused_requests_total", reason="not_json"),
        ]

    before = counted()
    late = {"storeId": "3", "beginDate": "2015-08-20", "endDate": "2015-08-21"}
    forecaster.predict({"jsonData": [{"storeId": "3"}, {"storeId": "nobody"}, late]})
    forecaster.predict({"jsonData": [{"storeId": "1", "level": 7}]})
    forecaster.predict({"jsonData": [{"storeId": "1", "beginDate": "2015-01-01", "endDate": "2019-01-01"}]})
    forecaster.send("POST", "/predict", b"{", {"Content-Type": "application/json"})

    until(lambda: counted() == [value + more for value, more in zip(before, [2, 1, 1, 1, 1, 1, 1], strict=True)])
    assert total(forecaster, "storecast_forecast_seconds_total") > 0
