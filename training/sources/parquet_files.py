"""Tables in Parquet: one file, or a folder of files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training.errors import DataError
from training.sources.base import BATCH_ROWS, MAX_INT64_DIGITS, TEXT, column_places

NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"  # how Hive writes a null in a folder's name
_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_binary)


@dataclass(frozen=True)
class ParquetFile:
    """One file, its columns, and what the names of its folders say (`year=2015`)."""

    path: Path
    columns: tuple[str, ...]
    folders: Mapping[str, str | None]


@dataclass(frozen=True)
class ParquetSource:
    """One Parquet file or a folder of them, file after file in the order of their paths."""

    path: Path
    files: Sequence[ParquetFile]
    types: Mapping[str, pa.DataType]

    @property
    def where(self) -> str:
        """The file or folder."""
        return str(self.path)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns of all files together, then those that folders name."""
        return tuple(self.types)

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Types as stored, text as dictionaries; null where a file does not have the column."""
        column_places(self, columns)
        schema = pa.schema([(name, self.types[name]) for name in columns])
        for file in self.files:
            inside = [name for name in columns if name in file.columns]
            texts = [name for name in inside if schema.field(name).type == TEXT]
            try:
                with pq.ParquetFile(file.path, read_dictionary=texts) as stored:
                    for batch in stored.iter_batches(BATCH_ROWS, columns=inside):
                        yield _in_schema(batch, schema, file.folders)
            except (OSError, pa.ArrowException) as error:
                raise DataError(f"cannot read {file.path}: {error}; wanted a complete Parquet file") from error


def _in_schema(batch: pa.RecordBatch, schema: pa.Schema, folders: Mapping[str, str | None]) -> pa.RecordBatch:
    arrays = []
    for field in schema:
        if field.name in batch.schema.names:
            arrays.append(_cast(batch.column(field.name), field.type))
        else:
            arrays.append(pa.repeat(pa.scalar(folders.get(field.name), pa.string()), len(batch)).cast(field.type))
    return pa.record_batch(arrays, schema=schema)


def _cast(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    if array.type == wanted:
        return array
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if wanted == TEXT:
        return array.cast(pa.string()).dictionary_encode()
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        array = pc.local_timestamp(array)
    return array.cast(wanted)


def open_parquet(path: Path) -> ParquetSource:
    """A Parquet file, or all of a folder, with one type a column.

    Raises: DataError: there is none, one cannot be read, or a column has types that do not go together.
    """
    paths = [path] if path.is_file() else sorted(each for each in path.rglob("*") if _counts(each, path))
    if not paths:
        raise DataError(f"cannot read {path}: wanted a folder with Parquet files, got a folder without any")
    files: list[ParquetFile] = []
    seen: dict[str, dict[pa.DataType, Path]] = {}
    for each in paths:
        stored = _schema(each)
        files.append(ParquetFile(each, tuple(stored.names), _folders(each, path)))
        for field in stored:
            seen.setdefault(field.name, {}).setdefault(_plain(field.type), each)
    types = {name: _common(name, found) for name, found in seen.items()}
    for file in files:
        types |= {name: TEXT for name in file.folders if name not in seen}
    return ParquetSource(path, files, types)


def _counts(path: Path, root: Path) -> bool:
    """Spark, Dask and others put marks and unfinished files under names that begin with _ or a dot."""
    return path.is_file() and not any(part.startswith(("_", ".")) for part in path.relative_to(root).parts)


def _folders(path: Path, root: Path) -> dict[str, str | None]:
    """What the folders below the root say; always text, so that store=007 keeps its zeros."""
    parts = [part.partition("=") for part in path.relative_to(root).parts[:-1] if "=" in part]
    return {unquote(name): None if value == NO_PARTITION else unquote(value) for name, _, value in parts}


def _schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"cannot read {path}: {error}; wanted a complete Parquet file") from error


def _plain(stored: pa.DataType) -> pa.DataType:
    """The type that a stored column is handed on as."""
    if pa.types.is_dictionary(stored):
        stored = stored.value_type
    if any(is_kind(stored) for is_kind in _TEXTS):
        return TEXT
    if pa.types.is_boolean(stored):
        return pa.uint8()
    if pa.types.is_decimal(stored):
        return pa.int64() if stored.scale == 0 and stored.precision <= MAX_INT64_DIGITS else pa.float64()
    if pa.types.is_date64(stored):
        return pa.date32()
    return pa.timestamp(stored.unit) if pa.types.is_timestamp(stored) else stored


def _common(name: str, found: Mapping[pa.DataType, Path]) -> pa.DataType:
    """One type for a column of many files; a column without any value is text."""
    types = [each for each in found if not pa.types.is_null(each)]
    if len(types) <= 1:
        return types[0] if types else TEXT
    if all(pa.types.is_integer(each) for each in types):
        return pa.int64()
    if all(pa.types.is_integer(each) or pa.types.is_floating(each) for each in types):
        return pa.float64()
    if all(pa.types.is_date(each) or pa.types.is_timestamp(each) for each in types):
        return pa.timestamp("us")
    came = ", ".join(f"{each.value_type if each == TEXT else each} in {found[each]}" for each in types)
    raise DataError(f"column {name!r}: wanted one type of values in all files, got {came}")
