"""How an error leaves a component: as a refusal with a status, or as the exception that Seldon's wrapper expects."""

import logging
from collections.abc import Callable
from typing import Any, NoReturn

from fleet import StorecastError
from model_wrapper.contract.answers import refusal_message
from model_wrapper.contract.errors import BadRequestError
from model_wrapper.errors import FleetUnavailableError
from model_wrapper.metrics.counters import REFUSED, REQUESTS, Counters

logger = logging.getLogger(__name__)

INTERNAL_REASON = "STORECAST_INTERNAL_ERROR"
UNAVAILABLE_REASON = "STORECAST_FLEET_UNAVAILABLE"


def answer_or_refuse(answer: Callable[[], dict[str, Any]], counters: Counters) -> dict[str, Any]:
    """The answer, or a refusal: 400 for the client, 503 without a fleet, 500 for the rest; each is counted."""
    try:
        message = answer()
    except BadRequestError as error:
        counters.add(REQUESTS, outcome="refused")
        over = any("setting STORECAST_MAX_" in problem["wanted"] for problem in error.problems)
        counters.add(REFUSED, reason="over_limit" if over else "bad_request")
        message = refusal_message(error.http_status, str(error), problems=error.problems)
    except FleetUnavailableError as error:
        counters.add(REQUESTS, outcome="unavailable")
        message = refusal_message(error.http_status, str(error), UNAVAILABLE_REASON)
    except Exception as error:
        counters.add(REQUESTS, outcome="failed")
        logger.exception("wrapper.request_failed", extra={"facts": {"error": type(error).__name__}})
        message = refusal_message(500, "The wrapper failed; its log has the reason.", INTERNAL_REASON)
    else:
        counters.add(REQUESTS, outcome="answered")
    return message


def raise_to_seldon(error: StorecastError, reason: str, meta: dict[str, Any] | None = None) -> NoReturn:
    """Raise what Seldon's wrapper makes a refusal of; `meta`: of the request, to give back.

    Raises: SeldonMicroserviceException.
    """
    from model_wrapper.seldon.refusal import SeldonRefusal  # noqa: PLC0415 - seldon_core needs the protobuf bridge first

    raise SeldonRefusal(str(error), status_code=error.http_status, payload=meta, reason=reason) from error
