"""Where pods run: affinity, tolerations, spread."""

from pydantic import Field

from graph.spec.base import KubernetesModel
from graph.spec.references import LabelSelector, Requirement


class NodeSelectorTerm(KubernetesModel):
    """Nodes by their labels and fields."""

    match_expressions: list[Requirement] = Field(default_factory=list)
    match_fields: list[Requirement] = Field(default_factory=list)


class NodeSelector(KubernetesModel):
    """Nodes that one of the terms selects."""

    node_selector_terms: list[NodeSelectorTerm]


class PreferredNodes(KubernetesModel):
    """Nodes that are preferred, by weight."""

    preference: NodeSelectorTerm
    weight: int


class NodeAffinity(KubernetesModel):
    """Nodes that a pod needs or prefers."""

    preferred: list[PreferredNodes] = Field(
        default_factory=list, alias="preferredDuringSchedulingIgnoredDuringExecution"
    )
    required: NodeSelector | None = Field(default=None, alias="requiredDuringSchedulingIgnoredDuringExecution")


class PodAffinityTerm(KubernetesModel):
    """Pods, and the label of nodes within which they are near."""

    label_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    namespaces: list[str] = Field(default_factory=list)
    topology_key: str


class PreferredPods(KubernetesModel):
    """Pods whose nearness is preferred, by weight."""

    pod_affinity_term: PodAffinityTerm
    weight: int


class PodAffinity(KubernetesModel):
    """Pods that a pod needs or prefers to be near, or far from."""

    preferred: list[PreferredPods] = Field(
        default_factory=list, alias="preferredDuringSchedulingIgnoredDuringExecution"
    )
    required: list[PodAffinityTerm] = Field(
        default_factory=list, alias="requiredDuringSchedulingIgnoredDuringExecution"
    )


class Affinity(KubernetesModel):
    """All that draws a pod to nodes and to other pods, or away from them."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class Toleration(KubernetesModel):
    """A taint of nodes that does not keep a pod away."""

    effect: str | None = None
    key: str | None = None
    operator: str | None = None
    toleration_seconds: int | None = None
    value: str | None = None


class SpreadConstraint(KubernetesModel):
    """How evenly pods are spread over groups of nodes."""

    label_selector: LabelSelector | None = None
    max_skew: int
    min_domains: int | None = None
    topology_key: str
    when_unsatisfiable: str
