"""The database of the request log: SQLite or PostgreSQL, through SQLAlchemy Core."""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, Engine, Select, create_engine, delete, event, func, insert, inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from monitoring.request_log.errors import DatabaseAwayError, RequestLogUsageError, RowsRefusedError
from monitoring.request_log.items import LoggedItem
from monitoring.request_log.tables import FORECASTS, METADATA, SCHEMA, VERSION

# Rows that one transaction removes: other transactions must not wait long for it.
PRUNE_ROWS: Final = 5000
# Two sinks that start at the same time must not both make the tables; any number that nobody else uses.
_MAKING_TABLES: Final = 7_105_302_119
_RETRY_S: Final = 0.01
# PostgreSQL's class of errors for values that are too large; a second try would not help.
_LIMIT_EXCEEDED: Final = "54"
_COLUMNS: Final = tuple(column.name for column in FORECASTS.columns)
_KEY: Final = tuple(column.name for column in FORECASTS.primary_key)
_ANSWER: Final = [column for column in FORECASTS.primary_key if column is not FORECASTS.c.item]
_answer_of: Final = attrgetter(*(column.name for column in _ANSWER))


class RequestLogDatabase:
    """The log's tables. Thread-safe; no connection is made before the first call.

    Args: timeout_s: how long a connection, a lock and a statement that writes may take.
    """

    def __init__(self, url: URL, timeout_s: float = 10.0) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._engine = _engine(url, timeout_s)
        self._is_sqlite = url.get_backend_name() == "sqlite"

    @property
    def where(self) -> str:
        """The database without user, password and options, for people and logs."""
        return URL.create(
            self._url.get_backend_name(), host=self._url.host, port=self._url.port, database=self._url.database
        ).render_as_string()

    def prepare(self) -> None:
        """Create the tables if there are none.

        Raises: RequestLogUsageError: their version is another.  DatabaseAwayError: try again.
        """
        if self._is_sqlite:
            with _as_away():
                Path(str(self._url.database)).parent.mkdir(parents=True, exist_ok=True)
        with self._transaction() as connection:
            if self._is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MAKING_TABLES})
            METADATA.create_all(connection)
            if connection.execute(select(func.count()).select_from(SCHEMA)).scalar_one() == 0:
                connection.execute(insert(SCHEMA).values(version=VERSION))
            self._check_version(connection)

    def check(self) -> None:
        """Check that there is a log to read.

        Raises: RequestLogUsageError: there is none, or of another version.  DatabaseAwayError: cannot be reached.
        """
        todo = "start `storecast request-log serve`, or choose another log with STORECAST_REQUEST_LOG_URL or --home"
        missing = RequestLogUsageError(f"wanted a request log in {self.where}, got none; {todo}")
        if self._is_sqlite and not Path(str(self._url.database)).is_file():
            raise missing
        with self._transaction() as connection:
            if not inspect(connection).has_table(SCHEMA.name):
                raise missing
            self._check_version(connection)

    def write(self, items: Iterable[LoggedItem]) -> int:
        """Write the items in one transaction, without those of answers that the log has already.

        The first item of an answer reserves the answer. Two sinks may split the same answer into different items, and
        rows of both would count days twice.

        Returns: how many items are new.
        Raises:  DatabaseAwayError: nothing was written, try again.  RowsRefusedError: nothing was written, and the
                 database will never take one of the items.
        """
        # In the order of the key: two sinks that write the same rows then wait in turn, without a deadlock.
        answers = [list(answer) for _, answer in groupby(sorted(items, key=attrgetter(*_KEY)), _answer_of)]
        if not answers:
            return 0
        with self._transaction() as connection:
            claimed = set(self._add(connection, [answer[0] for answer in answers]))
            others = [item for answer in answers for item in answer[1:] if _answer_of(item) in claimed]
            return len(claimed) + len(self._add(connection, others))

    def prune(self, before: datetime, limit: int = PRUNE_ROWS) -> int:
        """Remove about `limit` of the rows issued before a time, oldest first; returns how many; 0 = none left."""
        old = select(FORECASTS.c.issued_at).where(FORECASTS.c.issued_at < before).order_by(FORECASTS.c.issued_at)
        with self._transaction() as connection:
            last = connection.execute(old.offset(limit - 1).limit(1)).scalar()
            until = FORECASTS.c.issued_at < before if last is None else FORECASTS.c.issued_at <= last
            return int(connection.execute(delete(FORECASTS).where(until)).rowcount)

    def count(self, before: datetime) -> int:
        """How many rows were issued before a time."""
        with self._transaction() as connection:
            old = select(func.count()).select_from(FORECASTS).where(FORECASTS.c.issued_at < before)
            return int(connection.execute(old).scalar_one())

    def recent(self, last: int, store_id: str | None = None, request_id: str | None = None) -> list[LoggedItem]:
        """The newest items, newest first, of one store or one request where they are given."""
        query = select(FORECASTS).order_by(FORECASTS.c.issued_at.desc(), FORECASTS.c.request_id, FORECASTS.c.item)
        if store_id is not None:
            query = query.where(FORECASTS.c.store_id == store_id)
        if request_id is not None:
            query = query.where(FORECASTS.c.request_id == request_id)
        return [item for chunk in self._read(query.limit(last), last) for item in chunk]

    def between(
        self, since: datetime | None = None, until: datetime | None = None, chunk: int = 500
    ) -> Iterator[Sequence[LoggedItem]]:
        """Items with a forecast, by time, in chunks of bounded size: issued at `since` or later, before `until`."""
        query = select(FORECASTS).where(FORECASTS.c.error_code.is_(None)).order_by(FORECASTS.c.issued_at)
        if since is not None:
            query = query.where(FORECASTS.c.issued_at >= since)
        if until is not None:
            query = query.where(FORECASTS.c.issued_at < until)
        return self._read(query, chunk)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _add(self, connection: Connection, items: Iterable[LoggedItem]) -> list[tuple[Any, ...]]:
        """Insert what is not there; returns the answer of each new row."""
        rows = [{name: getattr(item, name) for name in _COLUMNS} for item in items]
        if not rows:
            return []
        dialect_insert = sqlite.insert if self._is_sqlite else postgresql.insert
        # The returned rows are counted: drivers disagree on the row count of an insert with many parameter sets.
        adding = dialect_insert(FORECASTS).on_conflict_do_nothing().returning(*_ANSWER)
        return [tuple(row) for row in connection.execute(adding, rows)]

    def _read(self, query: Select[Any], chunk: int) -> Iterator[list[LoggedItem]]:
        with _as_away(), self._engine.connect() as connection:
            rows = connection.execution_options(yield_per=chunk).execute(query)
            for partition in rows.mappings().partitions():
                yield [LoggedItem(**row) for row in partition]

    def _check_version(self, connection: Connection) -> None:
        versions = connection.execute(select(SCHEMA.c.version)).scalars().all()
        if versions != [VERSION]:
            wanted = f"wanted tables of version {VERSION} in {self.where}, got {versions}"
            raise RequestLogUsageError(f"{wanted}; use the version of storecast that wrote them, or another database")

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with _as_away(), self._engine.begin() as connection:
            if not self._is_sqlite:
                timeout_ms = int(self._timeout_s * 1000)
                # For this transaction only, so that it also works behind a connection pooler.
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = {timeout_ms}")
            yield connection


@contextmanager
def _as_away() -> Iterator[None]:
    """Turn the database's errors into ours. Their text may quote a row, so only their kind is shown."""
    try:
        yield
    except (DataError, IntegrityError, ValueError, OverflowError) as error:
        # The last two: a value that the driver cannot send.
        raise RowsRefusedError(_kind_of(error)) from error
    except (SQLAlchemyError, OSError) as error:
        if str(getattr(getattr(error, "orig", None), "sqlstate", "")).startswith(_LIMIT_EXCEEDED):
            raise RowsRefusedError(_kind_of(error)) from error
        message = f"wanted an answer from the database of the request log, got {_kind_of(error)}; check that it runs"
        raise DatabaseAwayError(message) from error


def _kind_of(error: Exception) -> str:
    origin = getattr(error, "orig", None)
    return type(origin or error).__name__


def _engine(url: URL, timeout_s: float) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = _create(url, {"timeout": timeout_s})
        event.listen(engine, "connect", lambda connection, _: _to_wal(connection, timeout_s))
        return engine
    whole_s = max(1, round(timeout_s))
    # A network that drops packets: without these settings a send waits for a quarter of an hour.
    dead = {"tcp_user_timeout": whole_s * 1000, "keepalives_idle": whole_s, "keepalives_interval": 2}
    return _create(url, {"connect_timeout": whole_s, "application_name": "storecast-request-log", **dead})


def _create(url: URL, connect_args: dict[str, Any]) -> Engine:
    return create_engine(
        url,
        connect_args=connect_args,
        pool_pre_ping=True,
        hide_parameters=True,
        json_serializer=lambda value: to_json(value).decode(),
        json_deserializer=from_json,
    )


def _to_wal(connection: sqlite3.Connection, timeout_s: float) -> None:
    # Readers and the sink do not wait for each other, and a killed process loses nothing that was committed.
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError:  # two connections change a new file at once: SQLite's own timeout ignores that
            if time.monotonic() >= deadline:
                raise
            time.sleep(_RETRY_S)
    connection.execute("PRAGMA synchronous=NORMAL")
