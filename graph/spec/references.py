"""Parts of Kubernetes objects that point at fields and at other objects."""

from pydantic import Field

from graph.spec.base import Quantity, Wire


class FieldRef(Wire):
    """A field of the pod itself."""

    api_version: str | None = None
    field_path: str


class ResourceFieldRef(Wire):
    """A container's request or limit."""

    container_name: str | None = None
    divisor: Quantity | None = None
    resource: str


class Requirement(Wire):
    """One condition on labels; `operator` is In, NotIn, Exists, DoesNotExist, for nodes also Gt and Lt."""

    key: str
    operator: str
    values: list[str] = Field(default_factory=list)


class LabelSelector(Wire):
    """Objects by their labels: all conditions hold."""

    match_expressions: list[Requirement] = Field(default_factory=list)
    match_labels: dict[str, str] = Field(default_factory=dict)


class ObjectRef(Wire):
    """An object by its kind and name."""

    api_version: str | None = None
    kind: str
    name: str


class SecretName(Wire):
    """A Secret by its name."""

    name: str | None = None
