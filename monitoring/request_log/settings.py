"""Every setting of the request log, read once from the environment into one frozen object."""

from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import Field, SecretStr
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from fleet import StorecastError
from fleet.settings import Count, EnvironmentSettings, setting
from monitoring.request_log.errors import RequestLogUsageError

FILE_NAME: Final = "request-log.sqlite"
_MIB: Final = 1024 * 1024
_POSTGRESQL: Final = "postgresql+psycopg"
_DRIVERS: Final = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": _POSTGRESQL,
    "postgresql": _POSTGRESQL,
    _POSTGRESQL: _POSTGRESQL,
}

Seconds = Annotated[float, Field(gt=0, le=3600)]


class RequestLogSettings(EnvironmentSettings):
    """What can be set of the request log from outside."""

    prefix: ClassVar[str] = "STORECAST_REQUEST_LOG_"
    error: ClassVar[type[StorecastError]] = RequestLogUsageError
    quotes_values: ClassVar[bool] = False  # one of them is a secret

    url: SecretStr = setting(
        SecretStr(""),
        "SQLAlchemy URL",
        f"Database: postgresql://... or sqlite:///...; empty: {FILE_NAME} in STORECAST_HOME.",
    )
    queue_events: Count = setting(
        20_000, "events", "Highest number of accepted events that are not written yet; above it, the log answers 503."
    )
    queue_bytes: Count = setting(
        128 * _MIB, "bytes", "Highest size of the bodies of these events; above it, the log answers 503."
    )
    event_bytes: Count = setting(
        32 * _MIB, "bytes", "Highest size of the body of one event; above it, the log answers 413."
    )
    pair_wait_s: Seconds = setting(10.0, "seconds", "Longest time that a request and its response wait for each other.")
    pair_count: Count = setting(
        5000, "events", "Highest number of such waiting events; above it, the oldest no longer waits."
    )
    batch_answers: Count = setting(500, "answers", "Highest number of answers in one transaction.")
    batch_bytes: Count = setting(8 * _MIB, "bytes", "Highest size of the answers in one transaction.")
    database_timeout_s: Seconds = setting(10.0, "seconds", "Longest time for one statement of the database.")
    flush_s: Seconds = setting(10.0, "seconds", "Longest time to write the accepted events at the end.")
    keep_days: Annotated[int, Field(ge=1, le=36500)] = setting(90, "days", "Age at which rows are deleted.")

    def database_url(self, home: Path) -> URL:
        """Where rows go: the setting, or the SQLite file in `home`.

        Raises: RequestLogUsageError: the URL cannot be read, or names a database of another kind.
        """
        text = self.url.get_secret_value()
        if not text:
            return URL.create("sqlite", database=str(home.absolute() / FILE_NAME))
        wanted = f"wanted {self.variable_of('url')} as postgresql://USER:PASSWORD@HOST/NAME or sqlite:////FOLDER/FILE"
        try:
            url = make_url(text)
        except (ArgumentError, ValueError) as error:
            raise RequestLogUsageError(f"{wanted}, got text that is not a URL") from error
        if url.drivername not in _DRIVERS:
            raise RequestLogUsageError(f"{wanted}, got a URL with {url.drivername!r}")
        if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
            raise RequestLogUsageError(
                f"{wanted}, got SQLite without a file; name a file: a log in memory ends with the process"
            )
        return url.set(drivername=_DRIVERS[url.drivername])
