"""Seldon's own names: annotations, environment variables, containers, ports and paths. One table for all of `graph`.

Source: outputs of the operator 1.17.1, recorded in tests/contract/vectors/operator.json.gz; the annotations of the
payload log's queue: operator/controllers/seldondeployment_engine.go.
"""

# The object.
API_VERSION = "machinelearning.seldon.io/v1"
KIND = "SeldonDeployment"

# The executor's container.
ENGINE_CONTAINER = "seldon-container-engine"
ENGINE_HTTP_PORT = 8000
ENGINE_GRPC_PORT = 5001
METRICS_PATH = "/prometheus"
PREDICTOR = "ENGINE_PREDICTOR"
DEFAULT_LOG_URL = "REQUEST_LOGGER_DEFAULT_ENDPOINT"
ROUTING_INJECTION = "SELDON_ENABLE_ROUTING_INJECTION"
CERTIFICATE_PATH = "SELDON_CERT_MOUNT_PATH"
KAFKA_ENV = ("KAFKA_BROKER", "KAFKA_INPUT_TOPIC", "KAFKA_OUTPUT_TOPIC")

# The graph.
RANDOM_ABTEST = "RANDOM_ABTEST"

# The containers of the graph.
FIRST_HTTP_PORT = 9000
FIRST_GRPC_PORT = 9500
FIRST_METRICS_PORT = 6000
MODEL_MOUNT_PATH = "/mnt/models"
PODINFO_VOLUME = "seldon-podinfo"
HARMLESS_ENV = "PREDICTIVE_UNIT_SERVICE_PORT"
# Preset in a container, the first six make the operator drop all of its env; the others are overwritten.
INJECTED_ENV = frozenset(
    {
        "PREDICTIVE_UNIT_HTTP_SERVICE_PORT",
        "PREDICTIVE_UNIT_GRPC_SERVICE_PORT",
        "PREDICTIVE_UNIT_PARAMETERS",
        "MLSERVER_HTTP_PORT",
        "MLSERVER_GRPC_PORT",
        "MLSERVER_MODEL_URI",
        "PREDICTIVE_UNIT_ID",
        "MLSERVER_MODEL_NAME",
        "PREDICTIVE_UNIT_IMAGE",
        "PREDICTOR_ID",
        "PREDICTOR_LABELS",
        "SELDON_DEPLOYMENT_ID",
        "SELDON_EXECUTOR_ENABLED",
        "PREDICTIVE_UNIT_METRICS_SERVICE_PORT",
        "PREDICTIVE_UNIT_METRICS_ENDPOINT",
        "MLSERVER_METRICS_PORT",
        "MLSERVER_METRICS_ENDPOINT",
    }
)

# Annotations.
REST_TIMEOUT = "seldon.io/rest-timeout"
GRPC_TIMEOUT = "seldon.io/grpc-timeout"
NO_ENGINE = "seldon.io/no-engine"
SEPARATE_ENGINE = "seldon.io/engine-separate-pod"
SVC_NAME = "seldon.io/svc-name"
ENV_ANNOTATION = "seldon.io/engine-"
LOG_QUEUE_SIZE = "seldon.io/executor-logger-queue-size"
LOG_WRITE_TIMEOUT = "seldon.io/executor-logger-write-timeout-ms"
# Read by the executor and the wrappers, from their pod.
POD_NUMBERS = (REST_TIMEOUT, GRPC_TIMEOUT, "seldon.io/grpc-max-message-size")
# Read by the operator itself, from the SeldonDeployment's spec and metadata.
OPERATOR_NUMBERS = (
    LOG_QUEUE_SIZE,
    LOG_WRITE_TIMEOUT,
    "seldon.io/istio-retries",
    "seldon.io/istio-retries-timeout",
    "seldon.io/ambassador-retries",
    "seldon.io/ambassador-circuit-breakers-max-connections",
    "seldon.io/ambassador-circuit-breakers-max-pending-requests",
    "seldon.io/ambassador-circuit-breakers-max-requests",
    "seldon.io/ambassador-circuit-breakers-max-retries",
)
