"""What the Seldon operator gives to the executor's own container: flags, environment and the pod's annotations.

Source: outputs of the operator 1.17.1, recorded in tests/contract/vectors/operator.json.gz; the annotations of the
payload log's queue: operator/controllers/seldondeployment_engine.go.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from graph.seldon import (
    DEFAULT_LOG_URL,
    ENGINE_GRPC_PORT,
    ENGINE_HTTP_PORT,
    ENV_ANNOTATION,
    LOG_QUEUE_SIZE,
    LOG_WRITE_TIMEOUT,
    METRICS_PATH,
    PREDICTOR,
    SEPARATE_ENGINE,
)
from graph.spec.deployment import Predictor, SeldonDeployment
from graph.spec.pod import EnvVar


def executor_arguments(
    deployment: SeldonDeployment,
    predictor: Predictor,
    http_port: int = ENGINE_HTTP_PORT,
    grpc_port: int = ENGINE_GRPC_PORT,
) -> list[str]:
    """The executor's flags, in the operator's order."""
    spec = deployment.spec
    annotations = {**deployment.metadata.annotations, **spec.annotations}
    flags = {
        "sdep": deployment.name,
        "namespace": deployment.namespace,
        "predictor": predictor.name,
        "http_port": str(http_port),
        "grpc_port": str(grpc_port),
        "protocol": spec.protocol or "seldon",
        "transport": spec.transport or "rest",
        "prometheus_path": METRICS_PATH,
        "server_type": spec.server_type or "rpc",
        "log_work_buffer_size": annotations.get(LOG_QUEUE_SIZE, "10000"),
        "log_write_timeout_ms": annotations.get(LOG_WRITE_TIMEOUT, "2000"),
    }
    return [*(word for name, value in flags.items() for word in (f"--{name}", value)), "--full_health_checks=false"]


def executor_env(deployment: SeldonDeployment, predictor: Predictor, default_log_url: str) -> list[EnvVar]:
    """The executor's environment, in the operator's order.

    Args: predictor: with its defaults filled in.  default_log_url: where payloads go of loggers without a url.
    """
    own = predictor.svc_orch_spec.env if predictor.svc_orch_spec else []
    annotated = {
        name.removeprefix(ENV_ANNOTATION).replace("-", "_").upper(): value
        for name, value in deployment.spec.annotations.items()
        if name.startswith(ENV_ANNOTATION) and name != SEPARATE_ENGINE
    }
    return [
        EnvVar(name=PREDICTOR, value=encoded(executor_predictor(predictor))),
        EnvVar(name=DEFAULT_LOG_URL, value=default_log_url),
        *own,
        *(EnvVar(name=name, value=value) for name, value in annotated.items()),
    ]


def executor_annotations(deployment: SeldonDeployment, predictor: Predictor) -> dict[str, str]:
    """The annotations of the executor's pod; a separate pod of its own has none of them."""
    if deployment.spec.annotations.get(SEPARATE_ENGINE) == "true":
        return {}
    first = predictor.component_specs[0].metadata.annotations if predictor.component_specs else {}
    return {**deployment.spec.annotations, **predictor.annotations, **first}


def executor_predictor(predictor: Predictor) -> dict[str, Any]:
    """A predictor as the executor gets it, without the fields that may change without a restart.

    Containers are as written, without what the operator injects: the executor reads only their images.
    """
    document = predictor.to_wire()
    for name in ("traffic", "explainer"):
        document.pop(name, None)
    return {**document, "replicas": 0}


def encoded(predictor: Mapping[str, Any]) -> str:
    """A predictor on the wire as the value of ENGINE_PREDICTOR: base64 of JSON."""
    return base64.b64encode(json.dumps(predictor, separators=(",", ":")).encode()).decode()
