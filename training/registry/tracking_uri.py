"""Where MLflow is, as a URI; needs no MLflow."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from fleet.mlflow.local_registry import SQLITE


def tracking_uri(environ: Mapping[str, str], home: Path) -> str:
    """`MLFLOW_TRACKING_URI` where it is set, else SQLite in the home folder: no server needed."""
    return environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{home.absolute() / 'mlflow.db'}"


def public_uri(uri: str) -> str:
    """The URI without a user and password: what may be printed and logged."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else uri


def userinfo(uri: str) -> str:
    """`user:password@` of a URI; a text that occurs nowhere, where it has none."""
    user, at, _ = urlsplit(uri).netloc.rpartition("@")
    return user + at if at else "\0"
