"""MLflow's database before its first use: migrated by MLflow once a test process, then copied."""

import tempfile
from functools import cache
from pathlib import Path

from mlflow.store.db import utils


def empty_database(file: Path) -> None:
    """Put a database there that has MLflow's tables and not a row in them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_migrated())


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mlflow.db"
        engine = utils.create_sqlalchemy_engine_with_retry(f"sqlite:///{file}")  # type: ignore[no-untyped-call]
        utils._initialize_tables(engine)  # type: ignore[no-untyped-call]
        engine.dispose()
        return file.read_bytes()
