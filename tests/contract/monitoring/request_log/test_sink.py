"""The sink over HTTP, as the executor meets it, with a real SQLite file behind it."""

import asyncio
import gzip
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.monitoring.logged_events import answer, entry, event, headers, recorded

from monitoring.request_log import writer
from monitoring.request_log.database import RequestLogDatabase
from monitoring.request_log.events import Event, EventKind
from monitoring.request_log.intake import Exchange
from monitoring.request_log.items import LoggedItem, items_of
from monitoring.request_log.settings import RequestLogSettings
from monitoring.request_log.sink import Sink

WAIT_S = 120.0
SAID = answer(entry("4"), entry("5"))


@dataclass
class Running:
    """A sink that listens, and a client of it."""

    sink: Sink
    session: aiohttp.ClientSession
    database: RequestLogDatabase
    port: int

    async def post(self, body: bytes, sent: dict[str, str], path: str = "/") -> tuple[int, str]:
        async with self.session.post(path, data=body, headers=sent) as reply:
            return reply.status, await reply.text()

    async def send(self, each: Event) -> int:
        header = each.header
        sent = headers(header.kind, header.origin.request_id, header.origin.node)
        return (await self.post(each.body, sent))[0]

    async def metric(self, name: str, **labels: str) -> float:
        async with self.session.get("/metrics") as reply:
            page = await reply.text()
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                if sample.name == f"storecast_request_log_{name}" and sample.labels == labels:
                    return float(sample.value)
        raise AssertionError(f"no metric {name} {labels}")

    def rows(self) -> list[LoggedItem]:
        return self.database.recent(1000)


@asynccontextmanager
async def running(folder: Path, **settings: float) -> AsyncIterator[Running]:
    chosen = RequestLogSettings.model_validate({"database_timeout_s": 0.2, "flush_s": 5.0} | settings)
    url = chosen.database_url(folder)
    sink = Sink(RequestLogDatabase(url, chosen.database_timeout_s), chosen)
    port = await sink.start("127.0.0.1", 0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", skip_auto_headers=("Content-Type",)) as session:
        yield Running(sink, session, RequestLogDatabase(url), port)
        await sink.stop()


def run(folder: Path, scenario: Callable[[Running], Awaitable[None]], **settings: float) -> None:
    async def whole() -> None:
        async with running(folder, **settings) as live:
            await scenario(live)

    asyncio.run(whole())


async def until(what: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not await what():  # noqa: ASYNC110 - the writer of the sink is waited for
            await asyncio.sleep(0.02)


async def until_written(live: Running, count: int) -> None:
    async def is_written() -> bool:
        return await live.metric("rows_total", outcome="written") == count

    await until(is_written)


def test_a_request_and_its_answer_become_rows_and_the_page_counts_them(tmp_path: Path) -> None:
    async def scenario(live: Running) -> None:
        assert await live.send(event(EventKind.REQUEST, {"jsonData": {"storeId": "4"}})) == 202
        assert await live.send(event(EventKind.RESPONSE, SAID)) == 202
        await until_written(live, 2)
        assert [row.store_id for row in live.rows()] == ["4", "5"]
        assert await live.metric("events_total", type="request") == 1
        assert await live.metric("events_total", type="response") == 1
        assert await live.metric("batch_seconds_count") == 1
        assert await live.metric("queue_events") == await live.metric("lag_seconds") == 0

    run(tmp_path, scenario)


def test_every_event_that_the_real_executor_sent_is_accepted_and_none_is_a_forecast(tmp_path: Path) -> None:
    async def scenario(live: Running) -> None:
        sent = list(recorded())
        assert {(await live.post(body, read))[0] for read, body in sent} == {202}

    run(tmp_path, scenario)
    database = RequestLogDatabase(RequestLogSettings().database_url(tmp_path))
    assert database.recent(1) == []


def test_the_end_writes_a_response_that_still_waits_for_its_request(tmp_path: Path) -> None:
    async def scenario(live: Running) -> None:
        await live.send(event(EventKind.RESPONSE, SAID))
        assert live.rows() == []
        assert await live.metric("pairs_waiting") == 1

    run(tmp_path, scenario)
    assert len(RequestLogDatabase(RequestLogSettings().database_url(tmp_path)).recent(9)) == 2


def test_a_response_that_nobody_asked_for_is_written_after_its_wait(tmp_path: Path) -> None:
    async def scenario(live: Running) -> None:
        await live.send(event(EventKind.RESPONSE, SAID))
        await until_written(live, 2)
        assert await live.metric("unpaired_responses_total") == 1

    run(tmp_path, scenario, pair_wait_s=0.1)


def test_an_event_that_is_sent_again_gives_no_second_row(tmp_path: Path) -> None:
    async def scenario(live: Running) -> None:
        pair = (event(EventKind.REQUEST, {"jsonData": {"storeId": "4"}}), event(EventKind.RESPONSE, SAID))
        for each in (*pair, *pair):
            assert await live.send(each) == 202
        await until_written(live, 2)
        assert await live.metric("dropped_events_total", reason="duplicate") == 2

    run(tmp_path, scenario)

    async def after_a_restart(live: Running) -> None:
        await live.send(event(EventKind.RESPONSE, SAID))

        async def is_known() -> bool:
            return await live.metric("rows_total", outcome="present") == 2

        await until(is_known)
        assert len(live.rows()) == 2

    run(tmp_path, after_a_restart, pair_wait_s=0.1)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({"ce-type": "other"}, "ce-type"), ({"ce-requestid": ""}, "ce-requestid"), ({"ce-time": "x"}, "ce-time")],
)
def test_what_is_no_event_of_the_executor_is_400_and_says_why(
    changed: dict[str, str], reason: str, tmp_path: Path
) -> None:
    async def scenario(live: Running) -> None:
        status, told = await live.post(b"{}", headers(EventKind.RESPONSE) | changed)
        assert (status, reason in told) == (400, True)
        assert await live.metric("dropped_events_total", reason="bad_headers") == 1

    run(tmp_path, scenario)


@pytest.mark.parametrize(("body", "reason"), [(b"{", "not_json"), (b'{"strData": "x"}', "not_a_forecast")])
def test_a_body_that_is_no_forecast_is_accepted_and_counted(body: bytes, reason: str, tmp_path: Path) -> None:
    async def scenario(live: Running) -> None:
        assert await live.send(event(EventKind.REQUEST, b"asked")) == 202
        assert await live.send(event(EventKind.RESPONSE, body)) == 202

        async def is_counted() -> bool:
            return await live.metric("dropped_events_total", reason=reason) == 1

        await until(is_counted)
        assert await live.metric("queue_events") == 0

    run(tmp_path, scenario)


def test_an_answer_that_our_own_code_cannot_read_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def read(exchange: Exchange) -> list[LoggedItem]:
        if exchange.response.header.origin.request_id == "poison":
            raise ZeroDivisionError("quotes secret-store")
        return items_of(exchange)

    async def scenario(live: Running) -> None:
        for request_id in ("poison", "good"):
            assert await live.send(event(EventKind.RESPONSE, SAID, request_id)) == 202
        await until_written(live, 2)
        assert {row.request_id for row in live.rows()} == {"good"}
        assert await live.metric("dropped_events_total", reason="unreadable") == 1
        assert await live.metric("queue_events") == 0

    monkeypatch.setattr(writer, "items_of", read)
    run(tmp_path, scenario, pair_wait_s=0.05)
    (told,) = [vars(each)["facts"] for each in caplog.records if each.message == "request_log.answer_unreadable"]
    assert told == {"reason": "ZeroDivisionError", "request_id": "poison"}
    assert "secret" not in caplog.text


def test_feedback_is_accepted_and_gives_no_row(tmp_path: Path) -> None:
    async def scenario(live: Running) -> None:
        assert await live.send(event(EventKind.FEEDBACK, {"reward": 1})) == 202
        assert await live.metric("dropped_events_total", reason="feedback") == 1

    run(tmp_path, scenario)


def test_an_event_above_the_limit_is_413_with_and_without_its_length(tmp_path: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 50

    async def scenario(live: Running) -> None:
        assert await live.send(event(EventKind.RESPONSE, b"x" * 101)) == 413
        async with live.session.post("/", data=chunks(), headers=headers(EventKind.RESPONSE)) as reply:
            assert reply.status == 413
        assert await live.metric("dropped_events_total", reason="too_large") == 2
        assert await live.metric("queue_bytes") == 0

    run(tmp_path, scenario, event_bytes=100)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_body_counts_as_large_as_it_was_sent_and_is_never_decompressed(encoding: str, tmp_path: Path) -> None:
    bomb = gzip.compress(b" " * 1_000_000)

    async def scenario(live: Running) -> None:
        sent = headers(EventKind.REQUEST) | {"Content-Encoding": encoding}
        assert (await live.post(bomb, sent))[0] == 202
        assert await live.metric("queue_bytes") == len(bomb)
        sent = headers(EventKind.RESPONSE) | {"Content-Encoding": encoding}
        assert (await live.post(bomb, sent))[0] == 202

        async def is_counted() -> bool:
            return await live.metric("dropped_events_total", reason="not_json") == 1

        await until(is_counted)

    run(tmp_path, scenario, event_bytes=2 * len(bomb))


def test_a_sender_that_goes_away_in_the_middle_of_a_body_leaves_its_room(tmp_path: Path) -> None:
    async def scenario(live: Running) -> None:
        lines = [f"{name}: {value}" for name, value in headers(EventKind.RESPONSE).items()]
        head = "\r\n".join(["POST / HTTP/1.1", "Host: sink", "Content-Length: 100", *lines, "", "half a body"])
        _, sender = await asyncio.open_connection("127.0.0.1", live.port)
        sender.write(head.encode())
        await sender.drain()

        async def has_room_reserved() -> bool:
            return await live.metric("queue_bytes") == 100

        await until(has_room_reserved)
        sender.close()

        async def is_free() -> bool:
            return await live.metric("queue_events") == await live.metric("queue_bytes") == 0

        await until(is_free)
        assert await live.metric("dropped_events_total", reason="torn_body") == 1

    run(tmp_path, scenario)


def test_a_locked_database_fills_the_queue_then_503_and_all_that_was_accepted_is_written_later(tmp_path: Path) -> None:
    async def scenario(live: Running) -> None:
        lock = sqlite3.connect(tmp_path / "request-log.sqlite", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        statuses = [await live.send(event(EventKind.RESPONSE, SAID, f"r-{n}")) for n in range(8)]
        assert statuses == [202] * 5 + [503] * 3
        assert await live.metric("dropped_events_total", reason="queue_full") == 3

        async def has_failed() -> bool:
            return await live.metric("database_failures_total") >= 1

        await until(has_failed)
        async with live.session.get("/health") as reply:
            assert (reply.status, (await reply.json())["database"]) == (200, "away")
        assert await live.metric("lag_seconds") > 0
        lock.execute("ROLLBACK")
        lock.close()
        await until_written(live, 10)
        assert {row.request_id for row in live.rows()} == {f"r-{n}" for n in range(5)}
        assert await live.send(event(EventKind.RESPONSE, SAID, "r-9")) == 202

    run(tmp_path, scenario, queue_events=5, pair_wait_s=0.05)


def test_a_queue_that_is_full_of_bytes_is_503(tmp_path: Path) -> None:
    async def scenario(live: Running) -> None:
        lock = sqlite3.connect(tmp_path / "request-log.sqlite", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        assert [await live.send(event(EventKind.RESPONSE, SAID, f"r-{n}")) for n in range(3)] == [202, 202, 503]
        assert await live.metric("queue_bytes") == 2 * size
        lock.close()
        await until_written(live, 4)

    size = len(event(EventKind.RESPONSE, SAID).body)
    run(tmp_path, scenario, queue_bytes=int(2.5 * size), pair_wait_s=0.05)


def test_tables_that_somebody_dropped_are_made_again(tmp_path: Path) -> None:
    async def scenario(live: Running) -> None:
        with sqlite3.connect(tmp_path / "request-log.sqlite") as connection:
            connection.execute("DROP TABLE request_log_forecasts")
        connection.close()
        await live.send(event(EventKind.RESPONSE, SAID))
        await until_written(live, 2)
        assert await live.metric("database_failures_total") >= 1

    run(tmp_path, scenario, pair_wait_s=0.05)


def test_what_cannot_be_written_until_the_end_is_counted_as_lost(tmp_path: Path) -> None:
    async def whole() -> int:
        settings = RequestLogSettings(database_timeout_s=0.1, flush_s=0.5)
        sink = Sink(RequestLogDatabase(settings.database_url(tmp_path), 0.1), settings)
        port = await sink.start("127.0.0.1", 0)
        lock = sqlite3.connect(tmp_path / "request-log.sqlite", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            for number in range(3):
                sent = headers(EventKind.RESPONSE, f"r-{number}")
                async with session.post("/", data=event(EventKind.RESPONSE, SAID).body, headers=sent) as reply:
                    assert reply.status == 202
        lost = await sink.stop()
        lock.close()
        return lost

    assert asyncio.run(whole()) == 3


def test_one_answer_that_the_database_refuses_costs_no_other(tmp_path: Path) -> None:
    async def scenario(live: Running) -> None:
        # A trigger stands for any rule that a database may have.
        with sqlite3.connect(tmp_path / "request-log.sqlite") as connection:
            connection.execute(
                "CREATE TRIGGER no_five BEFORE INSERT ON request_log_forecasts WHEN NEW.store_id = '5' "
                "BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        connection.close()
        await live.send(event(EventKind.RESPONSE, SAID))
        await until_written(live, 1)
        assert [row.store_id for row in live.rows()] == ["4"]
        assert await live.metric("rows_total", outcome="refused") == 1

    run(tmp_path, scenario, pair_wait_s=0.05)


def test_rows_that_are_too_old_go_when_the_sink_starts(tmp_path: Path) -> None:
    async def fill(live: Running) -> None:
        await live.post(
            event(EventKind.RESPONSE, SAID).body,
            headers(EventKind.RESPONSE, "old", **{"ce-time": "2001-01-01T00:00:00Z"}),
        )
        await live.send(event(EventKind.RESPONSE, SAID, "new"))

    async def is_pruned(live: Running) -> None:
        async def pruned() -> bool:
            return await live.metric("rows_total", outcome="pruned") == 2

        await until(pruned)
        assert {row.request_id for row in live.rows()} == {"new"}

    run(tmp_path, fill, keep_days=36500)
    run(tmp_path, is_pruned, keep_days=9000)


def test_no_payload_and_no_store_reaches_the_log_of_the_sink(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(live: Running) -> None:
        await live.send(event(EventKind.RESPONSE, answer(entry("secret-store"))))
        await live.send(event(EventKind.RESPONSE, b'{"secret": 1', "r-2"))

    with caplog.at_level("DEBUG", logger="monitoring"):
        run(tmp_path, scenario)
    assert "secret" not in "".join(f"{record.getMessage()} {vars(record).get('facts')}" for record in caplog.records)
