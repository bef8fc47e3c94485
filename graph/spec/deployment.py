"""The SeldonDeployment, typed: the one description that the renderer, the validator, the engine and the runner share.

Words that have a closed list in Seldon (node `type`, `implementation`, `methods`, logger `mode`, `protocol`) are plain
strings here, because the real executor runs whatever it is given. `graph.validation` checks them.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from graph.seldon import API_VERSION, KIND
from graph.spec.base import KubernetesModel, ObjectMeta
from graph.spec.pod import Container, EnvVar, PodSpec, ResourceRequirements
from graph.spec.scaling import HpaSpec, KedaSpec, PdbSpec


class Endpoint(KubernetesModel):
    """Where a node listens. On a cluster the operator fills this in and overwrites what the user wrote."""

    service_host: str | None = Field(default=None, alias="service_host")
    service_port: int | None = Field(default=None, alias="service_port")
    type: str | None = None
    http_port: int | None = None
    grpc_port: int | None = None


class Parameter(KubernetesModel):
    """A constructor parameter of a component; `type` is INT, FLOAT, DOUBLE, STRING or BOOL."""

    name: str
    value: str
    type: str


class Logger(KubernetesModel):
    """Payload logging of a node: where to (the executor's default when empty), and which of request, response, all."""

    url: str | None = None
    mode: str | None = None


class PredictiveUnit(KubernetesModel):
    """One node of the graph."""

    name: str
    type: str | None = None
    implementation: str | None = None
    methods: list[str] = Field(default_factory=list)
    parameters: list[Parameter] = Field(default_factory=list)
    endpoint: Endpoint | None = None
    logger: Logger | None = None
    model_uri: str | None = None
    service_account_name: str | None = None
    env_secret_ref_name: str | None = None
    storage_initializer_image: str | None = None
    children: list["PredictiveUnit"] = Field(default_factory=list)

    def walk(self) -> Iterator["PredictiveUnit"]:
        """This node and all below it, each before its children, children in order."""
        yield self
        for child in self.children:
            yield from child.walk()


class ComponentSpec(KubernetesModel):
    """Containers that share a pod: one Deployment on a cluster."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec | None = None
    replicas: int | None = None
    hpa_spec: HpaSpec | None = None
    keda_spec: KedaSpec | None = None
    pdb_spec: PdbSpec | None = None

    @property
    def containers(self) -> list[Container]:
        """The containers as written; empty without a pod spec."""
        return self.spec.containers if self.spec else []


class SvcOrchSpec(KubernetesModel):
    """Settings of the executor's own container."""

    env: list[EnvVar] = Field(default_factory=list)
    resources: ResourceRequirements | None = None
    replicas: int | None = None


class Explainer(KubernetesModel):
    """A component that explains predictions, at an address of its own."""

    type: str | None = None
    model_uri: str | None = None
    service_account_name: str | None = None
    container_spec: Container | None = None
    config: dict[str, str] = Field(default_factory=dict)
    endpoint: Endpoint | None = None
    env_secret_ref_name: str | None = None
    storage_initializer_image: str | None = None
    replicas: int | None = None
    init_parameters: str | None = None


class Ssl(KubernetesModel):
    """The secret with the executor's certificate."""

    cert_secret_name: str | None = None


class Predictor(KubernetesModel):
    """One graph with its pods. Several predictors split the traffic at the ingress."""

    name: str
    annotations: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    replicas: int | None = None
    traffic: int | None = None
    shadow: bool | None = None
    progress_deadline_seconds: int | None = None
    graph: PredictiveUnit
    svc_orch_spec: SvcOrchSpec | None = None
    component_specs: list[ComponentSpec] = Field(default_factory=list)
    explainer: Explainer | None = None
    ssl: Ssl | None = None
    engine_resources: ResourceRequirements | None = None

    def containers(self) -> Iterator[Container]:
        """All containers of all pods, in order of appearance."""
        for component in self.component_specs:
            yield from component.containers


class DeploymentSpec(KubernetesModel):
    """What is asked for: predictors, and settings of all of them."""

    name: str | None = None
    annotations: dict[str, str] = Field(default_factory=dict)
    protocol: str | None = None
    transport: str | None = None
    server_type: str | None = None
    replicas: int | None = None
    predictors: list[Predictor]
    oauth_key: str | None = Field(default=None, alias="oauth_key")
    oauth_secret: str | None = Field(default=None, alias="oauth_secret")


class SeldonDeployment(KubernetesModel):
    """An inference graph as Seldon Core 1.x takes it. `status` is what the operator reports; nobody writes it."""

    api_version: str = API_VERSION
    kind: str = KIND
    metadata: ObjectMeta = ObjectMeta()
    spec: DeploymentSpec
    status: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """The object's name; empty when it has none."""
        return self.metadata.name or ""

    @property
    def namespace(self) -> str:
        """The object's namespace; Kubernetes' own default when it has none."""
        return self.metadata.namespace or "default"
