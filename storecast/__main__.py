"""`storecast VERB ...`: parses the arguments, runs the verb, and turns errors into exit codes."""

import argparse
import atexit
import gc
import os
import pkgutil
import signal
import sys
import traceback
from collections.abc import Collection, Mapping, Sequence

from fleet import StorecastError
from graph.errors import GraphError
from model_wrapper import logs
from model_wrapper.settings import Settings
from storecast import __version__, exit_codes
from storecast.arguments import HelpFormatter
from storecast.verbs import VERBS

_DESCRIPTION = """Sales forecasts for every store of a retail chain.

The models of all stores together are a fleet. Each training registers a new version of the fleet in MLflow.
The version with the alias champion is served; one with the alias challenger waits to be promoted.
Run `storecast VERB --help` for the options of a verb."""

_EXAMPLES = """examples:
  storecast demo
  storecast train --data train.csv --stores store.csv --calendar calendar.csv
  storecast forecast --store 4 --days 7
  storecast serve
"""


def parser(asked: Collection[str] = VERBS.keys()) -> argparse.ArgumentParser:
    """The parser of all verbs; those in `asked` have their options, which imports their modules."""
    codes = "".join(f"  {code}  {meaning}\n" for code, meaning in exit_codes.MEANINGS.items())
    top = argparse.ArgumentParser(
        prog="storecast",
        description=_DESCRIPTION,
        epilog=f"exit codes:\n{codes}\n{_EXAMPLES}",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"storecast {__version__}")
    verbs = top.add_subparsers(title="verbs", dest="verb", required=True, metavar="VERB")
    for name, verb in VERBS.items():
        if name in asked:
            pkgutil.resolve_name(f"storecast.commands.{verb.add}")(verbs)
        else:
            verbs.add_parser(name, help=verb.summary)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    words = sys.argv[1:] if argv is None else argv
    args = parser(VERBS.keys() & set(words)).parse_args(words)
    # What a container's end and `timeout` send: end as an exception does, so that worker processes and files go too.
    signal.signal(signal.SIGTERM, _terminated)
    # The memory goes with the process: to look for what could be freed first takes half a second after a training.
    atexit.register(gc.freeze)
    try:
        logs.configure(_log_level(os.environ))
        return int(args.run(args))
    except (StorecastError, GraphError) as error:
        print(f"storecast {args.verb}: {error}", file=sys.stderr)
        return error.exit_code
    except SystemExit:
        _end_workers()
        raise
    except KeyboardInterrupt:
        _end_workers()
        print(f"storecast {args.verb}: stopped by Ctrl-C", file=sys.stderr)
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does; that is no fault.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.OK
    except Exception:  # noqa: BLE001 - the one place that turns anything else into "our fault"
        traceback.print_exc()
        print(f"storecast {args.verb}: internal error of storecast; the traceback is above", file=sys.stderr)
        return exit_codes.BUG


def _end_workers() -> None:
    """End worker processes. One that was just being started would wait for work forever, and Python for its end."""
    from multiprocessing import active_children  # noqa: PLC0415 - few runs have workers

    for worker in active_children():
        worker.terminate()


def _terminated(_number: int, _frame: object) -> None:
    raise SystemExit(exit_codes.TERMINATED)


def _log_level(environ: Mapping[str, str]) -> str:
    # This setting alone: a verb that needs none of the others must not end on them.
    level = Settings.variable_of("log_level")
    return Settings.from_env({level: environ.get(level, "")}).log_level


if __name__ == "__main__":
    sys.exit(main())
