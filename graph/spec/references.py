"""Parts of Kubernetes objects that point at fields and at other objects."""

from pydantic import Field

from graph.spec.base import KubernetesModel, Quantity


class FieldRef(KubernetesModel):
    """A field of the pod itself."""

    api_version: str | None = None
    field_path: str


class ResourceFieldRef(KubernetesModel):
    """A container's request or limit."""

    container_name: str | None = None
    divisor: Quantity | None = None
    resource: str


class Requirement(KubernetesModel):
    """One condition on labels; `operator` is In, NotIn, Exists, DoesNotExist, for nodes also Gt and Lt."""

    key: str
    operator: str
    values: list[str] = Field(default_factory=list)


class LabelSelector(KubernetesModel):
    """Objects by their labels: all conditions hold."""

    match_expressions: list[Requirement] = Field(default_factory=list)
    match_labels: dict[str, str] = Field(default_factory=dict)


class ObjectRef(KubernetesModel):
    """An object by its kind and name."""

    api_version: str | None = None
    kind: str
    name: str


class SecretName(KubernetesModel):
    """A Secret by its name."""

    name: str | None = None
