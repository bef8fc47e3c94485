"""Every error of every room: it comes back from a worker as it was, and has its codes."""

import pickle
from typing import Any

import pytest

import fleet.errors
import model_wrapper.contract.errors
import model_wrapper.errors
import monitoring.request_log.errors
import storecast.client
import storecast.commands.forecast
import storecast.output
import training.errors
from fleet import StorecastError

MODULES = (
    fleet.errors,
    training.errors,
    model_wrapper.errors,
    model_wrapper.contract.errors,
    monitoring.request_log.errors,
    storecast.client,
    storecast.commands.forecast,
    storecast.output,
)
ERRORS = [
    kind
    for module in MODULES
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, StorecastError) and kind.__module__ == module.__name__
]


def below(root: type[StorecastError]) -> list[type[StorecastError]]:
    return [root, *(found for child in root.__subclasses__() for found in below(child))]


def test_no_error_of_a_loaded_module_is_left_out() -> None:
    assert [error for error in below(StorecastError) if error not in ERRORS] == []


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_survives_pickling_and_has_its_codes(error: type[StorecastError]) -> None:
    again: Any = pickle.loads(pickle.dumps(error("wanted a, got b")))  # noqa: S301 - our own bytes
    assert (type(again), str(again)) == (error, "wanted a, got b")
    assert 400 <= error.http_status < 600
    assert error.exit_code in (1, 2, 3, 4, 5)
