"""The base of settings objects: variables of the environment, one error, one table."""

from collections.abc import Mapping
from typing import ClassVar

import pytest

from fleet import ConversionError, StorecastError
from fleet.settings import Count, EnvironmentSettings, SettingRow, setting


class ExampleSettings(EnvironmentSettings):
    prefix: ClassVar[str] = "EXAMPLE_"
    variables: ClassVar[Mapping[str, str]] = {"unit": "PREDICTIVE_UNIT_ID"}
    error: ClassVar[type[StorecastError]] = ConversionError

    items: Count = setting(5, "items", "Most items.")
    quick: bool = setting(default=False, unit="true or false", description="No waiting.")
    unit: str = setting("", "name", "Name of the node.")


class SecretSettings(ExampleSettings):
    quotes_values: ClassVar[bool] = False


def test_settings_are_read_from_their_variables_and_an_empty_one_is_not_set() -> None:
    environ = {"EXAMPLE_ITEMS": "7", "EXAMPLE_QUICK": "", "PREDICTIVE_UNIT_ID": "node", "EXAMPLE_OTHER": "x"}
    assert ExampleSettings.from_env(environ) == ExampleSettings(items=7, unit="node")


def test_one_error_of_the_given_class_names_every_wrong_variable() -> None:
    with pytest.raises(ConversionError) as caught:
        ExampleSettings.from_env({"EXAMPLE_ITEMS": "0", "EXAMPLE_QUICK": "soon"})
    assert str(caught.value) == (
        "Correct these settings: EXAMPLE_ITEMS: wanted greater than or equal to 1, got '0'; "
        "EXAMPLE_QUICK: wanted a valid boolean, unable to interpret input, got 'soon'"
    )


def test_values_are_not_quoted_where_one_of_the_settings_is_a_secret() -> None:
    with pytest.raises(ConversionError) as caught:
        SecretSettings.from_env({"EXAMPLE_ITEMS": "hunter2"})
    assert "EXAMPLE_ITEMS: wanted a valid integer" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_table_lists_every_setting_in_order() -> None:
    assert ExampleSettings.table() == [
        SettingRow("EXAMPLE_ITEMS", "5", "items", "Most items."),
        SettingRow("EXAMPLE_QUICK", "false", "true or false", "No waiting."),
        SettingRow("PREDICTIVE_UNIT_ID", "", "name", "Name of the node."),
    ]
