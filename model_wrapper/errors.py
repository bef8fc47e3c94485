"""The errors of this room, all under the project's one tree."""

from __future__ import annotations

from typing import ClassVar, TypedDict

from fleet import StorecastError


class Problem(TypedDict):
    """One problem of a request: where it is, what was wanted there, and what came."""

    path: str
    wanted: str
    got: str


class ConfigError(StorecastError):
    """A setting is wrong; the message lists every wrong one."""

    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 2


class BadRequestError(StorecastError):
    """A request cannot be read: a sentence, and beside it every problem as path, wanted, got."""

    http_status: ClassVar[int] = 400
    exit_code: ClassVar[int] = 2

    @property
    def problems(self) -> list[Problem]:
        """Every problem, in the order of the request."""
        return list(self.args[1]) if len(self.args) > 1 else []

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class FleetUnavailableError(StorecastError):
    """No fleet can be opened: neither from where the setting points, nor from the cache."""

    http_status: ClassVar[int] = 503
    exit_code: ClassVar[int] = 3


class FleetRefusedError(FleetUnavailableError):
    """A fleet is there, but is not taken into service: a sentence, and beside it the reason as a metric's label."""

    @property
    def reason(self) -> str:
        """One of the reasons of `model_wrapper.checking`."""
        return str(self.args[1]) if len(self.args) > 1 else "refused"

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class WrapperError(StorecastError):
    """Something went wrong inside the wrapper that is no fault of the client."""

    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
