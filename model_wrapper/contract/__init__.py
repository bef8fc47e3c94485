"""The contract with clients: what may be asked, what is answered, and how a refusal reads."""

from model_wrapper.contract.answers import (
    ErrorEntry,
    ForecastEntry,
    Table,
    decode_answer,
    encode_answer,
    refusal_message,
)
from model_wrapper.contract.reading import parse_request
from model_wrapper.contract.requests import (
    DEFAULT_LEVEL,
    EVERY_STORE,
    ForecastItem,
    ForecastRequest,
    Limits,
    encode_request,
)

__all__ = [
    "DEFAULT_LEVEL",
    "EVERY_STORE",
    "ErrorEntry",
    "ForecastEntry",
    "ForecastItem",
    "ForecastRequest",
    "Limits",
    "Table",
    "decode_answer",
    "encode_answer",
    "encode_request",
    "parse_request",
    "refusal_message",
]
