"""What goes wrong with the request log, under the project's one tree."""

from typing import ClassVar

from fleet import StorecastError


class RequestLogUsageError(StorecastError):
    """A setting or an option of the request log is wrong, or there is no log to read."""

    http_status: ClassVar[int] = 400
    exit_code: ClassVar[int] = 2


class DatabaseAwayError(StorecastError):
    """The database did not do its work now; the same again may succeed later."""

    http_status: ClassVar[int] = 503
    exit_code: ClassVar[int] = 3


class RowsRefusedError(StorecastError):
    """The database will never take these rows."""

    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1


class SinkError(StorecastError):
    """The sink cannot listen, or ended with events that it had accepted and could not write."""

    http_status: ClassVar[int] = 503
    exit_code: ClassVar[int] = 3


class BadEventError(StorecastError):
    """The headers of a request are not those of an event that the executor sends."""

    http_status: ClassVar[int] = 400
    exit_code: ClassVar[int] = 2


class NotAForecastError(StorecastError):
    """A response event holds no answer of a forecast graph; the one argument is the reason as the metric names it."""

    http_status: ClassVar[int] = 400
    exit_code: ClassVar[int] = 2
