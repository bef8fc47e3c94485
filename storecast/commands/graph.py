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
    "name": "name of the SeldonDeployment; it is a part of the URL of the graph",
    "namespace": "Kubernetes namespace of the SeldonDeployment",
    "image": "container image of the components, with a tag or digest",
    "fleet_uri": "fleet to serve: models:/NAME@ALIAS, models:/NAME/VERSION or a folder",
    "challenger_uri": "fleet that the challenger of an experiment serves, in the same form",
}


def add(verbs: Verbs) -> None:
    """Add the verb and its two verbs."""
    parser = group(
        verbs,
        "graph",
        VERBS["graph"].summary,
        f"""
        storecast graph render --shards 4 --out graph.yaml
        storecast graph validate {COMMITTED}
        """,
    )
    below = parser.add_subparsers(title="verbs", dest="graph_verb", required=True, metavar="VERB")
    _add_render(below)
    validate = verb(
        below,
        "validate",
        "check SeldonDeployment files for errors that would stop them on a cluster",
        run_validate,
        f"""
        storecast graph validate {COMMITTED}
        storecast graph validate first.yaml second.yaml
        """,
    )
    validate.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="YAML file with one or more SeldonDeployments"
    )


def _add_render(below: Verbs) -> None:
    parser = verb(
        below,
        "render",
        "write a SeldonDeployment file that serves a fleet",
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
        metavar = "URI" if name.endswith("_uri") else name.upper()
        parser.add_argument(f"--{name.replace('_', '-')}", default=default, metavar=metavar, help=meaning)
    help_shards = "number of forecasters that share the stores"
    parser.add_argument("--shards", type=positive, default=defaults.shards, metavar="N", help=help_shards)
    help_share = "percent of the stores that the challenger forecasts, 0 to 100 (default: no challenger)"
    parser.add_argument("--challenger-share", type=percent, metavar="PERCENT", help=help_share)
    help_experiment = "name of the experiment; it decides which stores the challenger forecasts"
    parser.add_argument("--experiment", type=word, default=defaults.experiment, metavar="NAME", help=help_experiment)
    help_replicas = "lowest number of pods, each with the whole graph"
    parser.add_argument("--replicas", type=positive, default=defaults.replicas, metavar="N", help=help_replicas)
    help_max = "highest number of pods; the autoscaler adds pods when the load is high"
    parser.add_argument("--max-replicas", type=positive, default=defaults.max_replicas, metavar="N", help=help_max)
    help_claim = "PersistentVolumeClaim where all pods cache downloaded fleets (default: each pod has its own cache)"
    parser.add_argument("--cache-claim", default=defaults.cache_claim, metavar="NAME", help=help_claim)
    help_log = "address of the request log; an empty text uses the default of the executor"
    parser.add_argument("--log-url", default=defaults.log_url, metavar="URL", help=help_log)
    parser.add_argument("--out", type=Path, metavar="FILE", help="file to write (default: standard output)")


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
        print(f"wrote {args.out}", file=sys.stderr)
    else:
        print(text, end="")
    return exit_codes.OK


def run_validate(args: argparse.Namespace) -> int:
    """Validate all files; the error lists every problem of every file."""
    validate_files(args.files)
    print(f"valid: {', '.join(map(str, args.files))}")
    return exit_codes.OK
