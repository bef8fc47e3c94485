"""How a request is refused: one error, with every problem as path, wanted and got."""

from typing import ClassVar, TypedDict

from fleet import StorecastError


class Problem(TypedDict):
    """One problem of a request: where it is, what was wanted there, and what came."""

    path: str
    wanted: str
    got: str


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
