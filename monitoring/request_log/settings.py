"""Every setting of the request log, read once from the environment into one frozen object."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from monitoring.request_log.errors import RequestLogUsageError

PREFIX: Final = "STORECAST_REQUEST_LOG_"
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

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


def _setting(default: object, unit: str, description: str) -> Any:  # noqa: ANN401 - what pydantic's Field returns
    return Field(default=default, description=description, json_schema_extra={"unit": unit})


class RequestLogSettings(BaseModel):
    """What the request log can be told from outside."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: SecretStr = _setting(
        SecretStr(""),
        "SQLAlchemy URL",
        f"Database: postgresql://... or sqlite:///...; empty: {FILE_NAME} in STORECAST_HOME.",
    )
    queue_events: Count = _setting(
        20_000, "events", "Highest number of accepted events that are not written yet; above it, the log answers 503."
    )
    queue_bytes: Count = _setting(
        128 * _MIB, "bytes", "Highest size of the bodies of these events; above it, the log answers 503."
    )
    event_bytes: Count = _setting(
        32 * _MIB, "bytes", "Highest size of the body of one event; above it, the log answers 413."
    )
    pair_wait_s: Seconds = _setting(
        10.0, "seconds", "Longest time that a request and its response wait for each other."
    )
    pair_count: Count = _setting(
        5000, "events", "Highest number of such waiting events; above it, the oldest no longer waits."
    )
    batch_answers: Count = _setting(500, "answers", "Highest number of answers in one transaction.")
    batch_bytes: Count = _setting(8 * _MIB, "bytes", "Highest size of the answers in one transaction.")
    database_timeout_s: Seconds = _setting(10.0, "seconds", "Longest time for one statement of the database.")
    flush_s: Seconds = _setting(10.0, "seconds", "Longest time to write the accepted events at the end.")
    keep_days: Annotated[int, Field(ge=1, le=36500)] = _setting(90, "days", "Age at which rows are deleted.")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "RequestLogSettings":
        """Read the settings out of a mapping such as `os.environ`.

        Raises: RequestLogUsageError: one error that names every variable that is wrong; never with its value, because
                one of them is a secret.
        """
        given = {name: environ[variable_of(name)] for name in cls.model_fields if environ.get(variable_of(name))}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            found = [(variable_of(str(each["loc"][0])), each["msg"]) for each in error.errors(include_url=False)]
            problems = "; ".join(f"{name}: {message.replace('Input should be', 'wanted')}" for name, message in found)
            raise RequestLogUsageError(f"Correct these settings: {problems}") from error

    def database_url(self, home: Path) -> URL:
        """Where rows go: the setting, or the SQLite file in `home`.

        Raises: RequestLogUsageError: the URL cannot be read, or names a database of another kind.
        """
        text = self.url.get_secret_value()
        if not text:
            return URL.create("sqlite", database=str(home.absolute() / FILE_NAME))
        wanted = f"wanted {variable_of('url')} as postgresql://USER:PASSWORD@HOST/NAME or sqlite:////FOLDER/FILE"
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

    @classmethod
    def table(cls) -> list[tuple[str, str, str, str]]:
        """List every setting: variable, default, unit, description."""
        rows = []
        for name, info in cls.model_fields.items():
            extra = info.json_schema_extra
            unit = str(extra["unit"]) if isinstance(extra, dict) else ""
            rows.append((variable_of(name), str(info.default), unit, info.description or ""))
        return rows


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()
