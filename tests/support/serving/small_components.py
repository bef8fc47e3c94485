"""Component classes that show what Seldon's wrapper does with each kind of reply; served by real processes in tests."""

# ruff: noqa: ANN401, ARG002, N803 (Seldon's signatures, and payloads of any type)
import time
from pathlib import Path
from typing import Any

import numpy as np
from flask import Blueprint, Response, jsonify
from seldon_core.flask_utils import SeldonMicroserviceException
from seldon_core.proto import prediction_pb2
from werkzeug.exceptions import UnsupportedMediaType

LATE_S = 120.0


class Echo:
    """Answers with what it was given, as the `reply` tag of the request says."""

    def __init__(self) -> None:
        self.calls = 0

    def predict(self, X: Any, names: Any, meta: Any = None) -> Any:
        self.calls += 1
        wish = (meta or {}).get("tags", {}).get("reply", "same")
        if isinstance(X, str) and X == "type_error":
            raise TypeError(f"call {self.calls}")
        if wish == "bad_data":
            raise SeldonMicroserviceException("refused by the model", status_code=418, reason="TEST")
        replies = {"same": X, "dicts": [{"a": 1}], "dict": {"a": 1}, "names": {"names": list(names)}, "none": None}
        return replies[wish]

    def metrics(self) -> list[dict[str, Any]]:
        return [{"type": "COUNTER", "key": "echo_calls", "value": 1, "tags": {"kind": "test"}}]


class Raw:
    """Answers whole messages: a list as jsonData, a status that sets the HTTP status, or late.

    A late one is answered when a file is there; another file says that it has begun.
    """

    def __init__(self) -> None:
        handler = Blueprint("raw_door", __name__)
        handler.app_errorhandler(UnsupportedMediaType)(_no_json)
        self.model_error_handler = handler

    def predict_raw(self, msg: Any) -> dict[str, Any]:
        asked = msg["jsonData"]
        if isinstance(asked, dict) and "late" in asked:
            _wait(Path(asked["late"]["begun"]), Path(asked["late"]["go"]))
        if asked == "refuse":
            return {"status": {"code": 400, "info": "no", "status": "FAILURE"}, "jsonData": {"problems": [1]}}
        metrics = [{"type": "COUNTER", "key": "raw_calls_total", "value": 1}]
        return {"jsonData": [asked, asked], "meta": {"metrics": metrics, "tags": {"b": 1, "a": 2}}}


class Routes:
    """Routes as the request says and shows what aggregate is given."""

    def route(self, features: Any, feature_names: Any, meta: Any = None) -> Any:
        return np.int64(1) if features == "numpy" else features

    def aggregate_raw(self, msgs: Any) -> dict[str, Any]:
        return {"jsonData": {"type": type(msgs).__name__, "count": len(msgs)}}

    def send_feedback_raw(self, feedback: Any) -> Any:
        if not isinstance(feedback, prediction_pb2.Feedback):
            raise TypeError(type(feedback).__name__)
        routed = feedback.response.meta.routing
        return prediction_pb2.SeldonMessage(strData=f"{feedback.reward:g} {dict(routed)}")


class NeverLoads:
    """Cannot load: an error that the wrapper does not swallow."""

    def load(self) -> None:
        raise RuntimeError("no model here")

    def predict_raw(self, msg: Any) -> dict[str, Any]:
        return {"jsonData": msg}


def _wait(begun: Path, go: Path) -> None:
    begun.touch()
    give_up = time.monotonic() + LATE_S
    while not go.exists() and time.monotonic() < give_up:
        time.sleep(0.02)


def _no_json(_error: UnsupportedMediaType) -> Response:
    response = jsonify({"status": {"code": -1, "info": "Can't find JSON in data", "status": 1}})
    response.status_code = 400
    return response
