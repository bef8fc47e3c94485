"""The request log's sink as a real process on loopback, ended by its own process id."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from support.monitoring.logged_events import headers
from support.processes import ROOT, request, stop

from monitoring.request_log.events import Event


@dataclass(frozen=True)
class SinkProcess:
    """A sink, and where it listens."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def send(self, event: Event) -> int:
        header = event.header
        sent = headers(header.kind, header.origin.request_id, header.origin.node)
        return request(self.port, "POST", "/", event.body, sent).status

    def metric(self, name: str, **labels: str) -> float:
        """The value of one sample."""
        page = request(self.port, "GET", "/metrics").body.decode()
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                if sample.name == f"storecast_request_log_{name}" and sample.labels == labels:
                    return float(sample.value)
        raise AssertionError(f"no metric {name} {labels}")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(120)

    def end(self) -> int:
        """SIGTERM; returns the exit code."""
        return stop(self.process)


@contextmanager
def sink_process(home: Path, **settings: object) -> Iterator[SinkProcess]:
    """A sink that writes to `home`, or where the setting `url` says; it is ended with the block."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STORECAST_")}
    given = {f"STORECAST_REQUEST_LOG_{name.upper()}": f"{value}" for name, value in settings.items()}
    log = home / "sink.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "storecast", "request-log", "serve", "--port", "0", "--home", str(home)],
            cwd=ROOT,
            env=kept | given,
            stdout=subprocess.PIPE,
            stderr=output,
        )
    try:
        assert process.stdout is not None
        told = process.stdout.readline().decode()
        if not told:
            raise RuntimeError(f"the sink did not start: {log.read_text()}")
        yield SinkProcess(process, int(told.rstrip("/\n").rpartition(":")[2]), log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(120)
        if process.stdout is not None:
            process.stdout.close()
