"""A stand-in for the real executor: `python stand_in_executor.py MODE FLAGS...`.

`answers` is our engine as a process of its own. `tells` is ready, and shows its flags, environment and folder to any
GET. `dies` tells why and ends; `never-ready` answers 503.
"""

import http.server
import json
import os
import sys
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        told = {"pid": os.getpid(), "flags": sys.argv[2:], "env": dict(os.environ), "folder": str(Path.cwd())}
        body = json.dumps(told).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(mode: str, flags: list[str]) -> None:
    sys.stderr.write(f"stand-in for the executor, {mode}\n")
    if mode == "answers":
        os.execv(sys.executable, [sys.executable, "-m", "graph.engine", *flags])  # noqa: S606 - no shell is wanted
    if mode == "dies":
        sys.stderr.write("the graph cannot be read\n")
        sys.exit(2)
    Handler.status = 503 if mode == "never-ready" else 200
    port = int(flags[flags.index("--http_port") + 1])
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def executable(folder: Path, mode: str) -> Path:
    """A file in the folder that behaves in that way when it is run as an executor."""
    path = folder / f"executor-{mode}"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" {mode} "$@"\n')
    path.chmod(0o755)
    return path


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
