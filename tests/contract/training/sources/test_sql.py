"""History from real databases: a SQLite file and a PostgreSQL server."""

import datetime as dt
import socket
import sqlite3
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from training.errors import DataError, HistoryUnreachableError
from training.sources.base import Source
from training.sources.open import open_source
from training.sources.sql import BATCH_ROWS, HISTORY_URL

N_LATE = BATCH_ROWS + 10

EVERY_TYPE = """
SELECT '007'::text AS id, 'a'::char(1) AS kind, 7::smallint AS small, 7::bigint AS big, 7::numeric(10) AS code,
       12.50::numeric(8, 2) AS exact, 1.5::real AS short, true AS flag, date '2015-06-19' AS ds,
       timestamp '2015-06-19 12:00' AS at, timestamptz '2015-06-19 12:00+00' AS zoned, NULL AS nothing
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL::numeric(10), NULL, NULL, NULL, NULL, NULL, NULL, NULL
"""
LATE_VALUES = """
SELECT g AS n, CASE WHEN g > {first} THEN date '2015-06-19' END AS ds, CASE WHEN g > {first} THEN 1.5 END AS y
FROM generate_series(1, {last}) AS g
"""


def source(folder: Path, query: str, url: str | None) -> Source:
    path = folder / "history.sql"
    path.write_text(query, encoding="utf-8")
    return open_source(path, {} if url is None else {HISTORY_URL: url})


def table(folder: Path, query: str, url: str | None, *columns: str) -> pa.Table:
    opened = source(folder, query, url)
    return pa.Table.from_batches(list(opened.batches(columns or opened.column_names)))


def problem(folder: Path, query: str, url: str | None) -> str:
    with pytest.raises(DataError) as caught:
        table(folder, query, url)
    return str(caught.value)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """One table of two stores that differ in leading zeros alone."""
    path = tmp_path / "history.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE sales (store TEXT, day TEXT, amount REAL, open INTEGER)")
        rows = [("007", "2015-06-19", 12.5, 1), ("7", "soon", None, 0)]
        database.executemany("INSERT INTO sales VALUES (?, ?, ?, ?)", rows)
    database.close()
    return f"sqlite:///{path}"


def test_sqlite_knows_no_column_types_so_every_cell_is_text(tmp_path: Path, sqlite_url: str) -> None:
    read = table(tmp_path, "SELECT * FROM sales; -- all of it\n", sqlite_url)

    assert read.to_pydict() == {
        "store": ["007", "7"],
        "day": ["2015-06-19", "soon"],
        "amount": ["12.5", None],
        "open": ["1", "0"],
    }


def test_columns_of_a_query_come_as_asked_and_in_that_order(tmp_path: Path, sqlite_url: str) -> None:
    read = table(tmp_path, "WITH s AS (SELECT * FROM sales) SELECT * FROM s", sqlite_url, "open", "store")

    assert read.to_pydict() == {"open": ["1", "0"], "store": ["007", "7"]}


def test_colons_and_percents_of_a_query_are_left_alone(tmp_path: Path, sqlite_url: str, postgres_url: str) -> None:
    for url in (sqlite_url, postgres_url):
        query = "SELECT 'a' AS a WHERE 'a :b; 50%' LIKE '% :b%' /* ; delete */"
        assert table(tmp_path, query, url).to_pydict() == {"a": ["a"]}


def test_every_type_of_postgresql_arrives_as_one_that_readers_know(tmp_path: Path, postgres_url: str) -> None:
    read = table(tmp_path, EVERY_TYPE, postgres_url)

    moment = pa.timestamp("us")
    numbers = [pa.int64(), pa.int64(), pa.int64(), pa.float64(), pa.float64(), pa.uint8()]
    texts = [pa.string(), pa.string()]
    assert read.schema.types == [*texts, *numbers, pa.date32(), moment, moment, pa.string()]
    noon = dt.datetime(2015, 6, 19, 12)  # noqa: DTZ001 - the server's zone is UTC, and is left out
    expected = ["007", "a", 7, 7, 7, 12.5, 1.5, 1, dt.date(2015, 6, 19), noon, noon, None]
    assert [list(row.values()) for row in read.to_pylist()] == [expected, [None] * len(expected)]


def test_batches_keep_one_schema_where_the_first_has_no_value(tmp_path: Path, postgres_url: str) -> None:
    query = LATE_VALUES.format(first=BATCH_ROWS, last=N_LATE)

    batches = list(source(tmp_path, query, postgres_url).batches(["ds", "y", "n"]))

    assert [len(batch) for batch in batches] == [BATCH_ROWS, 10]
    assert {batch.schema for batch in batches} == {
        pa.schema([("ds", pa.date32()), ("y", pa.float64()), ("n", pa.int64())])
    }
    assert batches[0].column("ds").null_count == BATCH_ROWS
    assert batches[1].column("y").to_pylist() == [1.5] * 10


def test_a_query_writes_nothing(tmp_path: Path, sqlite_url: str, postgres_url: str) -> None:
    with sa.create_engine(postgres_url).begin() as connection:
        connection.exec_driver_sql("CREATE SEQUENCE counted_by_sources")

    assert "read-only" in problem(tmp_path, "SELECT nextval('counted_by_sources') AS n", postgres_url)
    assert "readonly" in problem(tmp_path, "WITH s AS (SELECT 1) DELETE FROM sales", sqlite_url)
    assert table(tmp_path, "SELECT * FROM sales", sqlite_url).num_rows == 2


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "got 'nothing'"),
        ("-- SELECT 1", "got 'nothing'"),
        ("DELETE FROM sales", "got 'DELETE'"),
        ("SELECT 1 AS a; SELECT 2 AS a", "several statements"),
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELECT 1 AS a, 2 AS a", "wanted one column 'a', got 2 of them"),
    ],
)
def test_what_is_not_one_good_select_is_refused(
    tmp_path: Path, sqlite_url: str, postgres_url: str, query: str, told: str
) -> None:
    for url in (sqlite_url, postgres_url):
        message = problem(tmp_path, query, url)
        assert told in message
        assert "history.sql" in message


def test_a_query_that_breaks_off_in_the_middle_is_told(tmp_path: Path, postgres_url: str) -> None:
    query = "SELECT 1 / (g - {last}) AS y FROM generate_series(1, {last}) AS g"

    assert "division by zero" in problem(tmp_path, query.format(last=N_LATE), postgres_url)


def test_a_variable_that_names_no_database_is_told(tmp_path: Path) -> None:
    assert f"{HISTORY_URL}, got nothing; set it" in problem(tmp_path, "SELECT 1", None)
    assert "wanted a SQLAlchemy URL" in problem(tmp_path, "SELECT 1", "the usual one")
    assert "driver" in problem(tmp_path, "SELECT 1", "nosuchkind://host/database")


def test_a_sqlite_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert "got no file at" in problem(tmp_path, "SELECT 1", f"sqlite:///{tmp_path / 'no.db'}")
    assert not (tmp_path / "no.db").exists()


def test_no_message_shows_a_password(tmp_path: Path, postgres_url: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        closed = nobody.getsockname()[1]
        urls = [
            postgres_url.replace("://storecast:", "://storecast:hush-"),
            f"postgresql+psycopg://planner:hush@127.0.0.1:{closed}/sales",
            f"postgresql+psycopg://planner:hu@hush@127.0.0.1:{closed}/sales",
            "postgresql+psycopg://planner:hu:1@hush:2@host/sales",
            "postgresql+psycopg://planner@host.invalid/sales?password=hush",
            "nosuchkind://planner:hush@host/sales",
        ]
        for url in urls:
            message = problem(tmp_path, "SELECT 1 AS a", url)
            assert "hush" not in message
            assert "wanted" in message


def test_a_source_tells_where_it_is_without_the_password(tmp_path: Path, postgres_url: str) -> None:
    opened = source(tmp_path, "SELECT 1 AS a", postgres_url)
    password = sa.make_url(postgres_url).password

    assert password
    assert "history.sql in postgresql+psycopg://storecast:***@127.0.0.1:" in opened.where
    assert password not in f"{opened.where}{opened!r}"


def test_a_database_that_is_away_is_no_fault_of_the_data(tmp_path: Path) -> None:
    query = tmp_path / "sales.sql"
    query.write_text("SELECT 1 AS store")
    url = "postgresql+psycopg://reader:hidden@127.0.0.1:1/shop"
    with pytest.raises(HistoryUnreachableError, match="check that the database runs") as caught:
        open_source(query, {"STORECAST_HISTORY_URL": url})
    assert caught.value.exit_code == 3
    assert "hidden" not in str(caught.value)
