"""The inference graph: described, validated, rendered, and run on this machine.

`load`, `validate` and `validate_files` read SeldonDeployments; `render` and `to_yaml` write ours; `serve` and
`LocalGraph` run one here. The HTTP engine is `graph.engine`.
"""

from typing import TYPE_CHECKING, Any

from graph.documents import load, problems_of_files, validate_files
from graph.errors import ComponentError, GraphError, UsageError, ValidationError
from graph.problem import Problem
from graph.render import GraphOptions, render, to_yaml
from graph.spec import SeldonDeployment
from graph.validate import problems, validate

if TYPE_CHECKING:
    from graph.local import LocalGraph, serve
    from graph.plan import LocalOptions

__all__ = [
    "ComponentError",
    "GraphError",
    "GraphOptions",
    "LocalGraph",
    "LocalOptions",
    "Problem",
    "SeldonDeployment",
    "UsageError",
    "ValidationError",
    "load",
    "problems",
    "problems_of_files",
    "render",
    "serve",
    "to_yaml",
    "validate",
    "validate_files",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    """The runner, imported when it is asked for: reading and rendering need no HTTP library."""
    if name in {"LocalGraph", "LocalOptions", "serve"}:
        from graph import local  # noqa: PLC0415 - see above

        return getattr(local, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
