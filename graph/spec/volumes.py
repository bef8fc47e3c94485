"""Volumes of Kubernetes itself: empty folders, ConfigMaps, Secrets, claims and drivers."""

from pydantic import Field

from graph.spec.base import ObjectMeta, Quantity, Wire
from graph.spec.references import FieldRef, LabelSelector, ResourceFieldRef, SecretName


class EmptyDir(Wire):
    """A folder that lives as long as its pod."""

    medium: str | None = None
    size_limit: Quantity | None = None


class KeyToPath(Wire):
    """One key of a ConfigMap or Secret as a file."""

    key: str
    mode: int | None = None
    path: str


class ConfigMapVolume(Wire):
    """The keys of a ConfigMap as files."""

    default_mode: int | None = None
    items: list[KeyToPath] = Field(default_factory=list)
    name: str | None = None
    optional: bool | None = None


class SecretVolume(Wire):
    """The keys of a Secret as files."""

    default_mode: int | None = None
    items: list[KeyToPath] = Field(default_factory=list)
    optional: bool | None = None
    secret_name: str | None = None


class ClaimVolume(Wire):
    """A claimed volume."""

    claim_name: str
    read_only: bool | None = None


class DownwardFile(Wire):
    """A field of the pod as a file."""

    field_ref: FieldRef | None = None
    mode: int | None = None
    path: str
    resource_field_ref: ResourceFieldRef | None = None


class DownwardVolume(Wire):
    """Fields of the pod as files."""

    default_mode: int | None = None
    items: list[DownwardFile] = Field(default_factory=list)


class ProjectedKeys(Wire):
    """Keys of a ConfigMap or Secret within a projected volume."""

    items: list[KeyToPath] = Field(default_factory=list)
    name: str | None = None
    optional: bool | None = None


class ProjectedFields(Wire):
    """Fields of the pod within a projected volume."""

    items: list[DownwardFile] = Field(default_factory=list)


class ServiceAccountToken(Wire):
    """A token of the pod's service account as a file."""

    audience: str | None = None
    expiration_seconds: int | None = None
    path: str


class ProjectedSource(Wire):
    """One source of a projected volume."""

    config_map: ProjectedKeys | None = None
    downward_api: ProjectedFields | None = Field(default=None, alias="downwardAPI")
    secret: ProjectedKeys | None = None
    service_account_token: ServiceAccountToken | None = None


class ProjectedVolume(Wire):
    """Several sources in one folder."""

    default_mode: int | None = None
    sources: list[ProjectedSource] = Field(default_factory=list)


class DataSource(Wire):
    """What a claimed volume begins with."""

    api_group: str | None = None
    kind: str
    name: str


class ClaimResources(Wire):
    """How much a claim asks for."""

    limits: dict[str, Quantity] = Field(default_factory=dict)
    requests: dict[str, Quantity] = Field(default_factory=dict)


class ClaimSpec(Wire):
    """What volume is claimed."""

    access_modes: list[str] = Field(default_factory=list)
    data_source: DataSource | None = None
    data_source_ref: DataSource | None = None
    resources: ClaimResources | None = None
    selector: LabelSelector | None = None
    storage_class_name: str | None = None
    volume_mode: str | None = None
    volume_name: str | None = None


class ClaimTemplate(Wire):
    """A claim made for each pod."""

    metadata: ObjectMeta = ObjectMeta()
    spec: ClaimSpec


class EphemeralVolume(Wire):
    """A claimed volume that lives as long as its pod."""

    volume_claim_template: ClaimTemplate | None = None


class CsiVolume(Wire):
    """A volume of a storage driver."""

    driver: str
    fs_type: str | None = None
    node_publish_secret_ref: SecretName | None = None
    read_only: bool | None = None
    volume_attributes: dict[str, str] = Field(default_factory=dict)


class NfsVolume(Wire):
    """A folder of an NFS server."""

    path: str
    read_only: bool | None = None
    server: str


class HostPathVolume(Wire):
    """A folder of the node."""

    path: str
    type: str | None = None
