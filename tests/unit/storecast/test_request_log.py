"""`storecast request-log`: what it prints, writes and refuses."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.monitoring.logged_events import answer, entry, error_entry, event

from monitoring.request_log.database import RequestLogDatabase
from monitoring.request_log.events import Event, EventHeader, EventKind
from monitoring.request_log.intake import Exchange
from monitoring.request_log.items import items_of
from monitoring.request_log.settings import RequestLogSettings
from storecast import __main__ as command_line
from storecast import exit_codes
from storecast.commands import request_log

OLD, NEW = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC), datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a log of two answers, an old one and a new one."""
    monkeypatch.delenv("STORECAST_REQUEST_LOG_URL", raising=False)
    database = RequestLogDatabase(RequestLogSettings().database_url(tmp_path))
    database.prepare()
    for issued_at, request_id in ((OLD, "old"), (NEW, "new")):
        sent = event(EventKind.RESPONSE, answer(entry("4", 3), error_entry("x")), request_id)
        moved = Event(EventHeader(sent.header.kind, sent.header.origin, issued_at), sent.body, 0.0)
        database.write(items_of(Exchange(moved, None)))
    database.close()
    return tmp_path


def run(home: Path, *words: str) -> int:
    return command_line.main(["request-log", *words, "--home", str(home)])


def test_show_prints_one_line_a_forecast_newest_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "show", "--store", "4", "--last", "5") == exit_codes.OK
    heading, new, old = capsys.readouterr().out.splitlines()
    assert heading.split()[:2] == ["issued", "(UTC)"]
    assert new.endswith("new")
    assert old.split() == [
        *("2001-02-03", "04:05:06", "4", "2015-06-20..2015-06-22"),
        *("12", "10", "13", "0.9", "fleet", "3@champion", "old"),
    ]


def test_show_names_the_error_of_an_item(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "show", "--store", "x", "--last", "1") == exit_codes.OK
    assert "error:UNKNOWN_STORE" in capsys.readouterr().out


def test_a_store_id_that_a_client_made_up_forges_no_line_and_moves_no_cursor() -> None:
    forged = error_entry("x\n2026-01-01 00:00:00  4  forged\x1b[2J\u202e")
    shown = request_log.table(items_of(Exchange(event(EventKind.RESPONSE, answer(forged)), None)))
    assert len(shown.splitlines()) == 2
    assert shown.replace("\n", "").isprintable()
    assert r"x\n2026-01-01 00:00:00  4  forged\x1b[2J\u202e" in shown


def test_show_prints_every_value_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "show", "--request", "old", "--json") == exit_codes.OK
    forecast, error = json.loads(capsys.readouterr().out)
    assert (forecast["store_id"], forecast["forecasts"], forecast["level"]) == ("4", [10.5, 11.5, 12.5], 0.9)
    assert (error["error_code"], error["days"]) == ("UNKNOWN_STORE", [])


def test_show_says_when_there_is_nothing_to_show(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "show", "--store", "nobody") == exit_codes.OK
    told = capsys.readouterr()
    assert (told.out, "no matching forecast" in told.err) == ("", True)


def test_export_takes_whole_days_of_issue(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "log.parquet"
    assert run(home, "export", "--out", str(out), "--since", "2001-02-03", "--until", "2001-02-03") == exit_codes.OK
    assert {row["request_id"] for row in pq.read_table(out).to_pylist()} == {"old"}
    assert run(home, "export", "--out", str(out), "--until", "2001-02-02") == exit_codes.OK
    assert pq.read_table(out).num_rows == 0


def test_prune_says_first_and_removes_then(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for words in (["--dry-run"], [], []):
        assert run(home, "prune", "--keep-days", "30", *words) == exit_codes.OK
        result = json.loads(capsys.readouterr().out)
        told.append((result["rows"], result["dry_run"]))
    assert told == [(2, True), (2, False), (0, False)]
    run(home, "show", "--json")
    assert {row["request_id"] for row in json.loads(capsys.readouterr().out)} == {"new"}


@pytest.mark.parametrize("verb", [["show"], ["export", "--out", "x.parquet"], ["prune"]])
def test_reading_where_there_is_no_log_is_a_usage_error(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STORECAST_REQUEST_LOG_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    assert run(tmp_path, *verb) == exit_codes.USAGE
    assert "wanted a request log in sqlite:" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_cannot_be_reached_is_told_by_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STORECAST_REQUEST_LOG_URL", "postgresql://u:hunter2@127.0.0.1:1/x")
    assert run(tmp_path, "show") == exit_codes.UNREACHABLE
    assert "hunter2" not in capsys.readouterr().err
