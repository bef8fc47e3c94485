"""How the pods of a componentSpec are scaled, and how many may be taken away at once."""

from collections.abc import Iterator

from pydantic import Field

from graph.spec.base import IntOrString, KubernetesModel, Quantity
from graph.spec.references import LabelSelector, ObjectRef


class MetricName(KubernetesModel):
    """A metric by its name and labels."""

    name: str
    selector: LabelSelector | None = None


class MetricTarget(KubernetesModel):
    """What a metric shall be; `type` is Utilization, Value or AverageValue."""

    type: str
    average_utilization: int | None = None
    average_value: Quantity | None = None
    value: Quantity | None = None


class ResourceMetric(KubernetesModel):
    """Use of a resource by whole pods."""

    name: str
    target: MetricTarget


class ContainerMetric(KubernetesModel):
    """Use of a resource by one container of each pod."""

    container: str
    name: str
    target: MetricTarget


class NamedMetric(KubernetesModel):
    """A metric of the pods, or from outside the cluster."""

    metric: MetricName
    target: MetricTarget


class ObjectMetric(KubernetesModel):
    """A metric of another object."""

    described_object: ObjectRef
    metric: MetricName
    target: MetricTarget


class Metric(KubernetesModel):
    """A metric by which pods are scaled, in the form of autoscaling/v2; `type` says which member counts."""

    type: str
    resource: ResourceMetric | None = None
    container_resource: ContainerMetric | None = None
    pods: NamedMetric | None = None
    object: ObjectMetric | None = None
    external: NamedMetric | None = None


class OldResourceMetric(KubernetesModel):
    """Use of a resource by whole pods."""

    name: str
    target_average_utilization: int | None = None
    target_average_value: Quantity | None = None

    @property
    def target(self) -> MetricTarget:
        """The same in the form of autoscaling/v2."""
        kind = "AverageValue" if self.target_average_utilization is None else "Utilization"
        return MetricTarget(
            type=kind, average_utilization=self.target_average_utilization, average_value=self.target_average_value
        )


class OldContainerMetric(OldResourceMetric):
    """Use of a resource by one container of each pod."""

    container: str


class OldExternalMetric(KubernetesModel):
    """A metric from outside the cluster."""

    metric_name: str
    metric_selector: LabelSelector | None = None
    target_average_value: Quantity | None = None
    target_value: Quantity | None = None


class OldPodsMetric(KubernetesModel):
    """A metric of the pods."""

    metric_name: str
    selector: LabelSelector | None = None
    target_average_value: Quantity


class OldObjectMetric(KubernetesModel):
    """A metric of another object."""

    average_value: Quantity | None = None
    metric_name: str
    selector: LabelSelector | None = None
    target: ObjectRef
    target_value: Quantity


class OldMetric(KubernetesModel):
    """A metric by which pods are scaled, in the form of autoscaling/v2beta1."""

    container_resource: OldContainerMetric | None = None
    external: OldExternalMetric | None = None
    object: OldObjectMetric | None = None
    pods: OldPodsMetric | None = None
    resource: OldResourceMetric | None = None
    type: str


class HpaSpec(KubernetesModel):
    """Scaling of a componentSpec's Deployment. `metricsv2` is the autoscaling/v2 form, `metrics` the v2beta1 one."""

    min_replicas: int | None = None
    max_replicas: int
    metricsv2: list[Metric] = Field(default_factory=list)
    metrics: list[OldMetric] = Field(default_factory=list)

    def targets(self) -> Iterator[tuple[str, MetricTarget]]:
        """Each resource by whose use in whole pods it scales, and the target; the operator converts the old form."""
        both: list[Metric | OldMetric] = [*self.metricsv2, *self.metrics]
        for metric in both:
            if metric.type == "Resource" and metric.resource is not None:
                yield metric.resource.name, metric.resource.target


class PdbSpec(KubernetesModel):
    """How many pods an eviction must leave, or may take."""

    min_available: IntOrString | None = None
    max_unavailable: IntOrString | None = None


class ScalingPolicy(KubernetesModel):
    """How fast pods may be added or taken away."""

    period_seconds: int
    type: str
    value: int


class ScalingRules(KubernetesModel):
    """Policies of one direction, and which of them counts."""

    policies: list[ScalingPolicy] = Field(default_factory=list)
    select_policy: str | None = None
    stabilization_window_seconds: int | None = None


class ScalingBehavior(KubernetesModel):
    """How fast scaling goes in both directions."""

    scale_down: ScalingRules | None = None
    scale_up: ScalingRules | None = None


class KedaHpa(KubernetesModel):
    """Settings of the scaler that KEDA makes."""

    behavior: ScalingBehavior | None = None


class KedaAdvanced(KubernetesModel):
    """Rarely needed settings of KEDA."""

    horizontal_pod_autoscaler_config: KedaHpa | None = None
    restore_to_original_replica_count: bool | None = None


class KedaFallback(KubernetesModel):
    """How many pods there are while a trigger cannot be asked."""

    failure_threshold: int
    replicas: int


class AuthenticationRef(KubernetesModel):
    """Where a trigger's credentials are."""

    kind: str | None = None
    name: str


class KedaTrigger(KubernetesModel):
    """What KEDA scales by."""

    authentication_ref: AuthenticationRef | None = None
    metadata: dict[str, str]
    metric_type: str | None = None
    name: str | None = None
    type: str


class KedaSpec(KubernetesModel):
    """Scaling of a componentSpec's Deployment by KEDA."""

    advanced: KedaAdvanced | None = None
    cooldown_period: int | None = None
    fallback: KedaFallback | None = None
    idle_replica_count: int | None = None
    max_replica_count: int | None = None
    min_replica_count: int | None = None
    polling_interval: int | None = None
    triggers: list[KedaTrigger]
