"""A graph component without Seldon's wrapper: `python tiny_component.py [ready|slow|dies|fails|never-ready|stubborn]`.

It reads its port as the wrapper does, answers `/predict`, `/route` and `/aggregate`, and shows its process and
environment at `/whoami`. A slow one thinks for two seconds about every POST. A stubborn one starts a child and ignores
SIGTERM, as does the child. One that fails tells why in a JSON line, before much noise.
"""

import http.server
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

SLOW_S = 2.0
CHILD = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


class Handler(http.server.BaseHTTPRequestHandler):
    mode = "ready"
    child_pid = 0

    def do_GET(self) -> None:
        if self.path == "/whoami":
            self.reply({"pid": os.getpid(), "child": self.child_pid, "env": dict(os.environ)})
        else:
            self.reply({}, 503 if self.mode == "never-ready" else 200)

    def do_POST(self) -> None:
        if self.mode == "slow":
            time.sleep(SLOW_S)
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        replies = {
            "/route": {"data": {"ndarray": [[-1]]}},
            "/aggregate": {"jsonData": [each["jsonData"] for each in sent] if isinstance(sent, list) else []},
        }
        self.reply(replies.get(self.path, {"jsonData": os.environ["PREDICTIVE_UNIT_ID"]}))

    def reply(self, body: object, status: int = 200) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(raw)


def main(mode: str) -> None:
    sys.stderr.write(f"tiny component, {mode}\n")
    if mode == "dies":
        sys.stderr.write("no fleet anywhere\n")
        sys.exit(3)
    if mode == "fails":
        sys.stderr.write(json.dumps({"level": "ERROR", "event": "no fleet"}) + "\n" + "noise\n" * 100)
        sys.exit(3)
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        Handler.child_pid = subprocess.Popen([sys.executable, "-c", CHILD]).pid
    Handler.mode = mode
    port = int(os.environ["PREDICTIVE_UNIT_HTTP_SERVICE_PORT"])
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "ready")
