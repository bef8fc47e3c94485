"""The verbs of the command line: the module and the summary of each. Only the module of a used verb is imported."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Verb(NamedTuple):
    """A verb.

    Args: add: a module of `storecast.commands`, and its function that adds the verb to a parser.  summary: its line in
        `storecast --help`.
    """

    add: str
    summary: str


VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        "demo": Verb("demo:add", "run every step once on synthetic data: train, register, serve, forecast, plot"),
        "synth": Verb("synth:add", "write synthetic sales data in the layout of Kaggle's Rossmann data set"),
        "partition": Verb(
            "partition:add", "split sales and calendar into Parquet files, which several processes can train on"
        ),
        "train": Verb(
            "train:add", "train a model for every store, evaluate the models, and register them as one fleet"
        ),
        "promote": Verb(
            "promote:add_promote", "serve another fleet: make the challenger, or any version, the champion"
        ),
        "rollback": Verb(
            "promote:add_rollback", "make the previous champion the champion again; a second rollback undoes the first"
        ),
        "forecast": Verb("forecast:add", "forecast sales, with the registered champion or through a running graph"),
        "serve": Verb("serve:add", "run an inference graph on this machine, as Seldon Core runs it on a cluster"),
        "graph": Verb("graph:add", "write and check inference graphs, which are SeldonDeployment files"),
        "request-log": Verb(
            "request_log:add", "store, show, export and delete the forecasts that a running graph has answered"
        ),
        "settings": Verb("settings:add", "print every setting: environment variable, default, unit and meaning"),
    }
)
