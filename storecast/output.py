"""Files that verbs write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet import StorecastError


class OutputError(StorecastError):
    """A file cannot be written."""

    exit_code = 2


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Write a file in the block; its folder is created.

    Raises: OutputError: in place of an OSError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        why = error.strerror or error
        raise OutputError(f"cannot write {path}: {why}; name a file in a folder that can be written to") from error
