"""The verbs of the command line: where each is, and what it does in a line. One is imported when it is asked for."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Verb(NamedTuple):
    """`add`: module and function that add the verb to a parser.  `summary`: its line in `storecast --help`."""

    add: str
    summary: str


VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        "synth": Verb("storecast.synth:add", "write a seeded synthetic chain in Kaggle's Rossmann layout"),
        "partition": Verb(
            "storecast.partition:add",
            "copy sales and the days ahead into Parquet partitions, for trainings to read in parallel",
        ),
        "train": Verb("storecast.train:add", "fit every store, judge the fits, and register them as one fleet"),
        "promote": Verb(
            "storecast.promote:add_promote", "make the challenger, or any version, the champion that is served"
        ),
        "rollback": Verb(
            "storecast.promote:add_rollback", "go back to the champion before; a second rollback undoes the first"
        ),
        "forecast": Verb("storecast.forecast:add", "forecast stores, from the registry or through a running graph"),
        "serve": Verb(
            "storecast.serve:add",
            "run an inference graph here, as a cluster would: its components as processes, its engine on one port",
        ),
        "graph": Verb("storecast.graph_verbs:add", "render and validate the inference graph"),
        "request-log": Verb(
            "storecast.request_log:add", "keep what a graph forecasts: take its events, show, export, prune"
        ),
        "demo": Verb(
            "storecast.demo:add", "synthetic chain -> train -> register -> serve -> ask -> plot; it ends by itself"
        ),
        "settings": Verb("storecast.settings:add", "print every setting: variable, default, unit, meaning"),
    }
)
