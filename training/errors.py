"""Errors of reading, training and registering; each with the exit code that `storecast train` ends with."""

from fleet import StorecastError


class DataError(StorecastError):
    """The input cannot be trained on; the message lists every problem with store, date and column."""

    http_status = 400
    exit_code = 2


class TooManyFailuresError(StorecastError):
    """More stores failed than the threshold allows; nothing was registered."""

    exit_code = 5


class RegistryError(StorecastError):
    """MLflow cannot be reached, or does not hold what was asked for."""

    http_status = 503
    exit_code = 3


class UnknownVersionError(RegistryError):
    """The version that was asked for is not registered."""

    http_status = 404
    exit_code = 2
