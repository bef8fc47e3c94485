"""A private PostgreSQL server on loopback, from Debian's packages, ended by its own process id."""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from graph.local.free_ports import free_ports

INSTALLED_IN = Path("/usr/lib/postgresql")
REQUIRED = "STORECAST_REQUIRE_POSTGRES"
USER = "storecast"
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 120


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """SQLAlchemy URL of a new, empty server; its log is `folder / "postgres.log"`.

    Skips the test where PostgreSQL is not installed; fails it where STORECAST_REQUIRE_POSTGRES is set.
    """
    programs = _programs()
    folder.mkdir(parents=True, exist_ok=True)
    password, port = secrets.token_urlsafe(24), free_ports(1)[0]
    with (folder / "postgres.log").open("wb") as log, _home(folder) as home:
        run = _Runner(home, log.fileno())
        _make_cluster(run, programs / "initdb", password)
        server = run.start(
            [str(programs / "postgres"), "-D", "cluster", "-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"]
        )
        try:
            _wait(server, port, password, folder / "postgres.log")
            yield f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{port}/postgres"
        finally:
            _stop(server)


def _programs() -> Path:
    """Folder of the newest installed server."""
    found = [path.parent for path in INSTALLED_IN.glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: float(path.parent.name))
    reason = f"wanted PostgreSQL's programs in {INSTALLED_IN}/*/bin, found none: apt-get install postgresql"
    if os.environ.get(REQUIRED):
        pytest.fail(f"{reason} ({REQUIRED} is set)")
    pytest.skip(reason)


@contextmanager
def _home(folder: Path) -> Iterator[Path]:
    """A folder that the server may own: PostgreSQL refuses root, and nobody else may enter root's own folders."""
    if os.geteuid() != 0:
        yield folder
        return
    home = Path(tempfile.mkdtemp(prefix="storecast-postgres-"))
    try:
        shutil.chown(home, "postgres", "postgres")
        yield home
    finally:
        shutil.rmtree(home)


@dataclass(frozen=True)
class _Runner:
    """Starts the server's programs in its folder, as the folder's owner."""

    home: Path
    log: int

    def start(self, command: list[str]) -> "subprocess.Popen[bytes]":
        owner = pwd.getpwuid(self.home.stat().st_uid)
        other = os.geteuid() != owner.pw_uid
        return subprocess.Popen(
            command,
            cwd=self.home,
            # Nothing of the tests' own settings; a client's PGPORT would be a server's default too.
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            user=owner.pw_uid if other else None,
            group=owner.pw_gid if other else None,
            extra_groups=[] if other else None,
            start_new_session=True,
        )


def _make_cluster(run: _Runner, initdb: Path, password: str) -> None:
    secret = run.home / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    owner = run.home.stat()
    os.chown(secret, owner.st_uid, owner.st_gid)
    command = [str(initdb), "-D", "cluster", "-U", USER, "--pwfile=password", "--auth=scram-sha-256"]
    making = run.start([*command, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
    try:
        code = making.wait(START_TIMEOUT_S)
    finally:
        _stop(making)
        secret.unlink()
    if code:
        raise RuntimeError(f"wanted a new PostgreSQL cluster, initdb ended with {code}: see postgres.log")


def _wait(server: "subprocess.Popen[bytes]", port: int, password: str, log: Path) -> None:
    give_up = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < give_up and server.poll() is None:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(
                host="127.0.0.1", port=port, user=USER, password=password, dbname="postgres", connect_timeout=2
            ).close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL did not start in {START_TIMEOUT_S} s:\n{log.read_text()[-2000:]}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End one process; for a PostgreSQL server SIGINT is a fast shutdown, which waits for no client."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT_S)
