"""What docs/request-log.md says works: its queries on both databases, its metrics on the sink's page."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from support.monitoring.logged_events import answer, entry, error_entry, event
from support.servers.postgres import postgres_server
from support.servers.prometheus import tool

from monitoring.request_log.database import RequestLogDatabase
from monitoring.request_log.events import EventKind
from monitoring.request_log.intake import Exchange
from monitoring.request_log.items import items_of
from monitoring.request_log.metrics import Dropped
from monitoring.request_log.settings import RequestLogSettings
from monitoring.request_log.sink import Sink
from monitoring.request_log.tables import FORECASTS

PAGE = (Path(__file__).parents[4] / "docs" / "request-log.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database with two forecasts and an error."""

    def fill(url: str) -> str:
        database = RequestLogDatabase(make_url(url))
        database.prepare()
        said = answer(entry("4", 3), entry("5"), error_entry("x"))
        database.write(items_of(Exchange(event(EventKind.RESPONSE, said), None)))
        database.close()
        return url

    if request.param == "sqlite":
        yield fill(f"sqlite:///{tmp_path}/log.sqlite")
        return
    with postgres_server(tmp_path) as url:
        yield fill(url)


def test_the_queries_of_the_page_answer(filled: str) -> None:
    engine = create_engine(filled)
    kind = engine.dialect.name
    with engine.connect() as connection:
        counted, versions = (connection.execute(text(each)).all() for each in blocks("sql"))
        (by_day,) = (connection.exec_driver_sql(each).all() for each in blocks(kind))
    engine.dispose()
    assert sorted((row[1] or "", row[2] or "", row[3]) for row in counted) == [
        ("", "UNKNOWN_STORE", 1),
        ("fleet", "", 2),
    ]
    assert [(row[0], row[1]) for row in versions] == [("3", "champion")]
    assert [(row[0], f"{row[1]}", row[2]) for row in by_day] == [
        ("4", f"2015-06-{day}", value) for day, value in ((20, 10.5), (21, 11.5), (22, 12.5))
    ]


def test_the_metrics_of_the_page_are_on_the_sinks() -> None:
    settings = RequestLogSettings()
    page = Sink(RequestLogDatabase(settings.database_url(Path("home"))), settings).metrics.page().decode()
    named = set(re.findall(r"storecast_request_log_\w+", "".join(blocks("promql"))))
    assert len(named) == 6
    assert {name for name in named if not re.search(rf"^{name}\b", page, re.MULTILINE)} == set()
    reasons = re.findall(r'reason=~"([^"]+)"', "".join(blocks("promql")))[0].split("|")
    assert set(reasons) <= {reason.value for reason in Dropped}


def test_prometheus_understands_every_expression_of_the_page(tmp_path: Path) -> None:
    lines = [line for line in "".join(blocks("promql")).splitlines() if not line.startswith("#")]
    rules = [{"alert": f"Rule{number}", "expr": line} for number, line in enumerate(lines)]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "request-log", "rules": rules}]}))
    checked = subprocess.run(
        [tool("promtool"), "check", "rules", str(path)], capture_output=True, text=True, check=False, timeout=240
    )
    assert (checked.returncode, f"{len(lines)} rules found" in checked.stdout) == (0, True), checked.stderr


def test_the_metrics_exposed_pass_prometheus_own_lint() -> None:
    settings = RequestLogSettings()
    page = Sink(RequestLogDatabase(settings.database_url(Path("home"))), settings).metrics.page()
    linted = subprocess.run([tool("promtool"), "check", "metrics"], input=page, capture_output=True, check=False)
    assert (linted.returncode, linted.stderr.decode()) == (0, "")


def test_every_column_and_every_setting_is_named_on_the_page() -> None:
    assert [column.name for column in FORECASTS.columns if f"`{column.name}`" not in PAGE] == []
    names = [variable.removeprefix("STORECAST_REQUEST_LOG") for variable, *_ in RequestLogSettings.table()]
    assert [name for name in names if f"{name}`" not in PAGE] == []


def test_the_queue_of_the_page_is_the_default() -> None:
    assert f"/ {RequestLogSettings().queue_events}\n" in PAGE


def test_the_manifest_of_the_page_is_the_service_that_the_graph_logs_to() -> None:
    deployment, service = yaml.safe_load_all(blocks("yaml")[0])
    (sink,) = deployment["spec"]["template"]["spec"]["containers"]
    (port,) = service["spec"]["ports"]
    assert (service["metadata"]["name"], port["port"]) == ("request-log", 80)
    assert port["targetPort"] == sink["ports"][0]["containerPort"] == 8070
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
