"""`storecast graph render|validate`: the SeldonDeployment as a file."""

import argparse
import sys
from pathlib import Path

from graph import GraphOptions, render, to_yaml, validate, validate_files
from storecast import exit_codes
from storecast.arguments import Verbs, group, percent, positive, verb, word
from storecast.output import writing
from storecast.verbs import VERBS

COMMITTED = Path("manifests/graphs/storecast.yaml")

_MEANINGS = {
    "name": "name of the SeldonDeployment, part of its address",
    "namespace": "namespace that it is applied to",
    "image": "serving image of the components, with a tag or digest",
    "fleet_uri": "fleet that is served: models:/NAME@ALIAS, models:/NAME/VERSION or a folder",
    "challenger_uri": "fleet of an experiment's challenger, in the same form",
}


def add(verbs: Verbs) -> None:
    """Add the verb and its two verbs."""
    parser = group(verbs, "graph", VERBS["graph"].summary)
    below = parser.add_subparsers(dest="graph_verb", required=True, metavar="VERB")
    _add_render(below)
    validate = verb(
        below,
        "validate",
        "refuse what a cluster would refuse or break on",
        run_validate,
        f"""
        storecast graph validate {COMMITTED}
        storecast graph validate first.yaml second.yaml
        """,
    )
    validate.add_argument("files", nargs="+", type=Path, metavar="FILE", help="YAML files with SeldonDeployments")


def _add_render(below: Verbs) -> None:
    parser = verb(
        below,
        "render",
        "write the SeldonDeployment of a chain",
        run_render,
        f"""
        storecast graph render --out {COMMITTED}
        storecast graph render --shards 4 --replicas 3 --image registry.example/storecast:1.4.0
        storecast graph render --challenger-share 10 --experiment more-waves --out graph.yaml
        """,
    )
    defaults = GraphOptions()
    for name, meaning in _MEANINGS.items():
        default = getattr(defaults, name)
        parser.add_argument(f"--{name.replace('_', '-')}", default=default, help=f"{meaning} ({default})")
    parser.add_argument("--shards", type=positive, default=defaults.shards, help=f"forecasters ({defaults.shards})")
    help_share = "percent of the stores that the alias challenger answers, 0 to 100 (no challenger)"
    parser.add_argument("--challenger-share", type=percent, metavar="PERCENT", help=help_share)
    help_experiment = f"name of the experiment; another one draws other stores ({defaults.experiment})"
    parser.add_argument("--experiment", type=word, default=defaults.experiment, metavar="NAME", help=help_experiment)
    parser.add_argument("--replicas", type=positive, default=defaults.replicas, help=f"pods ({defaults.replicas})")
    help_max = f"most pods that load may add up to ({defaults.max_replicas})"
    parser.add_argument("--max-replicas", type=positive, default=defaults.max_replicas, help=help_max)
    help_claim = "PersistentVolumeClaim of downloaded fleets, shared by pods; empty: a folder in each pod"
    parser.add_argument("--cache-claim", default=defaults.cache_claim, metavar="NAME", help=help_claim)
    help_log = f"where forecasts are logged; empty: the executor's default ({defaults.log_url})"
    parser.add_argument("--log-url", default=defaults.log_url, metavar="URL", help=help_log)
    parser.add_argument("--out", type=Path, help="file to write (stdout)")


def run_render(args: argparse.Namespace) -> int:
    """Render, and print or write."""
    options = GraphOptions(
        name=args.name,
        namespace=args.namespace,
        image=args.image,
        fleet_uri=args.fleet_uri,
        shards=args.shards,
        challenger_share=args.challenger_share,
        challenger_uri=args.challenger_uri,
        experiment=args.experiment,
        replicas=args.replicas,
        max_replicas=max(args.max_replicas, args.replicas),
        cache_claim=args.cache_claim,
        log_url=args.log_url,
    )
    deployment = render(options)
    validate(deployment.to_wire())
    text = to_yaml(deployment)
    if args.out:
        with writing(args.out):
            args.out.write_text(text)
        print(f"written: {args.out}", file=sys.stderr)
    else:
        print(text, end="")
    return exit_codes.OK


def run_validate(args: argparse.Namespace) -> int:
    """Validate all files; every problem of every file is in the error."""
    validate_files(args.files)
    print(f"valid: {', '.join(map(str, args.files))}")
    return exit_codes.OK
