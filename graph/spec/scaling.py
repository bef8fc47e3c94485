"""How the pods of a componentSpec are scaled, and how many may be taken away at once."""

from collections.abc import Iterator

from pydantic import Field

from graph.spec.base import IntOrString, Quantity, Wire
from graph.spec.references import LabelSelector, ObjectRef


class MetricName(Wire):
    """A metric by its name and labels."""

    name: str
    selector: LabelSelector | None = None


class MetricTarget(Wire):
    """What a metric shall be; `type` is Utilization, Value or AverageValue."""

    type: str
    average_utilization: int | None = None
    average_value: Quantity | None = None
    value: Quantity | None = None


class ResourceMetric(Wire):
    """Use of a resource by whole pods."""

    name: str
    target: MetricTarget


class ContainerMetric(Wire):
    """Use of a resource by one container of each pod."""

    container: str
    name: str
    target: MetricTarget


class NamedMetric(Wire):
    """A metric of the pods, or from outside the cluster."""

    metric: MetricName
    target: MetricTarget


class ObjectMetric(Wire):
    """A metric of another object."""

    described_object: ObjectRef
    metric: MetricName
    target: MetricTarget


class Metric(Wire):
    """A metric by which pods are scaled, in the form of autoscaling/v2; `type` says which member counts."""

    type: str
    resource: ResourceMetric | None = None
    container_resource: ContainerMetric | None = None
    pods: NamedMetric | None = None
    object: ObjectMetric | None = None
    external: NamedMetric | None = None


class OldResourceMetric(Wire):
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


class OldExternalMetric(Wire):
    """A metric from outside the cluster."""

    metric_name: str
    metric_selector: LabelSelector | None = None
    target_average_value: Quantity | None = None
    target_value: Quantity | None = None


class OldPodsMetric(Wire):
    """A metric of the pods."""

    metric_name: str
    selector: LabelSelector | None = None
    target_average_value: Quantity


class OldObjectMetric(Wire):
    """A metric of another object."""

    average_value: Quantity | None = None
    metric_name: str
    selector: LabelSelector | None = None
    target: ObjectRef
    target_value: Quantity


class OldMetric(Wire):
    """A metric by which pods are scaled, in the form of autoscaling/v2beta1."""

    container_resource: OldContainerMetric | None = None
    external: OldExternalMetric | None = None
    object: OldObjectMetric | None = None
    pods: OldPodsMetric | None = None
    resource: OldResourceMetric | None = None
    type: str


class HpaSpec(Wire):
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


class PdbSpec(Wire):
    """How many pods an eviction must leave, or may take."""

    min_available: IntOrString | None = None
    max_unavailable: IntOrString | None = None


class ScalingPolicy(Wire):
    """How fast pods may be added or taken away."""

    period_seconds: int
    type: str
    value: int


class ScalingRules(Wire):
    """Policies of one direction, and which of them counts."""

    policies: list[ScalingPolicy] = Field(default_factory=list)
    select_policy: str | None = None
    stabilization_window_seconds: int | None = None


class ScalingBehavior(Wire):
    """How fast scaling goes in both directions."""

    scale_down: ScalingRules | None = None
    scale_up: ScalingRules | None = None


class KedaHpa(Wire):
    """Settings of the scaler that KEDA makes."""

    behavior: ScalingBehavior | None = None


class KedaAdvanced(Wire):
    """Rarely needed settings of KEDA."""

    horizontal_pod_autoscaler_config: KedaHpa | None = None
    restore_to_original_replica_count: bool | None = None


class KedaFallback(Wire):
    """How many pods there are while a trigger cannot be asked."""

    failure_threshold: int
    replicas: int


class AuthenticationRef(Wire):
    """Where a trigger's credentials are."""

    kind: str | None = None
    name: str


class KedaTrigger(Wire):
    """What KEDA scales by."""

    authentication_ref: AuthenticationRef | None = None
    metadata: dict[str, str]
    metric_type: str | None = None
    name: str | None = None
    type: str


class KedaSpec(Wire):
    """Scaling of a componentSpec's Deployment by KEDA."""

    advanced: KedaAdvanced | None = None
    cooldown_period: int | None = None
    fallback: KedaFallback | None = None
    idle_replica_count: int | None = None
    max_replica_count: int | None = None
    min_replica_count: int | None = None
    polling_interval: int | None = None
    triggers: list[KedaTrigger]
