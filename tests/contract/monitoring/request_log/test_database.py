"""The tables of the request log, the same on a real SQLite file and a real PostgreSQL server."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from support.monitoring.logged_events import ISSUED_AT, answer, entry, error_entry, event, rows_of, table
from support.servers.postgres import postgres_server

from monitoring.request_log.database import RequestLogDatabase
from monitoring.request_log.errors import DatabaseAwayError, RequestLogUsageError, RowsRefusedError
from monitoring.request_log.events import EventKind
from monitoring.request_log.export import write_parquet
from monitoring.request_log.intake import Exchange
from monitoring.request_log.items import LoggedItem, items_of


@pytest.fixture(scope="module")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return URL.create("sqlite", database=str(tmp_path / "home" / "log.sqlite"))
    url = make_url(request.getfixturevalue("postgres_url"))
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return url


@pytest.fixture
def database(url: URL) -> Iterator[RequestLogDatabase]:
    opened = RequestLogDatabase(url)
    opened.prepare()
    yield opened
    opened.close()


def items(*stores: str, request_id: str = "r-1", days_later: float = 0.0) -> list[LoggedItem]:
    response = event(EventKind.RESPONSE, answer(*(entry(store) for store in stores)), request_id)
    moved = ISSUED_AT + timedelta(days=days_later)
    return [replace(item, issued_at=moved) for item in items_of(Exchange(response, None))]


def everything(database: RequestLogDatabase) -> list[LoggedItem]:
    return [item for chunk in database.between() for item in chunk]


def test_a_row_comes_back_as_it_was_written(database: RequestLogDatabase) -> None:
    said = entry("4\N{SNOWMAN}'\"*/", 2)
    said["forecast"][0] |= {"value": 1 / 3, "note": "closed"}
    written = items_of(Exchange(event(EventKind.RESPONSE, answer(said, error_entry("x"))), None))
    assert database.write(written) == 2
    forecast, error = database.recent(5)
    assert forecast == replace(written[0], days=list(written[0].days))
    assert (error.store_id, error.error_code, list(error.days)) == ("x", "UNKNOWN_STORE", [])


def test_a_row_is_written_once_whoever_writes_it_and_however_often(database: RequestLogDatabase, url: URL) -> None:
    other = RequestLogDatabase(url)
    assert database.write(items("4", "5")) == 2
    assert other.write(items("4", "5")) == 0
    other.close()
    assert len(everything(database)) == 2


def by_rows(request_id: str = "r-1") -> tuple[list[LoggedItem], list[LoggedItem]]:
    """The items of one answer by rows as two sinks see it: one without its request, and one with it, which has more."""
    spans = [("4", "2015-06-20", "2015-06-21"), ("4", "2015-06-22", "2015-06-23"), ("5", "2015-06-20", "2015-06-21")]
    rows = [row for store, first, _ in spans for row in rows_of(store, first, 2)]
    names = ["store_id", "begin_date", "end_date"]
    request = event(EventKind.REQUEST, {"data": {"names": names, "ndarray": spans}}, request_id)
    response = event(EventKind.RESPONSE, table(rows), request_id)
    return items_of(Exchange(response, None)), items_of(Exchange(response, request))


@pytest.mark.parametrize("turn", [1, -1])
def test_an_answer_that_two_sinks_cut_into_items_differently_is_written_by_one_of_them(
    turn: int, database: RequestLogDatabase
) -> None:
    first, second = by_rows()[::turn]
    assert sorted([len(first), len(second)]) == [2, 3]
    assert database.write(first) == len(first)
    assert database.write([*second, *items("7")]) == 1
    kept = [row for row in everything(database) if row.answer == first[0].answer]
    assert sorted((row.item, row.store_id, tuple(row.days)) for row in kept) == [
        (item.item, item.store_id, tuple(item.days)) for item in first
    ]


def test_two_sinks_at_once_never_mix_their_items_of_an_answer(url: URL) -> None:
    sinks = [RequestLogDatabase(url) for _ in range(2)]
    counts: list[int] = []

    def run(sink: RequestLogDatabase, mine: int) -> None:
        sink.prepare()
        for start in range(0, 40, 4):
            batch = [item for n in range(start, start + 4) for item in by_rows(f"r-{n}")[(mine + n) % 2]]
            counts.append(sink.write(batch))

    threads = [threading.Thread(target=run, args=(sink, mine)) for mine, sink in enumerate(sinks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    days_of: dict[str, list[str]] = {}
    for row in everything(sinks[0]):
        days_of.setdefault(row.request_id, []).extend(f"{row.store_id} {day}" for day in row.days)
    for sink in sinks:
        sink.close()
    assert len(counts) == 20
    assert {len(days) for days in days_of.values()} == {len(set(days)) for days in days_of.values()} == {6}
    assert len(days_of) == 40


def test_two_sinks_that_write_the_same_rows_at_once_write_each_once(url: URL) -> None:
    sinks = [RequestLogDatabase(url) for _ in range(2)]
    counts: list[int] = []

    def run(sink: RequestLogDatabase, step: int) -> None:
        sink.prepare()
        for start in range(20):
            stores = [str(store) for store in range(20)][::step]
            counts.append(sink.write(items(*stores, request_id=f"r-{start}")[::step]))

    threads = [threading.Thread(target=run, args=(sink, step)) for sink, step in zip(sinks, (1, -1), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    rows = everything(sinks[0])
    assert len(counts) == 40
    assert sum(counts) == len(rows) == len({(row.request_id, row.answer, row.item) for row in rows})
    for sink in sinks:
        sink.close()


def test_sinks_that_start_at_once_on_a_new_database_all_find_their_tables(tmp_path: Path) -> None:
    refused: list[DatabaseAwayError] = []
    for number in range(40):
        sinks = [
            RequestLogDatabase(URL.create("sqlite", database=str(tmp_path / f"{number}.sqlite"))) for _ in range(6)
        ]
        together = threading.Barrier(len(sinks))

        def start(sink: RequestLogDatabase, together: threading.Barrier = together) -> None:
            together.wait()
            try:
                sink.prepare()
            except DatabaseAwayError as error:
                refused.append(error)

        threads = [threading.Thread(target=start, args=(sink,)) for sink in sinks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for sink in sinks:
            sink.close()
    assert not refused


def test_a_text_with_a_nul_is_kept_without_it(database: RequestLogDatabase) -> None:
    assert database.write(items("a\x00b")) == 1
    assert database.recent(1)[0].store_id is not None
    assert len(database.recent(1)[0].store_id or "") == 3


def test_a_row_that_can_never_be_written_is_told_apart_from_a_database_that_is_away(
    database: RequestLogDatabase,
) -> None:
    good, bad = items("4", "5")
    nothing: Any = None
    with pytest.raises(RowsRefusedError):
        database.write([good, replace(bad, issued_at=nothing)])
    assert everything(database) == []


def test_a_row_that_is_too_large_for_postgresqls_index_is_refused_and_not_tried_for_ever(
    database: RequestLogDatabase, url: URL
) -> None:
    random = Random(1)  # noqa: S311 - what can be compressed would fit
    (item,) = items("4")
    huge = replace(item, store_id="".join(chr(random.randrange(33, 40_000)) for _ in range(9000)))
    if url.get_backend_name() == "sqlite":
        assert database.write([huge]) == 1
    else:
        with pytest.raises(RowsRefusedError):
            database.write([huge])


def test_preparing_again_keeps_the_rows(database: RequestLogDatabase) -> None:
    database.write(items("4"))
    database.prepare()
    assert len(everything(database)) == 1


def test_tables_of_another_version_are_left_alone(database: RequestLogDatabase, url: URL) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE request_log_schema SET version = 2"))
    engine.dispose()
    for refused in (database.prepare, database.check):
        with pytest.raises(RequestLogUsageError, match=r"wanted tables of version 1 in .*, got \[2\]"):
            refused()


def test_reading_where_there_is_no_log_says_so_and_makes_none(url: URL) -> None:
    reader = RequestLogDatabase(url)
    for _ in range(2):
        with pytest.raises(RequestLogUsageError, match=r"wanted a request log in .*, got none"):
            reader.check()
    reader.close()


def test_the_newest_rows_of_a_store_or_a_request_come_first(database: RequestLogDatabase) -> None:
    for day in range(3):
        database.write(items("4", "5", request_id=f"r-{day}", days_later=day))
    assert [item.request_id for item in database.recent(2, store_id="4")] == ["r-2", "r-1"]
    assert [item.store_id for item in database.recent(9, request_id="r-1")] == ["4", "5"]


def test_pruning_removes_what_is_old_in_pieces_and_nothing_else(database: RequestLogDatabase) -> None:
    for day in range(10):
        database.write(items("4", "5", request_id=f"r-{day}", days_later=day))
    before = ISSUED_AT + timedelta(days=7)
    assert database.count(before) == 14
    pieces = []
    while removed := database.prune(before, limit=4):
        pieces.append(removed)
    assert pieces == [4, 4, 4, 2]
    assert [item.request_id for item in everything(database)] == ["r-7", "r-7", "r-8", "r-8", "r-9", "r-9"]


def test_the_export_has_one_row_a_forecast_day(database: RequestLogDatabase, tmp_path: Path) -> None:
    database.write(items_of(Exchange(event(EventKind.RESPONSE, answer(entry("4", 2), error_entry("x"))), None)))
    database.write(items("5", request_id="r-2", days_later=1))
    path = tmp_path / "new" / "log.parquet"
    assert write_parquet(database.between(chunk=1), path) == 4
    rows = pq.read_table(path).to_pylist()
    assert [(row["store_id"], f"{row['ds']}", row["value"]) for row in rows[:2]] == [
        ("4", "2015-06-20", 10.5),
        ("4", "2015-06-21", 11.5),
    ]
    assert (rows[0]["issued_at"], rows[0]["request_id"], rows[0]["level"]) == (ISSUED_AT, "r-1", 0.9)
    assert {row["store_id"] for row in rows[2:]} == {"5"}


def test_the_export_takes_a_span_of_issue_times(database: RequestLogDatabase) -> None:
    for day in range(3):
        database.write(items("4", request_id=f"r-{day}", days_later=day))
    chunks = database.between(ISSUED_AT + timedelta(days=1), ISSUED_AT + timedelta(days=2))
    assert [item.request_id for chunk in chunks for item in chunk] == ["r-1"]


def test_an_export_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def failing() -> Iterator[list[LoggedItem]]:
        yield items("4")
        raise DatabaseAwayError("gone")

    with pytest.raises(DatabaseAwayError):
        write_parquet(failing(), tmp_path / "log.parquet")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_log_exports_a_file_with_the_columns(database: RequestLogDatabase, tmp_path: Path) -> None:
    assert write_parquet(database.between(), tmp_path / "log.parquet") == 0
    assert pq.read_table(tmp_path / "log.parquet").column_names[:2] == ["store_id", "ds"]


def test_a_server_that_is_not_there_is_away_and_its_password_is_not_told() -> None:
    nowhere = RequestLogDatabase(make_url("postgresql+psycopg://u:hunter2@127.0.0.1:1/x"), 1.0)
    with pytest.raises(DatabaseAwayError, match="got OperationalError") as caught:
        nowhere.prepare()
    assert "hunter2" not in str(caught.value)
