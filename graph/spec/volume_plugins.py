"""Volumes of the storage plugins that Kubernetes has or had: cloud disks, Ceph, iSCSI.

Newer versions of Kubernetes have removed some of them. The CRD takes all, and so do these types.
"""

from pydantic import Field

from graph.spec.base import KubernetesModel
from graph.spec.references import SecretName


class AwsDisk(KubernetesModel):
    """A disk of Amazon's Elastic Block Store."""

    fs_type: str | None = None
    partition: int | None = None
    read_only: bool | None = None
    volume_id: str = Field(alias="volumeID")


class AzureDisk(KubernetesModel):
    """A data disk of Azure."""

    caching_mode: str | None = None
    disk_name: str
    disk_uri: str = Field(alias="diskURI")
    fs_type: str | None = None
    kind: str | None = None
    read_only: bool | None = None


class AzureFile(KubernetesModel):
    """A share of Azure's file service."""

    read_only: bool | None = None
    secret_name: str
    share_name: str


class CephFs(KubernetesModel):
    """A folder of a Ceph file system."""

    monitors: list[str]
    path: str | None = None
    read_only: bool | None = None
    secret_file: str | None = None
    secret_ref: SecretName | None = None
    user: str | None = None


class CinderDisk(KubernetesModel):
    """A disk of OpenStack's Cinder."""

    fs_type: str | None = None
    read_only: bool | None = None
    secret_ref: SecretName | None = None
    volume_id: str = Field(alias="volumeID")


class FibreChannel(KubernetesModel):
    """A disk of a Fibre Channel network."""

    fs_type: str | None = None
    lun: int | None = None
    read_only: bool | None = None
    target_wwns: list[str] = Field(default_factory=list, alias="targetWWNs")
    wwids: list[str] = Field(default_factory=list)


class FlexVolume(KubernetesModel):
    """A volume of a driver that is a program on the node."""

    driver: str
    fs_type: str | None = None
    options: dict[str, str] = Field(default_factory=dict)
    read_only: bool | None = None
    secret_ref: SecretName | None = None


class Flocker(KubernetesModel):
    """A dataset of Flocker."""

    dataset_name: str | None = None
    dataset_uuid: str | None = Field(default=None, alias="datasetUUID")


class GcePersistentDisk(KubernetesModel):
    """A disk of Google's Compute Engine."""

    fs_type: str | None = None
    partition: int | None = None
    pd_name: str
    read_only: bool | None = None


class GitRepo(KubernetesModel):
    """A clone of a Git repository."""

    directory: str | None = None
    repository: str
    revision: str | None = None


class Glusterfs(KubernetesModel):
    """A volume of GlusterFS."""

    endpoints: str
    path: str
    read_only: bool | None = None


class IscsiDisk(KubernetesModel):
    """A disk of an iSCSI target."""

    chap_auth_discovery: bool | None = None
    chap_auth_session: bool | None = None
    fs_type: str | None = None
    initiator_name: str | None = None
    iqn: str
    iscsi_interface: str | None = None
    lun: int
    portals: list[str] = Field(default_factory=list)
    read_only: bool | None = None
    secret_ref: SecretName | None = None
    target_portal: str


class PhotonDisk(KubernetesModel):
    """A disk of VMware's Photon."""

    fs_type: str | None = None
    pd_id: str = Field(alias="pdID")


class PortworxVolume(KubernetesModel):
    """A volume of Portworx."""

    fs_type: str | None = None
    read_only: bool | None = None
    volume_id: str = Field(alias="volumeID")


class Quobyte(KubernetesModel):
    """A volume of Quobyte."""

    group: str | None = None
    read_only: bool | None = None
    registry: str
    tenant: str | None = None
    user: str | None = None
    volume: str


class RbdImage(KubernetesModel):
    """An image of a Ceph block device."""

    fs_type: str | None = None
    image: str
    keyring: str | None = None
    monitors: list[str]
    pool: str | None = None
    read_only: bool | None = None
    secret_ref: SecretName | None = None
    user: str | None = None


class ScaleIo(KubernetesModel):
    """A volume of ScaleIO."""

    fs_type: str | None = None
    gateway: str
    protection_domain: str | None = None
    read_only: bool | None = None
    secret_ref: SecretName
    ssl_enabled: bool | None = None
    storage_mode: str | None = None
    storage_pool: str | None = None
    system: str
    volume_name: str | None = None


class StorageOs(KubernetesModel):
    """A volume of StorageOS."""

    fs_type: str | None = None
    read_only: bool | None = None
    secret_ref: SecretName | None = None
    volume_name: str | None = None
    volume_namespace: str | None = None


class VsphereDisk(KubernetesModel):
    """A disk of VMware's vSphere."""

    fs_type: str | None = None
    storage_policy_id: str | None = Field(default=None, alias="storagePolicyID")
    storage_policy_name: str | None = None
    volume_path: str
