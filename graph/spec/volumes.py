"""Volumes of Kubernetes itself: empty folders, ConfigMaps, Secrets, claims and drivers."""

from pydantic import Field

from graph.spec.base import KubernetesModel, ObjectMeta, Quantity
from graph.spec.references import FieldRef, LabelSelector, ResourceFieldRef, SecretName


class EmptyDir(KubernetesModel):
    """A folder that lives as long as its pod."""

    medium: str | None = None
    size_limit: Quantity | None = None


class KeyToPath(KubernetesModel):
    """One key of a ConfigMap or Secret as a file."""

    key: str
    mode: int | None = None
    path: str


class ConfigMapVolume(KubernetesModel):
    """The keys of a ConfigMap as files."""

    default_mode: int | None = None
    items: list[KeyToPath] = Field(default_factory=list)
    name: str | None = None
    optional: bool | None = None


class SecretVolume(KubernetesModel):
    """The keys of a Secret as files."""

    default_mode: int | None = None
    items: list[KeyToPath] = Field(default_factory=list)
    optional: bool | None = None
    secret_name: str | None = None


class ClaimVolume(KubernetesModel):
    """A claimed volume."""

    claim_name: str
    read_only: bool | None = None


class DownwardFile(KubernetesModel):
    """A field of the pod as a file."""

    field_ref: FieldRef | None = None
    mode: int | None = None
    path: str
    resource_field_ref: ResourceFieldRef | None = None


class DownwardVolume(KubernetesModel):
    """Fields of the pod as files."""

    default_mode: int | None = None
    items: list[DownwardFile] = Field(default_factory=list)


class ProjectedKeys(KubernetesModel):
    """Keys of a ConfigMap or Secret within a projected volume."""

    items: list[KeyToPath] = Field(default_factory=list)
    name: str | None = None
    optional: bool | None = None


class ProjectedFields(KubernetesModel):
    """Fields of the pod within a projected volume."""

    items: list[DownwardFile] = Field(default_factory=list)


class ServiceAccountToken(KubernetesModel):
    """A token of the pod's service account as a file."""

    audience: str | None = None
    expiration_seconds: int | None = None
    path: str


class ProjectedSource(KubernetesModel):
    """One source of a projected volume."""

    config_map: ProjectedKeys | None = None
    downward_api: ProjectedFields | None = Field(default=None, alias="downwardAPI")
    secret: ProjectedKeys | None = None
    service_account_token: ServiceAccountToken | None = None


class ProjectedVolume(KubernetesModel):
    """Several sources in one folder."""

    default_mode: int | None = None
    sources: list[ProjectedSource] = Field(default_factory=list)


class DataSource(KubernetesModel):
    """What a claimed volume begins with."""

    api_group: str | None = None
    kind: str
    name: str


class ClaimResources(KubernetesModel):
    """How much a claim asks for."""

    limits: dict[str, Quantity] = Field(default_factory=dict)
    requests: dict[str, Quantity] = Field(default_factory=dict)


class ClaimSpec(KubernetesModel):
    """What volume is claimed."""

    access_modes: list[str] = Field(default_factory=list)
    data_source: DataSource | None = None
    data_source_ref: DataSource | None = None
    resources: ClaimResources | None = None
    selector: LabelSelector | None = None
    storage_class_name: str | None = None
    volume_mode: str | None = None
    volume_name: str | None = None


class ClaimTemplate(KubernetesModel):
    """A claim made for each pod."""

    metadata: ObjectMeta = ObjectMeta()
    spec: ClaimSpec


class EphemeralVolume(KubernetesModel):
    """A claimed volume that lives as long as its pod."""

    volume_claim_template: ClaimTemplate | None = None


class CsiVolume(KubernetesModel):
    """A volume of a storage driver."""

    driver: str
    fs_type: str | None = None
    node_publish_secret_ref: SecretName | None = None
    read_only: bool | None = None
    volume_attributes: dict[str, str] = Field(default_factory=dict)


class NfsVolume(KubernetesModel):
    """A folder of an NFS server."""

    path: str
    read_only: bool | None = None
    server: str


class HostPathVolume(KubernetesModel):
    """A folder of the node."""

    path: str
    type: str | None = None
