"""The pods of a SeldonDeployment: containers, their probes, security settings and volumes."""

from pydantic import Field

from graph.spec import volume_plugins as plugins
from graph.spec.base import IntOrString, KubernetesModel, Quantity
from graph.spec.references import FieldRef, ResourceFieldRef, SecretName
from graph.spec.scheduling import Affinity, SpreadConstraint, Toleration
from graph.spec.volumes import (
    ClaimVolume,
    ConfigMapVolume,
    CsiVolume,
    DownwardVolume,
    EmptyDir,
    EphemeralVolume,
    HostPathVolume,
    NfsVolume,
    ProjectedVolume,
    SecretVolume,
)


class KeyRef(KubernetesModel):
    """One key of a ConfigMap or a Secret."""

    name: str | None = None
    key: str
    optional: bool | None = None


class EnvVarSource(KubernetesModel):
    """Where an environment variable's value comes from when it is not written down."""

    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None
    field_ref: FieldRef | None = None
    resource_field_ref: ResourceFieldRef | None = None


class EnvVar(KubernetesModel):
    """One environment variable: a value, or where it comes from."""

    name: str
    value: str | None = None
    value_from: EnvVarSource | None = None


class SourceRef(KubernetesModel):
    """A whole ConfigMap or Secret."""

    name: str | None = None
    optional: bool | None = None


class EnvFromSource(KubernetesModel):
    """All keys of a ConfigMap or a Secret as environment variables."""

    prefix: str | None = None
    config_map_ref: SourceRef | None = None
    secret_ref: SourceRef | None = None


class ContainerPort(KubernetesModel):
    """A port that a container listens on. Seldon reads the names `http`, `grpc` and `metrics`."""

    name: str | None = None
    container_port: int
    protocol: str | None = None
    host_port: int | None = None
    host_ip: str | None = Field(default=None, alias="hostIP")


class ExecAction(KubernetesModel):
    """A command run in the container."""

    command: list[str] = Field(default_factory=list)


class HttpHeader(KubernetesModel):
    """A header of a probe's request."""

    name: str
    value: str


class GrpcAction(KubernetesModel):
    """A gRPC health check."""

    port: int
    service: str | None = None


class HttpGetAction(KubernetesModel):
    """An HTTP GET; the port is a number or a container port's name."""

    path: str | None = None
    port: IntOrString
    scheme: str | None = None
    host: str | None = None
    http_headers: list[HttpHeader] = Field(default_factory=list)


class TcpSocketAction(KubernetesModel):
    """A TCP connect; the port is a number or a container port's name."""

    port: IntOrString
    host: str | None = None


class Probe(KubernetesModel):
    """How the kubelet checks that a container is alive, or ready."""

    http_get: HttpGetAction | None = None
    tcp_socket: TcpSocketAction | None = None
    exec: ExecAction | None = None
    grpc: GrpcAction | None = None
    initial_delay_seconds: int | None = None
    period_seconds: int | None = None
    timeout_seconds: int | None = None
    success_threshold: int | None = None
    failure_threshold: int | None = None
    termination_grace_period_seconds: int | None = None


class LifecycleHandler(KubernetesModel):
    """What runs at a turn of a container's life."""

    exec: ExecAction | None = None
    http_get: HttpGetAction | None = None
    tcp_socket: TcpSocketAction | None = None


class Lifecycle(KubernetesModel):
    """Hooks after a container's start and before its end."""

    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None


class ResourceRequirements(KubernetesModel):
    """Requests and limits by resource name; quantities such as `250m`, `1`, `512Mi`."""

    requests: dict[str, IntOrString] = Field(default_factory=dict)
    limits: dict[str, IntOrString] = Field(default_factory=dict)


class Capabilities(KubernetesModel):
    """Linux capabilities to add and to drop."""

    add: list[str] = Field(default_factory=list)
    drop: list[str] = Field(default_factory=list)


class SeccompProfile(KubernetesModel):
    """Which system calls are allowed."""

    localhost_profile: str | None = None
    type: str


class SeLinuxOptions(KubernetesModel):
    """SELinux labels."""

    level: str | None = None
    role: str | None = None
    type: str | None = None
    user: str | None = None


class WindowsOptions(KubernetesModel):
    """Settings of Windows nodes."""

    gmsa_credential_spec: str | None = None
    gmsa_credential_spec_name: str | None = None
    host_process: bool | None = None
    run_as_user_name: str | None = None


class ContainerSecurityContext(KubernetesModel):
    """What a container's processes may do."""

    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    run_as_group: int | None = None
    allow_privilege_escalation: bool | None = None
    privileged: bool | None = None
    read_only_root_filesystem: bool | None = None
    capabilities: Capabilities | None = None
    seccomp_profile: SeccompProfile | None = None
    se_linux_options: SeLinuxOptions | None = None
    proc_mount: str | None = None
    windows_options: WindowsOptions | None = None


class VolumeMount(KubernetesModel):
    """A volume's place in a container."""

    name: str
    mount_path: str
    read_only: bool | None = None
    sub_path: str | None = None
    sub_path_expr: str | None = None
    mount_propagation: str | None = None


class VolumeDevice(KubernetesModel):
    """A block device's place in a container."""

    device_path: str
    name: str


class Container(KubernetesModel):
    """One container of a pod. In Seldon its name is what binds it to a node of the graph."""

    name: str
    image: str | None = None
    image_pull_policy: str | None = None
    command: list[str] = Field(default_factory=list)
    args: list[str] = Field(default_factory=list)
    working_dir: str | None = None
    env: list[EnvVar] = Field(default_factory=list)
    env_from: list[EnvFromSource] = Field(default_factory=list)
    ports: list[ContainerPort] = Field(default_factory=list)
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    resources: ResourceRequirements | None = None
    security_context: ContainerSecurityContext | None = None
    volume_mounts: list[VolumeMount] = Field(default_factory=list)
    volume_devices: list[VolumeDevice] = Field(default_factory=list)
    termination_message_path: str | None = None
    termination_message_policy: str | None = None
    stdin: bool | None = None
    stdin_once: bool | None = None
    tty: bool | None = None


class EphemeralContainer(Container):
    """A container for debugging. It is added to a running pod: no pod is made of a template that has one."""

    target_container_name: str | None = None


class Sysctl(KubernetesModel):
    """A kernel setting."""

    name: str
    value: str


class PodSecurityContext(KubernetesModel):
    """What all processes of a pod may do."""

    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    run_as_group: int | None = None
    fs_group: int | None = None
    fs_group_change_policy: str | None = None
    supplemental_groups: list[int] = Field(default_factory=list)
    seccomp_profile: SeccompProfile | None = None
    se_linux_options: SeLinuxOptions | None = None
    sysctls: list[Sysctl] = Field(default_factory=list)
    windows_options: WindowsOptions | None = None


class Volume(KubernetesModel):
    """A volume of a pod, of one kind."""

    name: str
    empty_dir: EmptyDir | None = None
    config_map: ConfigMapVolume | None = None
    secret: SecretVolume | None = None
    persistent_volume_claim: ClaimVolume | None = None
    projected: ProjectedVolume | None = None
    downward_api: DownwardVolume | None = Field(default=None, alias="downwardAPI")
    ephemeral: EphemeralVolume | None = None
    csi: CsiVolume | None = None
    nfs: NfsVolume | None = None
    host_path: HostPathVolume | None = None
    aws_elastic_block_store: plugins.AwsDisk | None = None
    azure_disk: plugins.AzureDisk | None = None
    azure_file: plugins.AzureFile | None = None
    cephfs: plugins.CephFs | None = None
    cinder: plugins.CinderDisk | None = None
    fc: plugins.FibreChannel | None = None
    flex_volume: plugins.FlexVolume | None = None
    flocker: plugins.Flocker | None = None
    gce_persistent_disk: plugins.GcePersistentDisk | None = None
    git_repo: plugins.GitRepo | None = None
    glusterfs: plugins.Glusterfs | None = None
    iscsi: plugins.IscsiDisk | None = None
    photon_persistent_disk: plugins.PhotonDisk | None = None
    portworx_volume: plugins.PortworxVolume | None = None
    quobyte: plugins.Quobyte | None = None
    rbd: plugins.RbdImage | None = None
    scale_io: plugins.ScaleIo | None = Field(default=None, alias="scaleIO")
    storageos: plugins.StorageOs | None = None
    vsphere_volume: plugins.VsphereDisk | None = None


class DnsOption(KubernetesModel):
    """An option of the resolver."""

    name: str | None = None
    value: str | None = None


class DnsConfig(KubernetesModel):
    """How names are looked up."""

    nameservers: list[str] = Field(default_factory=list)
    options: list[DnsOption] = Field(default_factory=list)
    searches: list[str] = Field(default_factory=list)


class HostAlias(KubernetesModel):
    """A line of the pod's hosts file."""

    hostnames: list[str] = Field(default_factory=list)
    ip: str | None = None


class PodOs(KubernetesModel):
    """The operating system that a pod needs."""

    name: str


class ReadinessGate(KubernetesModel):
    """A condition that has to hold before the pod counts as ready."""

    condition_type: str


class PodSpec(KubernetesModel):
    """The pod of one componentSpec."""

    containers: list[Container]
    init_containers: list[Container] = Field(default_factory=list)
    ephemeral_containers: list[EphemeralContainer] = Field(default_factory=list)
    volumes: list[Volume] = Field(default_factory=list)
    security_context: PodSecurityContext | None = None
    service_account_name: str | None = None
    automount_service_account_token: bool | None = None
    termination_grace_period_seconds: int | None = None
    image_pull_secrets: list[SecretName] = Field(default_factory=list)
    node_selector: dict[str, str] = Field(default_factory=dict)
    affinity: Affinity | None = None
    tolerations: list[Toleration] = Field(default_factory=list)
    topology_spread_constraints: list[SpreadConstraint] = Field(default_factory=list)
    priority_class_name: str | None = None
    runtime_class_name: str | None = None
    scheduler_name: str | None = None
    restart_policy: str | None = None
    dns_policy: str | None = None
    dns_config: DnsConfig | None = None
    enable_service_links: bool | None = None
    host_aliases: list[HostAlias] = Field(default_factory=list)
    host_network: bool | None = None
    share_process_namespace: bool | None = None
    host_ipc: bool | None = Field(default=None, alias="hostIPC")
    host_pid: bool | None = Field(default=None, alias="hostPID")
    hostname: str | None = None
    subdomain: str | None = None
    set_hostname_as_fqdn: bool | None = Field(default=None, alias="setHostnameAsFQDN")
    node_name: str | None = None
    os: PodOs | None = None
    overhead: dict[str, Quantity] = Field(default_factory=dict)
    preemption_policy: str | None = None
    priority: int | None = None
    readiness_gates: list[ReadinessGate] = Field(default_factory=list)
    service_account: str | None = None
    active_deadline_seconds: int | None = None
