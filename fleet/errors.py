"""The one error tree of the rooms that share the fleet.

Every class carries the HTTP status that a server answers and the exit code that a command ends with. One constructor,
never overridden, so that every error survives pickling between worker processes.
"""

from typing import ClassVar


class StorecastError(Exception):
    """Root of the tree: what was wanted, what came, what to do."""

    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1


class FleetFormatError(StorecastError):
    """A fleet directory is torn, tampered with, or written by a newer format."""

    http_status = 503
    exit_code = 3


class UnknownStoreError(StorecastError):
    """A store id is not in the fleet's index."""

    http_status = 404
    exit_code = 2


class FeatureError(StorecastError):
    """A calendar column, an override or a regressor cannot be used as asked."""

    http_status = 400
    exit_code = 2


class LevelError(StorecastError):
    """An interval level is outside the range that can be answered."""

    http_status = 400
    exit_code = 2


class ConversionError(StorecastError):
    """A Prophet model uses a feature that a fleet cannot hold."""

    http_status = 400
    exit_code = 2


class NameSyntaxError(StorecastError):
    """A registry name or URI does not have the form that this project writes."""

    http_status = 400
    exit_code = 2


class RegistryFileError(StorecastError):
    """The file of a local registry cannot be used."""

    http_status = 503
    exit_code = 3


class RegistryBusyError(StorecastError):
    """Another process is at work on a local registry, and does not come to an end."""

    http_status = 503
    exit_code = 3
