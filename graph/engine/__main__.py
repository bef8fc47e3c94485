"""`python -m graph.engine FLAGS`: the engine as a process, started as the real executor is; on loopback only."""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from graph.engine.annotations import parse
from graph.engine.commandline import engine_config
from graph.engine.config import EngineConfig
from graph.engine.engine import GraphEngine
from graph.errors import GraphError

# Where a pod's annotations are mounted.
ANNOTATIONS = Path("/etc/podinfo/annotations")


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; 0 after a clean end, 1 where requests took longer than the graceful timeout."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s %(facts)s", defaults={"facts": ""}))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    try:
        annotations = parse(ANNOTATIONS.read_text()) if ANNOTATIONS.is_file() else {}
        return asyncio.run(_served(engine_config(sys.argv[1:], os.environ, annotations)))
    except GraphError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


async def _served(config: EngineConfig) -> int:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    engine = GraphEngine(config)
    await engine.start()
    await ended.wait()
    return 0 if await engine.stop() else 1


if __name__ == "__main__":
    sys.exit(main())
