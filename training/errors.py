"""Errors of reading, training and registering; each with the exit code that `storecast train` ends with."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fleet import StorecastError


class DataError(StorecastError):
    """The input cannot be trained on; the message lists every problem with store, date and column.

    `result`: of rows and columns, the `problems`, of which each kind's first are listed.
    """

    http_status = 400
    exit_code = 2
    result: Mapping[str, Any] = MappingProxyType({})


class HistoryUnreachableError(DataError):
    """The database that holds the history does not answer."""

    http_status = 503
    exit_code = 3


class TooManyFailuresError(StorecastError):
    """More stores failed than the threshold allows; nothing was registered.

    `result`: of the run, as JSON values, with all failures.
    """

    exit_code = 5
    result: Mapping[str, Any] = MappingProxyType({})


class RegistryError(StorecastError):
    """MLflow cannot be reached, or does not hold what was asked for."""

    http_status = 503
    exit_code = 3


class UnknownVersionError(RegistryError):
    """The version that was asked for is not registered."""

    http_status = 404
    exit_code = 2


class MissingAliasError(RegistryError):
    """The registry answers, and no version has the alias that a promotion or a rollback needs."""

    http_status = 409
    exit_code = 2


class AliasMovedError(RegistryError):
    """An alias moved between what was decided by it and the move that follows; nothing was moved."""

    http_status = 409


class WorkerLostError(StorecastError):
    """Workers that fit died again and again, or their cluster cannot be reached; nothing was registered."""

    exit_code = 3
