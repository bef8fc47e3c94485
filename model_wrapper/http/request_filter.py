"""The request filter of a component: a request that cannot be read or served never reaches Seldon's code.

Seldon's wrapper answers 500 to a body that is not JSON, to unknown paths and to wrong methods. The Blueprint here,
which the wrapper registers because the user class has it as `model_error_handler`, answers 400, 404 and 405.
"""

from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify, make_response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException

from model_wrapper.answering.messages import echoed
from model_wrapper.contract.answers import refusal_message
from model_wrapper.contract.errors import BadRequestError, Problem
from model_wrapper.contract.feedback import READ_FEEDBACK, parse_feedback
from model_wrapper.contract.problems import MAX_PROBLEMS, problem_in_words, refusal
from model_wrapper.http.fast_json import FastJson
from model_wrapper.http.feedback_envelope import envelope_problems
from model_wrapper.http.json_errors import meta_before_the_break, why_unreadable
from model_wrapper.metrics.counters import REFUSED, UNREADABLE, Counters

PREDICT_PATHS = frozenset({"/predict", "/api/v1.0/predictions", "/api/v0.1/predictions"})
FEEDBACK_PATHS = frozenset({"/send-feedback", "/api/v1.0/feedback", "/api/v0.1/feedback"})
ROUTE_PATHS = frozenset({"/route", "/aggregate"})
_OTHER_PATHS = frozenset({"/transform-input", "/transform-output"})
_BODY_PATHS = PREDICT_PATHS | FEEDBACK_PATHS | ROUTE_PATHS | _OTHER_PATHS

_HTTP_REASON = "STORECAST_HTTP"
_SHOWN = 60


def blueprint(paths: frozenset[str], counters: Counters, max_feedback_days: int) -> Blueprint:
    """Build the Blueprint of a component that serves `paths` of Seldon's calls."""
    made = Blueprint("storecast_door", __name__)
    made.record_once(_use_fast_json)
    made.app_errorhandler(HTTPException)(_http_error)

    @made.before_app_request
    def refuse_unreadable() -> Response | None:
        if request.path not in _BODY_PATHS or request.method not in {"GET", "POST"}:
            return None
        if request.path not in paths:
            return _answer(refusal_message(404, f"This component does not serve {request.path}.", _HTTP_REASON), 404)
        found: Response | BadRequestError | None = _refusal_of_body(max_feedback_days)
        if found is None and request.path in FEEDBACK_PATHS:
            found = _fed_back()
        if not isinstance(found, BadRequestError):
            return found
        counters.add(REFUSED, reason="bad_feedback" if request.path in FEEDBACK_PATHS else UNREADABLE)
        if request.path == "/route":
            return jsonify(route_message(0))
        return _answer(refusal_message(400, str(found), problems=list(found.problems), meta=_given_back()), 400)

    return made


def route_message(child: int) -> dict[str, Any]:
    """Build the reply of a router, in the only form that the executor reads without risk."""
    return {"data": {"names": ["t:0"], "ndarray": [[child]]}, "meta": {}}


def _use_fast_json(state: BlueprintSetupState) -> None:
    state.app.json = FastJson(state.app)


def _refusal_of_body(max_feedback_days: int) -> BadRequestError | None:
    from seldon_core.flask_utils import get_request  # noqa: PLC0415 - the protobuf bridge must be in place first

    try:
        body = get_request()
    except Exception:  # noqa: BLE001 - whatever the body is made of, it is the client's
        return refusal([_unreadable()])
    if request.path in FEEDBACK_PATHS:
        try:
            setattr(g, READ_FEEDBACK, parse_feedback(body, max_feedback_days))
        except BadRequestError as error:
            return _with_envelope(error, body)
    return None


def _with_envelope(error: BadRequestError, body: object) -> BadRequestError:
    """Add what is wrong around the payloads, so that a client mends all at once."""
    if not isinstance(body, dict) or len(error.problems) >= MAX_PROBLEMS:
        return error
    listed = {each["path"] for each in error.problems}
    return refusal([*error.problems, *(each for each in envelope_problems(body) if each["path"] not in listed)])


def _fed_back() -> Response | BadRequestError | None:
    """Answer a feedback by Seldon's own view; where that cannot read it, say why in our words.

    Seldon's reader looks at what we do not: routing, tags, the request. Asking it first would read everything twice.
    """
    from seldon_core.flask_utils import get_request  # noqa: PLC0415 - as above

    view = current_app.view_functions.get(request.endpoint or "")
    if view is None:
        return None  # a wrong method
    try:
        return make_response(current_app.ensure_sync(view)())
    except Exception:
        if READ_FEEDBACK not in g:
            raise  # it was read, and the component failed
        return refusal(envelope_problems(get_request()) or [_unreadable()])


def _unreadable() -> Problem:
    form = _form()
    if form:
        return problem_in_words("json", "JSON in the field json", why_unreadable(form.encode(errors="surrogatepass")))
    if not request.is_json:
        kind = f"Content-Type: {request.content_type[:_SHOWN]}" if request.content_type else "no Content-Type"
        return problem_in_words("", "the header Content-Type: application/json", kind)
    return problem_in_words("", "a JSON object", why_unreadable(request.get_data()))


def _form() -> str | None:
    return request.form.get("json") or request.args.get("json")


def _given_back() -> dict[str, Any]:
    """What of a refused body says whose it is: its own meta, or that of a feedback's request or answer."""
    from seldon_core.flask_utils import get_request  # noqa: PLC0415 - as above

    try:
        body = get_request()
    except Exception:  # noqa: BLE001 - as above
        text = _form()
        return echoed(meta_before_the_break(text.encode(errors="surrogatepass") if text else request.get_data()))
    parts = [body, body.get("request"), body.get("response")] if isinstance(body, dict) else []
    return echoed(*(part.get("meta") for part in parts if isinstance(part, dict)))


def _http_error(error: HTTPException) -> Response:
    code = error.code or 500
    return _answer(refusal_message(code, f"{error.name}: {request.method} {request.path}", _HTTP_REASON), code)


def _answer(body: dict[str, Any], status: int) -> Response:
    response = jsonify(body)
    response.status_code = status
    return response
