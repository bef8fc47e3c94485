"""Where pods run: affinity, tolerations, spread."""

from pydantic import Field

from graph.spec.base import Wire
from graph.spec.references import LabelSelector, Requirement


class NodeSelectorTerm(Wire):
    """Nodes by their labels and fields."""

    match_expressions: list[Requirement] = Field(default_factory=list)
    match_fields: list[Requirement] = Field(default_factory=list)


class NodeSelector(Wire):
    """Nodes that one of the terms selects."""

    node_selector_terms: list[NodeSelectorTerm]


class PreferredNodes(Wire):
    """Nodes that are preferred, by weight."""

    preference: NodeSelectorTerm
    weight: int


class NodeAffinity(Wire):
    """Nodes that a pod needs or prefers."""

    preferred: list[PreferredNodes] = Field(
        default_factory=list, alias="preferredDuringSchedulingIgnoredDuringExecution"
    )
    required: NodeSelector | None = Field(default=None, alias="requiredDuringSchedulingIgnoredDuringExecution")


class PodAffinityTerm(Wire):
    """Pods, and the label of nodes within which they are near."""

    label_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    namespaces: list[str] = Field(default_factory=list)
    topology_key: str


class PreferredPods(Wire):
    """Pods whose nearness is preferred, by weight."""

    pod_affinity_term: PodAffinityTerm
    weight: int


class PodAffinity(Wire):
    """Pods that a pod needs or prefers to be near, or far from."""

    preferred: list[PreferredPods] = Field(
        default_factory=list, alias="preferredDuringSchedulingIgnoredDuringExecution"
    )
    required: list[PodAffinityTerm] = Field(
        default_factory=list, alias="requiredDuringSchedulingIgnoredDuringExecution"
    )


class Affinity(Wire):
    """All that draws a pod to nodes and to other pods, or away from them."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class Toleration(Wire):
    """A taint of nodes that does not keep a pod away."""

    effect: str | None = None
    key: str | None = None
    operator: str | None = None
    toleration_seconds: int | None = None
    value: str | None = None


class SpreadConstraint(Wire):
    """How evenly pods are spread over groups of nodes."""

    label_selector: LabelSelector | None = None
    max_skew: int
    min_domains: int | None = None
    topology_key: str
    when_unsatisfiable: str
