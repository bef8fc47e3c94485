"""The verbs of the command line: where each is, and what it does in a line. One is imported when it is asked for."""

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
        "synth": Verb("synth:add", "write a seeded synthetic chain in Kaggle's Rossmann layout"),
        "partition": Verb(
            "partition:add",
            "copy sales and the days ahead into Parquet partitions, for trainings to read in parallel",
        ),
        "train": Verb("train:add", "fit every store, judge the fits, and register them as one fleet"),
        "promote": Verb("promote:add_promote", "make the challenger, or any version, the champion that is served"),
        "rollback": Verb(
            "promote:add_rollback",
            "go back to the champion before; a second rollback undoes the first",
        ),
        "forecast": Verb("forecast:add", "forecast stores, from the registry or through a running graph"),
        "serve": Verb(
            "serve:add",
            "run an inference graph here, as a cluster would: its components as processes, its engine on one port",
        ),
        "graph": Verb("graph:add", "render and validate the inference graph"),
        "request-log": Verb("request_log:add", "keep what a graph forecasts: take its events, show, export, prune"),
        "demo": Verb(
            "demo:add",
            "synthetic chain -> train -> register -> serve -> ask -> plot; it ends by itself",
        ),
        "settings": Verb("settings:add", "print every setting: variable, default, unit, meaning"),
    }
)
