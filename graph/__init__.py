"""The inference graph: described, validated, rendered, and run on this machine.

`load`, `validate` and `validate_files` read SeldonDeployments; `render` and `to_yaml` write ours; `serve` and
`LocalGraph` run one here. The HTTP engine is `graph.engine`.
"""

from typing import TYPE_CHECKING, Any

from graph.errors import ComponentError, GraphError, UsageError, ValidationError
from graph.render import GraphOptions, render, to_yaml
from graph.spec.deployment import SeldonDeployment
from graph.validation.documents import load, problems_of_files, validate_files
from graph.validation.problem import Problem
from graph.validation.validate import problems, validate

if TYPE_CHECKING:
    from graph.local.plan import LocalOptions
    from graph.local.runner import LocalGraph, serve

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
        from graph.local import runner  # noqa: PLC0415 - see above

        return getattr(runner, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
