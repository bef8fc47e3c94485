"""`storecast graph render|validate`: the SeldonDeployment as a file."""

import argparse
import sys
from pathlib import Path

from graph import GraphOptions, render, to_yaml, validate, validate_files
from storecast import exit_codes
from storecast.arguments import Verbs, positive, verb

COMMITTED = Path("manifests/graphs/storecast.yaml")


def add(verbs: Verbs) -> None:
    """Add the verb and its two verbs."""
    parser = verbs.add_parser("graph", help="render and validate the inference graph")
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
        """,
    )
    defaults = GraphOptions()
    for name in ("name", "namespace", "image", "fleet_uri"):
        default = getattr(defaults, name)
        parser.add_argument(f"--{name.replace('_', '-')}", default=default, help=f"({default})")
    parser.add_argument("--shards", type=positive, default=defaults.shards, help=f"forecasters ({defaults.shards})")
    parser.add_argument("--replicas", type=positive, default=defaults.replicas, help=f"pods ({defaults.replicas})")
    help_max = f"most pods that load may add up to ({defaults.max_replicas})"
    parser.add_argument("--max-replicas", type=positive, default=defaults.max_replicas, help=help_max)
    parser.add_argument("--out", type=Path, help="file to write (stdout)")


def run_render(args: argparse.Namespace) -> int:
    """Render, and print or write."""
    options = GraphOptions(
        name=args.name,
        namespace=args.namespace,
        image=args.image,
        fleet_uri=args.fleet_uri,
        shards=args.shards,
        replicas=args.replicas,
        max_replicas=max(args.max_replicas, args.replicas),
    )
    deployment = render(options)
    validate(deployment.to_wire())
    text = to_yaml(deployment)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
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
