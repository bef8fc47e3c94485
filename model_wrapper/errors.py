"""The errors of this room, all under the project's one tree."""

from typing import ClassVar

from fleet import StorecastError


class ConfigError(StorecastError):
    """A setting is wrong; the message lists every wrong one."""

    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 2


class FleetUnavailableError(StorecastError):
    """No fleet can be opened: neither from where the setting points, nor from the cache."""

    http_status: ClassVar[int] = 503
    exit_code: ClassVar[int] = 3


class FleetRefusedError(FleetUnavailableError):
    """A fleet is there, but is not taken into service: a sentence, and beside it the reason as a metric's label."""

    @property
    def reason(self) -> str:
        """One of the reasons of `model_wrapper.fleets.acceptance`."""
        return str(self.args[1]) if len(self.args) > 1 else "refused"

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class WrapperError(StorecastError):
    """Something went wrong inside the wrapper that is no fault of the client."""

    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
