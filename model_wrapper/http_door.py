"""The front door of a component over HTTP: what cannot be read, or has no business here, never reaches Seldon's code.

Seldon's wrapper answers 500 to a body that is not JSON, to unknown paths and to wrong methods. The Blueprint here,
which the wrapper registers because the user class has it as ``model_error_handler``, answers 400, 404 and 405.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from model_wrapper.contract.answers import refusal_message
from model_wrapper.contract.problems import problem, refusal, told
from model_wrapper.counters import REFUSED, Counters
from model_wrapper.fast_json import FastJson

if TYPE_CHECKING:
    from flask.blueprints import BlueprintSetupState

    from model_wrapper.errors import BadRequestError

PREDICT_PATHS: Final = frozenset({"/predict", "/api/v1.0/predictions", "/api/v0.1/predictions"})
FEEDBACK_PATHS: Final = frozenset({"/send-feedback", "/api/v1.0/feedback", "/api/v0.1/feedback"})
ROUTE_PATHS: Final = frozenset({"/route", "/aggregate"})
_OTHER_PATHS: Final = frozenset({"/transform-input", "/transform-output"})
_BODY_PATHS: Final = PREDICT_PATHS | FEEDBACK_PATHS | ROUTE_PATHS | _OTHER_PATHS

UNREADABLE: Final = "not_json"
_HTTP_REASON: Final = "STORECAST_HTTP"
_MAX_REWARD: Final = 3.4e38  # a 32-bit float on its way through Seldon's proto


def door(paths: frozenset[str], counters: Counters) -> Blueprint:
    """Build the Blueprint of a component that serves `paths` of Seldon's calls."""
    blueprint = Blueprint("storecast_door", __name__)
    blueprint.record_once(_use_fast_json)
    blueprint.app_errorhandler(HTTPException)(_http_error)

    @blueprint.before_app_request
    def refuse_unreadable() -> Response | None:
        if request.path not in _BODY_PATHS or request.method not in {"GET", "POST"}:
            return None
        if request.path not in paths:
            return _answer(refusal_message(404, f"This component does not serve {request.path}.", _HTTP_REASON), 404)
        found = _refusal_of_body()
        if found is None:
            return None
        counters.add(REFUSED, reason=UNREADABLE)
        if request.path == "/route":
            return jsonify(route_message(0))
        return _answer(refusal_message(400, str(found), problems=list(found.problems)), 400)

    return blueprint


def route_message(child: int) -> dict[str, Any]:
    """Build the reply of a router, in the only form that the executor reads without risk."""
    return {"data": {"names": ["t:0"], "ndarray": [[child]]}, "meta": {}}


def _use_fast_json(state: BlueprintSetupState) -> None:
    state.app.json = FastJson(state.app)


def _refusal_of_body() -> BadRequestError | None:
    from seldon_core.flask_utils import get_request  # noqa: PLC0415 (the protobuf bridge must be in place first)

    try:
        body = get_request()
    except Exception:  # noqa: BLE001 (whatever the body is made of, it is the client's)
        wanted = "a JSON body with Content-Type: application/json"
        return refusal([told("", wanted, f"Content-Type {request.content_type or 'missing'}, not readable as JSON")])
    if request.path in FEEDBACK_PATHS:
        return _refusal_of_feedback(body)
    return None


def _refusal_of_feedback(body: object) -> BadRequestError | None:
    if not isinstance(body, dict):
        return refusal([problem("", "an object with request, response, reward or truth", body)])
    reward = body.get("reward", 0)
    number = isinstance(reward, int | float) and not isinstance(reward, bool)
    if not number or not math.isfinite(reward) or abs(reward) > _MAX_REWARD:
        # One NaN would stay in the reward counter until the process ends.
        return refusal([problem("reward", "a finite number", reward)])
    return None


def _http_error(error: HTTPException) -> Response:
    code = error.code or 500
    return _answer(refusal_message(code, f"{error.name}: {request.method} {request.path}", _HTTP_REASON), code)


def _answer(body: dict[str, Any], status: int) -> Response:
    response = jsonify(body)
    response.status_code = status
    return response
