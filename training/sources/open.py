"""Opens a table: CSV, Parquet or SQL, by what the file is."""

from collections.abc import Mapping
from pathlib import Path

from training.errors import DataError
from training.sources.base import Source
from training.sources.csv_file import CsvSource, csv_header
from training.sources.first_bytes import check_first_bytes, is_parquet
from training.sources.parquet_files import open_parquet


def open_source(where: Path | str, environ: Mapping[str, str]) -> Source:
    """Find out what kind of table this is, and what its columns are.

    Args: where: a CSV file (also .gz), a Parquet file, a folder of Parquet files (also partitioned as Hive does it,
        `year=2015/...`), or a file `*.sql` with one SELECT for the database that STORECAST_HISTORY_URL names.
    Raises: DataError: it cannot be read: what was wanted, what came, what to do.
    """
    path = Path(where)
    if not path.exists():
        raise DataError(
            f"cannot read {path}: wanted a CSV, Parquet or .sql file or a folder, got nothing; correct the path"
        )
    if path.suffix == ".sql":
        # Files need no database driver, and its import takes as long as a small training.
        from training.sources.sql import open_query  # noqa: PLC0415

        return open_query(path, environ)
    try:
        if path.is_file():
            check_first_bytes(path)
        if path.is_dir() or ".parquet" in path.suffixes or is_parquet(path):
            return open_parquet(path)
        return CsvSource(path, csv_header(path))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error}; wanted a readable CSV or Parquet file") from error
