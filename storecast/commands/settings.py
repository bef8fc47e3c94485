"""`storecast settings`: every setting with its default, unit and meaning."""

import argparse
import os

from fleet.settings import SettingRow
from model_wrapper.settings import Settings
from monitoring.request_log.settings import RequestLogSettings
from storecast import exit_codes
from storecast.arguments import DEFAULT_HOME, HOME_VARIABLE, Verbs, verb
from storecast.verbs import VERBS

OF_THE_COMMAND_LINE = (
    SettingRow(HOME_VARIABLE, DEFAULT_HOME, "folder", "Local registry, caches and logs."),
    SettingRow("MLFLOW_TRACKING_URI", "SQLite in STORECAST_HOME", "URI", "MLflow tracking server and model registry."),
    SettingRow(
        "STORECAST_HISTORY_URL",
        "",
        "URI",
        "Database that `storecast train --data FILE.sql` reads; may contain a password.",
    ),
    SettingRow(
        "RAY_ADDRESS",
        "",
        "host:port",
        "Ray cluster for `storecast train --runner ray`; empty: a local one for this run only.",
    ),
)


def add(verbs: Verbs) -> None:
    """Add the verb."""
    verb(verbs, "settings", VERBS["settings"].summary, run, "storecast settings")


def run(args: argparse.Namespace) -> int:  # noqa: ARG001 - it has no options
    """Print the table; an invalid setting is an error."""
    Settings.from_env(os.environ)
    RequestLogSettings.from_env(os.environ)
    rows = (*OF_THE_COMMAND_LINE, *Settings.table(), *RequestLogSettings.table())
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print(f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]:{widths[2]}}  {row[3]}")
    return exit_codes.OK
