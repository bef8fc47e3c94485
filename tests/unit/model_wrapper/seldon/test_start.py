"""The entry point: which class, which defaults, which log lines; and the bridge for generated protobuf modules."""

import json
import logging

import pytest

from model_wrapper.errors import ConfigError
from model_wrapper.logs import JsonLines, event_of, keeps_payloads_out
from model_wrapper.seldon.start import DEFAULTS, interface_of


@pytest.mark.parametrize(
    ("arguments", "environ", "found"),
    [
        (["StoreRouter"], {}, ("model_wrapper.StoreRouter", [])),
        (["my.own.Model", "--workers", "2"], {"MODEL_NAME": "x"}, ("my.own.Model", ["--workers", "2"])),
        ([], {"MODEL_NAME": "StoreForecaster"}, ("model_wrapper.StoreForecaster", [])),
        (["--debug"], {"MODEL_NAME": "a.B"}, ("a.B", ["--debug"])),
    ],
)
def test_the_class_is_the_argument_or_the_variable(
    arguments: list[str], environ: dict[str, str], found: tuple[str, list[str]]
) -> None:
    assert interface_of(arguments, environ) == found


def test_no_class_is_an_error_that_names_the_variable() -> None:
    with pytest.raises(ConfigError, match="MODEL_NAME"):
        interface_of([], {})


def test_grpc_workers_are_off_unless_asked_for() -> None:
    assert DEFAULTS["GRPC_WORKERS"] == "0"


def record(name: str, level: int, message: str) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, message, None, None)


def test_a_log_line_is_one_json_object_with_its_facts() -> None:
    told = record("model_wrapper.x", logging.INFO, "wrapper.fleet_loaded")
    told.facts = {"stores": 3}
    line = json.loads(JsonLines("router").format(told))

    assert (line["event"], line["stores"], line["unit"], line["level"]) == ("wrapper.fleet_loaded", 3, "router", "INFO")


def test_seldons_records_that_quote_requests_lose_the_quote() -> None:
    assert event_of(record("seldon_core.wrapper", logging.ERROR, "{'info': 'payload'}")) == "seldon.error"
    assert not keeps_payloads_out(record("seldon_core.wrapper", logging.DEBUG, "REST Response: payload"))
    assert not keeps_payloads_out(record("seldon_core.wrapper", logging.INFO, "App Config: ..."))
    assert keeps_payloads_out(record("model_wrapper.components.router", logging.DEBUG, "wrapper.anything"))
