"""The sink as a real process: killed, ended, beside another one, before a database that stops answering."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url
from support.monitoring.logged_events import answer, entry, event
from support.monitoring.sinks import SinkProcess, sink_process
from support.servers.postgres import postgres_server
from support.serving.frozen_proxy import freezing_proxy

from monitoring.request_log.database import RequestLogDatabase
from monitoring.request_log.events import Event, EventKind
from monitoring.request_log.settings import RequestLogSettings

WAIT_S = 120.0
REQUESTS = 120


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def pair(number: int) -> list[Event]:
    asked = event(EventKind.REQUEST, {"jsonData": {"storeId": "4"}}, f"r-{number}")
    return [asked, event(EventKind.RESPONSE, answer(entry("4"), entry(f"{number}")), f"r-{number}")]


def keys_in(url: str) -> list[tuple[str, int]]:
    database = RequestLogDatabase(make_url(url))
    rows = [(item.request_id, item.item) for chunk in database.between() for item in chunk]
    database.close()
    return rows


def in_home(home: Path) -> str:
    return RequestLogSettings().database_url(home).render_as_string(hide_password=False)


EVERYTHING = sorted((f"r-{number}", item) for number in range(REQUESTS) for item in (0, 1))


@pytest.fixture(scope="module")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as url:
        yield url


def test_a_sink_that_is_killed_in_the_middle_and_started_again_writes_nothing_twice(tmp_path: Path) -> None:
    with sink_process(tmp_path) as first:
        for number in range(REQUESTS // 2):
            assert {first.send(each) for each in pair(number)} == {202}
        first.kill()
    before = keys_in(in_home(tmp_path))
    with sink_process(tmp_path) as second:
        for number in range(REQUESTS):
            assert {second.send(each) for each in pair(number)} == {202}
        assert second.end() == 0
    after = keys_in(in_home(tmp_path))
    assert len(before) == len(set(before)) > 0
    assert sorted(after) == EVERYTHING


def test_sigterm_writes_all_that_was_accepted_and_ends_with_0(tmp_path: Path) -> None:
    with sink_process(tmp_path) as sink:
        for number in range(REQUESTS):
            assert sink.send(pair(number)[1]) == 202
        assert sink.end() == 0
    assert sorted(keys_in(in_home(tmp_path))) == EVERYTHING
    told = [json.loads(line) for line in sink.log.read_text().splitlines()]
    assert [line["event"] for line in told if line["level"] == "ERROR"] == []


def test_two_sinks_on_one_postgresql_write_every_answer_once(postgres_url: str, tmp_path: Path) -> None:
    with (
        sink_process(tmp_path / "a", url=postgres_url) as one,
        sink_process(tmp_path / "b", url=postgres_url) as other,
    ):

        def send(sink: SinkProcess, numbers: range) -> None:
            for number in numbers:
                for each in pair(number):
                    assert sink.send(each) == 202

        threads = [
            threading.Thread(target=send, args=(one, range(REQUESTS))),
            threading.Thread(target=send, args=(other, range(REQUESTS - 1, -1, -1))),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        ends = [one.end(), other.end()]
    assert ends == [0, 0]
    assert sorted(keys_in(postgres_url)) == EVERYTHING
    password = make_url(postgres_url).password or "?"
    assert [sink.log.read_text().count(password) for sink in (one, other)] == [0, 0]


def test_a_postgresql_that_hangs_fills_the_queue_and_gets_all_of_it_when_it_is_back(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = {"url": postgres_url, "database_timeout_s": 1, "queue_events": 40, "pair_wait_s": 0.1}
    sent = [event(EventKind.RESPONSE, answer(entry("4")), f"hang-{number}") for number in range(60)]
    with sink_process(tmp_path, **settings) as sink, psycopg.connect(_plain(postgres_url)) as other:
        other.execute("LOCK TABLE request_log_forecasts IN ACCESS EXCLUSIVE MODE")
        statuses = [sink.send(each) for each in sent]
        assert statuses == [202] * 40 + [503] * 20
        until(lambda: sink.metric("database_failures_total") >= 1)
        assert sink.metric("dropped_events_total", reason="queue_full") == 20
        other.rollback()
        until(lambda: sink.metric("rows_total", outcome="written") == 40)
        assert sink.metric("queue_events") == 0
        assert sink.end() == 0
    assert len([key for key in keys_in(postgres_url) if key[0].startswith("hang-")]) == 40


def test_a_connection_that_hangs_is_seen_and_does_not_keep_the_process_from_ending(
    postgres_url: str, tmp_path: Path
) -> None:
    url = make_url(postgres_url)
    with freezing_proxy(url.port or 0) as proxy:
        through = url.set(port=proxy.port).render_as_string(hide_password=False)
        settings = {"url": through, "database_timeout_s": 1, "flush_s": 0.5, "pair_wait_s": 0.1}
        with sink_process(tmp_path, **settings) as sink:
            assert {sink.send(each) for each in pair(1000)} == {202}
            until(lambda: sink.metric("rows_total", outcome="written") == 2)
            assert sink.metric("database_up") == 1
            proxy.freeze()
            assert {sink.send(each) for each in pair(1001)} == {202}
            until(lambda: sink.metric("database_up") == 0)
            assert sink.send(pair(1002)[0]) == 202
            assert sink.end() == 3
    assert len([key for key in keys_in(postgres_url) if key[0] == "r-1000"]) == 2


def test_a_database_that_is_away_at_the_start_is_taken_up_when_it_comes(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    folder.write_text("a file stands where the folder will be")
    url = f"sqlite:///{folder}/log.sqlite"
    with sink_process(tmp_path / "home", url=url) as sink:
        for number in range(3):
            for each in pair(number):
                assert sink.send(each) == 202
        until(lambda: sink.metric("database_failures_total") >= 2)
        folder.unlink()
        until(lambda: sink.metric("rows_total", outcome="written") == 6)
        assert sink.end() == 0


def test_an_end_that_cannot_write_says_what_was_lost_and_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = {"url": f"sqlite:///{tmp_path}/file/log.sqlite", "flush_s": 0.3}
    with sink_process(tmp_path / "home", **settings) as sink:
        assert {sink.send(each) for each in pair(1)} == {202}
        assert sink.end() == 3
    lines = sink.log.read_text().splitlines()
    lost = [json.loads(line) for line in lines if "request_log.lost_at_end" in line]
    assert [line["answers"] for line in lost] == [1]
    assert "lost 1 answers" in lines[-1]


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
