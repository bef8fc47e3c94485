"""Settings: read once from a mapping, every problem in one error, every field described."""

import pytest

from model_wrapper.errors import ConfigError
from model_wrapper.settings import Settings


def test_nothing_set_gives_the_defaults() -> None:
    assert Settings.from_env({}) == Settings()


def test_a_variable_that_is_empty_counts_as_not_set() -> None:
    assert Settings.from_env({"STORECAST_SHARDS": ""}).shards == 1


def test_variables_are_read_with_their_types() -> None:
    environ = {
        "STORECAST_FLEET_URI": "/fleet",
        "STORECAST_SHARDS": "4",
        "STORECAST_SHARD_INDEX": "3",
        "STORECAST_BEHIND_ROUTER": "true",
        "STORECAST_LOG_LEVEL": "debug",
        "PREDICTIVE_UNIT_ID": "forecaster-3",
        "STORECAST_OF_ANOTHER_ROOM": "x",
    }
    settings = Settings.from_env(environ)

    assert (settings.fleet_uri, settings.shards, settings.shard_index) == ("/fleet", 4, 3)
    assert (settings.behind_router, settings.log_level, settings.unit_id) == (True, "DEBUG", "forecaster-3")


def test_every_wrong_variable_is_named_in_one_error() -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_env({"STORECAST_MAX_ITEMS": "0", "STORECAST_MAX_CELLS": "many", "STORECAST_LOG_LEVEL": "loud"})

    assert all(name in str(caught.value) for name in ("STORECAST_MAX_ITEMS", "STORECAST_MAX_CELLS", "'LOUD'"))
    assert caught.value.exit_code == 2


def test_a_shard_index_must_be_one_of_the_shards() -> None:
    with pytest.raises(ConfigError, match=r"STORECAST_SHARD_INDEX below STORECAST_SHARDS \(2\), got 2"):
        Settings.from_env({"STORECAST_SHARDS": "2", "STORECAST_SHARD_INDEX": "2"})


def test_the_table_describes_every_setting_with_its_unit() -> None:
    rows = Settings.table()

    assert len(rows) == len(Settings.model_fields)
    assert all(all(part or name == "default" for name, part in row._asdict().items()) for row in rows)
    assert ("STORECAST_BEHIND_ROUTER", "false") in [(row.variable, row.default) for row in rows]
