"""The project's own images: built and run by buildah, as root, without a container engine."""

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from support.processes import ROOT, Reply, request

from graph.local.free_ports import free_ports

TOOLS_SCRIPT = ".ci/install-image-tools"
BUILD_TIMEOUT_S = 540
RUN_TIMEOUT_S = 120
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 120
_BASE_IMAGE_VARIABLE = "STORECAST_BASE_IMAGE"
_DEFAULT_BASE_IMAGE = "localhost/debian-python:bookworm"
# Arguments of the Dockerfile that pip reads from the environment.
_PIP_VARIABLES = ("PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT")
_BUILDAH_RUN = ("buildah", "run", "--isolation", "chroot")


def missing() -> str:
    """What stops images from being built here, and what to do; empty when nothing does."""
    if os.geteuid() != 0:
        return f"images are built as root, this is user {os.geteuid()}"
    if shutil.which("buildah") is None:
        return f"there is no buildah: run {TOOLS_SCRIPT}"
    found = subprocess.run(["buildah", "inspect", "--type", "image", base_image()], check=False, capture_output=True)
    if found.returncode != 0:
        return f"there is no image {base_image()}: run {TOOLS_SCRIPT}, or pull it with buildah"
    return ""


def base_image() -> str:
    return os.environ.get(_BASE_IMAGE_VARIABLE) or _DEFAULT_BASE_IMAGE


def build(target: str, **arguments: str) -> str:
    """Build one target of the Dockerfile; what has not changed since the last time is kept. Returns its name."""
    image = f"localhost/storecast-test:{target}"
    given = {"BASE_IMAGE": base_image(), **arguments}
    options = [option for name, value in given.items() for option in ("--build-arg", f"{name}={value}")]
    command = ["buildah", "bud", "--isolation", "chroot", "--layers", "--force-rm", "--target", target, "--tag", image]
    _run([*command, *options, *_index_options(), str(ROOT)], BUILD_TIMEOUT_S)
    return image


def _index_options() -> list[str]:
    """Give the build what pip has on this machine: its configuration files, certificates and variables."""
    listed = _run([sys.executable, "-m", "pip", "config", "list"], RUN_TIMEOUT_S)
    debugged = _run([sys.executable, "-m", "pip", "config", "debug"], RUN_TIMEOUT_S)
    # The last one listed wins, as it does for pip.
    certificates = [*_present([ssl.get_default_verify_paths().cafile]), *re.findall(r"\.cert='(.+)'", listed)]
    options = []
    for path in dict.fromkeys([*certificates, *re.findall(r"^\s*(\S.*), exists: True$", debugged, re.MULTILINE)]):
        options += ["--volume", f"{Path(path).resolve()}:{path}:ro"]
    if certificates:
        options += ["--build-arg", f"PIP_CERT={certificates[-1]}"]
    # Without a value: buildah reads it from the environment, and no list of processes shows it.
    return options + [option for name in _PIP_VARIABLES if os.environ.get(name) for option in ("--build-arg", name)]


def _present(paths: Sequence[str | None]) -> list[str]:
    return [path for path in paths if path]


@dataclass(frozen=True)
class Service:
    """An image's entry point that runs in a container, on loopback ports of this machine."""

    buildah: subprocess.Popen[bytes]
    port: int
    metrics_port: int
    log: Path

    def post(self, path: str, message: object) -> Reply:
        return request(self.port, "POST", path, json.dumps(message).encode(), {"Content-Type": "application/json"})

    def get(self, path: str) -> Reply:
        return request(self.port, "GET", path)

    @property
    def main_pid(self) -> int:
        """The process that is number 1 in a pod: the first below buildah's own."""
        pid = self.buildah.pid
        while Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"buildah"):
            # A child belongs to the thread that made it, and buildah has many.
            children = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
            pid = int(next(each for each in children if each)[0])
        return pid

    def user_id(self) -> int:
        status = Path(f"/proc/{self.main_pid}/status").read_text()
        return int(status.split("\nUid:")[1].split()[0])

    def stop(self) -> int:
        """Send SIGTERM as a kubelet does; returns the exit code, and raises where it does not end."""
        os.kill(self.main_pid, signal.SIGTERM)
        return self.buildah.wait(STOP_TIMEOUT_S)


@dataclass(frozen=True)
class Container:
    """A working container of an image."""

    name: str

    @cached_property
    def config(self) -> dict[str, Any]:
        """What the image says of itself, in OCI's words."""
        found = json.loads(_run(["buildah", "inspect", "--type", "container", self.name], RUN_TIMEOUT_S))
        return dict(found["OCIv1"]["config"])

    def run(self, *command: str, user: str | None = None) -> str:
        """Run a command as the image's user, or another, in place of the entry point; returns its output."""
        options = ["--user", user] if user is not None else []
        return _run([*_BUILDAH_RUN, *options, self.name, "--", *command], RUN_TIMEOUT_S)

    def run_entrypoint(self, *arguments: str) -> str:
        """Run the image's entry point, with its own arguments where none are given."""
        return self.run(*self._command(arguments))

    @contextmanager
    def serve(self, arguments: Sequence[str], environ: Mapping[str, str], fleet: Path, log: Path) -> Iterator[Service]:
        """Run the entry point with a fleet at /fleet until the block ends; it is ready when the block begins."""
        port, metrics_port = free_ports(2)
        told = {
            "STORECAST_FLEET_URI": "/fleet",
            "PREDICTIVE_UNIT_HTTP_SERVICE_PORT": str(port),
            "PREDICTIVE_UNIT_METRICS_SERVICE_PORT": str(metrics_port),
            **environ,
        }
        options = [option for name, value in told.items() for option in ("--env", f"{name}={value}")]
        command = [*_BUILDAH_RUN, "--volume", f"{fleet}:/fleet:ro", *options, self.name, "--"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, *self._command(arguments)], stdout=output, stderr=output, start_new_session=True
            )
            try:
                running = Service(process, port, metrics_port, log)
                _wait_until_ready(running)
                yield running
            finally:
                _end_session(process)

    def files_of(self, user_id: int) -> list[str]:
        """Files that this user owns, and so has written, since no step of ours gives files to a user."""
        found = self.run("find", "/", "-xdev", "-uid", str(user_id), user="0")
        return found.splitlines()

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [*self.config["Entrypoint"], *(arguments or self.config.get("Cmd", []))]


@contextmanager
def container(image: str) -> Iterator[Container]:
    """A fresh container of an image, removed when the block ends."""
    name = _run(["buildah", "from", "--pull-never", image], RUN_TIMEOUT_S).strip()
    try:
        yield Container(name)
    finally:
        _run(["buildah", "rm", name], RUN_TIMEOUT_S)


def _run(command: Sequence[str], timeout_s: float) -> str:
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s)
    if done.returncode != 0:
        raise RuntimeError(
            f"{' '.join(command[:2])} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"[-6000:]
        )
    return done.stdout


def _end_session(process: subprocess.Popen[bytes]) -> None:
    # buildah does not hand signals on in a chroot: whoever is left in its session is ended with it.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_TIMEOUT_S)


def _wait_until_ready(running: Service) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and running.buildah.poll() is None:
        try:
            if running.get("/health/status").status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the image did not become ready; its log: {running.log.read_text()[-3000:]}")
