"""How an error leaves a component: as a refusal with a status, or as the exception that Seldon's wrapper expects."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, NoReturn

from model_wrapper.contract.answers import refusal_message
from model_wrapper.contract.errors import BadRequestError
from model_wrapper.errors import FleetUnavailableError
from model_wrapper.metrics.counters import REFUSED, REQUESTS, Counters

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet import StorecastError

_logger: Final = logging.getLogger(__name__)

INTERNAL_REASON: Final = "STORECAST_INTERNAL_ERROR"
UNAVAILABLE_REASON: Final = "STORECAST_FLEET_UNAVAILABLE"


def answer_or_refuse(answer: Callable[[], dict[str, Any]], counters: Counters) -> dict[str, Any]:
    """Return the answer, or a refusal: 400 for what the client did, 503 without a fleet, 500 for the rest; count it."""
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
        _logger.exception("wrapper.request_failed", extra={"facts": {"error": type(error).__name__}})
        message = refusal_message(500, "The wrapper failed; its log has the reason.", INTERNAL_REASON)
    else:
        counters.add(REQUESTS, outcome="answered")
    return message


def raise_to_seldon(error: StorecastError, reason: str, meta: dict[str, Any] | None = None) -> NoReturn:
    """Raise what Seldon's wrapper makes a refusal of; `meta`: of the request, to give back.

    Raises: SeldonMicroserviceException.
    """
    from model_wrapper.seldon.refusal import SeldonRefusal  # noqa: PLC0415 (seldon_core needs the protobuf bridge first)

    raise SeldonRefusal(str(error), status_code=error.http_status, payload=meta, reason=reason) from error
