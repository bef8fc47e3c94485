"""Small graphs of tiny components, for the local runner."""

import os
import sys
from pathlib import Path
from typing import Any

from support.graph import tiny_component

from graph.local.plan import LocalOptions
from graph.local.process import RestartPolicy
from graph.spec.deployment import SeldonDeployment

SCRIPT = tiny_component.__file__


def tiny_document(**modes: str) -> dict[str, Any]:
    """A router over two models; `forecaster="dies"` and the like say how a component behaves."""
    probe = {"httpGet": {"path": "/health/status", "port": "http"}, "initialDelaySeconds": 600, "timeoutSeconds": 5}
    containers = [
        {"name": name, "image": "tiny:1", "args": [modes.get(name, "ready")], "readinessProbe": probe}
        for name in ("router", "forecaster", "fallback")
    ]
    children = [{"name": name, "type": "MODEL"} for name in ("forecaster", "fallback")]
    graph = {"name": "router", "type": "ROUTER", "methods": ["AGGREGATE"], "children": children}
    predictor = {"name": "main", "graph": graph, "componentSpecs": [{"spec": {"containers": containers}}]}
    return {
        "apiVersion": "machinelearning.seldon.io/v1",
        "kind": "SeldonDeployment",
        "metadata": {"name": "tiny"},
        "spec": {"predictors": [predictor]},
    }


def tiny_deployment(**modes: str) -> SeldonDeployment:
    return SeldonDeployment.from_wire(tiny_document(**modes))


def tiny_options(log_dir: Path, **changes: Any) -> LocalOptions:  # noqa: ANN401 - any option
    options: dict[str, Any] = {
        "environ": dict(os.environ),
        "entrypoint": [sys.executable, SCRIPT],
        "log_dir": log_dir,
        "port": 0,
        "free_ports": True,
        "stop_grace_s": 0.5,
        "start_timeout_s": 120.0,
        "restarts": RestartPolicy(first_s=0.01, longest_s=0.1),
    }
    return LocalOptions(**(options | changes))
