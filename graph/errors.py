"""The errors of this package, each with its HTTP status and the exit code of a command."""

from typing import ClassVar


class GraphError(Exception):
    """The root: something about an inference graph went wrong. The one argument is the message."""

    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1


class ValidationError(GraphError):
    """A SeldonDeployment is not what a cluster would take and run."""

    http_status: ClassVar[int] = 400
    exit_code: ClassVar[int] = 2


class UsageError(GraphError):
    """An option, a file or an environment variable that the caller gives is missing or wrong."""

    http_status: ClassVar[int] = 400
    exit_code: ClassVar[int] = 2


class ComponentError(GraphError):
    """A component of the graph did not start, or did not become ready."""

    http_status: ClassVar[int] = 503
    exit_code: ClassVar[int] = 3
