"""Sales history from a database: one SELECT in a file, streamed through SQLAlchemy into Arrow batches."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pyarrow as pa
import sqlalchemy as sa

from training.errors import DataError, HistoryUnreachableError
from training.sources.base import MAX_INT64_DIGITS, column_places

HISTORY_URL = "STORECAST_HISTORY_URL"
BATCH_ROWS = 50_000
CONNECT_TIMEOUT_S = 10
_EXAMPLE = "postgresql+psycopg://user:password@host/database"
# Comments, and what quotes hold: they may hold any word and any semicolon.
_QUIET = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|(\$\w*\$).*?\1", re.DOTALL)


def open_query(path: Path, environ: Mapping[str, str]) -> "SqlSource":
    """Ask the database that STORECAST_HISTORY_URL names for the columns of the SELECT in a file.

    Nothing is written: the connection is read-only in PostgreSQL and SQLite, and is rolled back everywhere.
    Raises: DataError: no such database, or not a SELECT that it understands; the password is never shown.
    """
    query = _one_select(path)
    url = _url(path, environ)
    with _result(url, query, path) as result:
        return SqlSource(path, query, tuple(result.keys()), url)


@dataclass(frozen=True)
class SqlSource:
    """The rows of one SELECT."""

    path: Path
    query: str
    column_names: tuple[str, ...]
    url: sa.URL = field(repr=False)

    @property
    def where(self) -> str:
        """The file and its database, without the password."""
        return f"{self.path} in {_shown(self.url)}"

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Types by what the database says of its columns; text where it says nothing, as SQLite."""
        places = column_places(self, columns)
        with _result(self.url, self.query, self.path) as result:
            kinds = [_kind(self.url, result.cursor.description[place]) for place in places]
            schema = pa.schema([(name, kind.type) for name, kind in zip(columns, kinds, strict=True)])
            for rows in result.partitions(BATCH_ROWS):
                cells = list(zip(*rows, strict=True))
                arrays = [kind.array(cells[place]) for place, kind in zip(places, kinds, strict=True)]
                yield pa.record_batch(arrays, schema=schema)


def _one_select(path: Path) -> str:
    try:
        query = path.read_text(encoding="utf-8").strip().rstrip(";")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}; wanted a text file in UTF-8 with one SELECT") from error
    loud = _QUIET.sub(" ", query)
    words = loud.split()
    if not words or words[0].lstrip("(").upper() not in {"SELECT", "WITH"}:
        raise DataError(f"{path}: wanted one SELECT (or WITH ... SELECT), got {words[0] if words else 'nothing'!r}")
    if ";" in loud.rstrip(" \n;"):
        raise DataError(f"{path}: wanted one SELECT, got several statements; keep only one")
    return query


def _url(path: Path, environ: Mapping[str, str]) -> sa.URL:
    text = environ.get(HISTORY_URL, "")
    if not text:
        raise DataError(
            f"wanted the database for {path} in {HISTORY_URL}, got nothing; set it, for example to {_EXAMPLE}"
        )
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        url = None
    # The rest of a password after a bare @ passes for the host's name, and messages show that.
    if url is None or (url.password and text.count("@") > 1 + str(url.username).count("@")):
        # Neither the text nor the parser's reason: both can hold the password.
        raise DataError(
            f"wanted a SQLAlchemy URL in {HISTORY_URL}, such as {_EXAMPLE}, got something else (not shown: it may "
            "contain a password); write @ : / in a password as %40 %3A %2F"
        )
    if url.get_backend_name() == "sqlite" and _is_missing_file(url.database):
        raise DataError(f"wanted the SQLite file of {HISTORY_URL}, got no file at {url.database}; correct the path")
    return url


def _is_missing_file(database: str | None) -> bool:
    """SQLite would make a new, empty database there."""
    is_file = database not in {None, "", ":memory:"} and not str(database).startswith("file:")
    return is_file and not Path(str(database)).exists()


def _shown(url: sa.URL) -> str:
    """The database's address; options can hold secrets too."""
    return url.set(query={}).render_as_string(hide_password=True)


@contextmanager
def _result(url: sa.URL, query: str, path: Path) -> Iterator[sa.CursorResult[Any]]:
    """Run the query with a cursor on the server's side; whatever happens, nothing stays behind."""
    try:
        with _connected(url, path) as connection:
            options: dict[str, Any] = {"stream_results": True, "yield_per": BATCH_ROWS, "no_parameters": True}
            if url.get_backend_name() == "postgresql":
                options["postgresql_readonly"] = True
            if url.get_backend_name() == "sqlite":
                # Python's driver begins no transaction for WITH ... DELETE, so there is nothing to roll back.
                connection.exec_driver_sql("PRAGMA query_only = ON")
            with connection.execution_options(**options).exec_driver_sql(query) as result:
                if not result.returns_rows:
                    raise DataError(f"{path}: wanted a SELECT, got a statement without rows")
                yield result
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        raise DataError(f"cannot read {path} in {_shown(url)}: {_reason(error, url)}") from None


@contextmanager
def _connected(url: sa.URL, path: Path) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=_connect_args(url))
    try:
        connection = engine.connect()
    except sa.exc.OperationalError as error:
        raise HistoryUnreachableError(
            f"cannot read {path} in {_shown(url)}: {_reason(error, url)}; check that the database runs"
        ) from None
    with connection:
        yield connection


def _connect_args(url: sa.URL) -> dict[str, Any]:
    """A server that does not answer would be waited for for minutes."""
    if url.get_backend_name() == "postgresql" and "connect_timeout" not in url.query:
        return {"connect_timeout": CONNECT_TIMEOUT_S}
    return {}


def _reason(error: Exception, url: sa.URL) -> str:
    """The driver's own words, without a password that it may have repeated."""
    reason = " ".join(str(getattr(error, "orig", None) or error).split())
    for secret in {str(url.password or ""), quote_plus(str(url.password or ""))} - {""}:
        reason = reason.replace(secret, "***")
    if isinstance(error, sa.exc.NoSuchModuleError | ImportError):
        return f"{reason}; wanted a database whose driver is installed: PostgreSQL or SQLite, or install its driver"
    return f"{reason}; wanted a running database and a valid SELECT"


@dataclass(frozen=True)
class _Kind:
    """How cells of one database type become an Arrow array."""

    type: pa.DataType
    cell: Callable[[Any], Any] | None = None

    def array(self, cells: Sequence[Any]) -> pa.Array:
        if self.cell is not None:
            cells = [None if cell is None else self.cell(cell) for cell in cells]
        return pa.array(cells, self.type)


def _text(cell: object) -> str:
    return str(int(cell)) if isinstance(cell, bool) else str(cell)


_TEXT = _Kind(pa.string(), _text)
_WHOLE = _Kind(pa.int64())
_NUMBER = _Kind(pa.float64(), float)  # exact decimals too
_KEY = _Kind(pa.int64(), lambda exact: int(exact) if exact.is_finite() else None)  # an id must not become 7.0
_MOMENT = _Kind(pa.timestamp("us"), lambda moment: moment.replace(tzinfo=None))

# PostgreSQL's type numbers, which never change (src/include/catalog/pg_type.dat).
_NUMERIC = 1700
_POSTGRES = {
    16: _Kind(pa.uint8(), int),  # bool
    **dict.fromkeys((20, 21, 23, 26), _WHOLE),  # int8, int2, int4, oid
    **dict.fromkeys((700, 701, _NUMERIC), _NUMBER),  # float4, float8
    1082: _Kind(pa.date32()),  # date
    **dict.fromkeys((1114, 1184), _MOMENT),  # timestamp, timestamptz
}


def _kind(url: sa.URL, described: Sequence[Any]) -> _Kind:
    """By a column's description as PEP 249 has it."""
    if url.get_backend_name() != "postgresql":
        return _TEXT
    _, type_code, _, _, precision, scale, _ = described
    if type_code == _NUMERIC and scale == 0 and precision <= MAX_INT64_DIGITS:
        return _KEY
    return _POSTGRES.get(type_code, _TEXT)
