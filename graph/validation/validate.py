"""Lists all problems of a SeldonDeployment before a cluster, or a request, finds them.

It refuses what the API server and the webhook refuse, and what they take but breaks later: an unknown node
type, a router without children, an unknown field, a name too long for a label, a plain password.

Source: the CRD and the webhook of Seldon Core 1.17.1, run; see tests/contract/vectors/operator.json.gz.
"""

from collections.abc import Mapping
from typing import Any

from graph.errors import ValidationError
from graph.spec.deployment import SeldonDeployment
from graph.validation.deployment_rules import deployment_problems
from graph.validation.problem import Problem, read_shape


def problems(document: Mapping[str, Any]) -> list[Problem]:
    """Everything wrong with a parsed SeldonDeployment, in one go; empty if it can be applied and run."""
    deployment, shape = read_shape(document)
    if deployment is None:
        return sorted(shape)
    wrong = tuple(problem.path for problem in shape)
    # Where the shape is wrong, a rule has judged our stand-in.
    further = [each for each in deployment_problems(deployment) if not _is_within(each.path, wrong)]
    return sorted({*shape, *further})


def validate(document: Mapping[str, Any]) -> SeldonDeployment:
    """The typed form of a SeldonDeployment that can be applied and run.

    Raises: ValidationError: everything wrong with it, a line each.
    """
    found = problems(document)
    if found:
        raise ValidationError(report(found))
    return SeldonDeployment.from_wire(document)


def report(found: list[Problem]) -> str:
    """Problems for a reader, a line each."""
    return "\n".join(str(problem) for problem in found)


def _is_within(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith((f"{place}.", f"{place}[")) for place in places)
