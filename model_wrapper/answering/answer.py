"""Answers a message from a fleet in this process, without Seldon's wrapper."""

from datetime import date
from typing import Any

from model_wrapper.answering.encode import encode
from model_wrapper.answering.forecast import forecast_lines
from model_wrapper.answering.messages import answer_message
from model_wrapper.answering.plan import plan
from model_wrapper.contract.reading import read_request
from model_wrapper.contract.requests import Limits
from model_wrapper.fleets.served import ServedFleet


def answer_from(served: ServedFleet, message: object, limits: Limits, today: date) -> dict[str, Any]:
    """Answer one Seldon message as a forecaster without a router does, but for the request's own meta.

    Raises: BadRequestError: with every problem of the message.
    """
    planned = plan(read_request(message, limits), served, limits, today)
    return answer_message(encode(forecast_lines(planned, served), served), served)
