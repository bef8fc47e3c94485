"""The tables of the request log, the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
)

VERSION: Final = 1
"""Version of the tables; this code does not touch tables of another version."""

METADATA: Final = MetaData()


class Utc(TypeDecorator[datetime]):
    """A time with its zone. SQLite keeps no zone: there it is UTC by convention."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PlainText(TypeDecorator[str]):
    """Text from a client. PostgreSQL takes no NUL in a text: U+FFFD, the replacement character, takes its place."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """To the database."""
        return None if value is None else value.replace("\x00", "\ufffd")


_LIST: Final = JSON(none_as_null=True)

FORECASTS: Final = Table(
    "request_log_forecasts",
    METADATA,
    Column("namespace", Text, primary_key=True),
    Column("deployment", Text, primary_key=True),
    Column("predictor", Text, primary_key=True),
    Column("request_id", Text, primary_key=True),
    Column("answer", Text, primary_key=True),
    Column("item", Integer, primary_key=True, autoincrement=False),
    Column("node", Text, nullable=False),
    Column("issued_at", Utc, nullable=False),
    Column("store_id", PlainText),
    Column("days", _LIST, nullable=False),
    Column("forecasts", _LIST, nullable=False),
    Column("lowers", _LIST, nullable=False),
    Column("uppers", _LIST, nullable=False),
    Column("notes", _LIST),
    Column("level", Double),
    Column("source", PlainText),
    Column("version", PlainText),
    Column("alias", PlainText),
    Column("trained_through", PlainText),
    Column("child", SmallInteger),
    Column("what_if", Boolean),
    Column("error_code", PlainText),
    Index("request_log_forecasts_by_time", "issued_at"),
    Index("request_log_forecasts_by_store", "store_id", "issued_at"),
)

SCHEMA: Final = Table("request_log_schema", METADATA, Column("version", Integer, primary_key=True, autoincrement=False))
