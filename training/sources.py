"""Where sales history comes from: CSV, Parquet or SQL, always as a stream of Arrow record batches."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from training.errors import DataError
from training.first_bytes import check_first_bytes, is_parquet, line_not_utf8

BATCH_ROWS = 65_536
CSV_BLOCK_BYTES = 1 << 20
MAX_SHOWN = 5  # bad lines that one message shows
MAX_SHOWN_CHARACTERS = 60
NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"  # how Hive writes a null in a folder's name
MAX_INT64_DIGITS = 18
TEXT = pa.dictionary(pa.int32(), pa.string())
_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_binary)


class Source(Protocol):
    """One table somewhere."""

    @property
    def where(self) -> str:
        """The table's place, for messages; never a secret."""

    @property
    def column_names(self) -> tuple[str, ...]:
        """All columns, in the table's order."""

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Only these columns, in this order, with one schema; memory is bounded whatever the size of the table.

        Text may come as a dictionary; numbers, dates and timestamps come as the table stores them, truth values as
        0 and 1.
        Raises: DataError: a column is missing or there twice, or the table breaks off.
        """


def open_source(where: Path | str, environ: Mapping[str, str]) -> Source:
    """Find out what kind of table this is, and what its columns are.

    Args: where: a CSV file (also .gz), a Parquet file, a folder of Parquet files (also partitioned as Hive does it,
        `year=2015/...`), or a file `*.sql` with one SELECT for the database that STORECAST_HISTORY_URL names.
    Raises: DataError: it cannot be read: what was wanted, what came, what to do.
    """
    path = Path(where)
    if not path.exists():
        raise DataError(f"cannot read {path}: wanted a CSV, Parquet or .sql file or a folder, nothing is there")
    if path.suffix == ".sql":
        # Files need no database driver, and its import takes as long as a small training.
        from training.sql import open_query  # noqa: PLC0415

        return open_query(path, environ)
    try:
        if path.is_file():
            check_first_bytes(path)
        if path.is_dir() or ".parquet" in path.suffixes or is_parquet(path):
            return _open_parquet(path)
        return CsvSource(path, _csv_header(path))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error}; wanted a CSV or Parquet file that may be read") from error


def wanted_columns(source: Source, columns: Sequence[str]) -> list[int]:
    """Places of the columns in the table.

    Raises: DataError: one is missing, or its name stands there twice.
    """
    counts = Counter(source.column_names)
    for name in columns:
        if counts[name] != 1:
            came = f"{counts[name]} of them" if counts[name] else f"columns {', '.join(source.column_names)}"
            raise DataError(f"{source.where}: wanted one column {name!r}, got {came}")
    return [source.column_names.index(name) for name in columns]


@dataclass(frozen=True)
class CsvSource:
    """A CSV file. Every cell is text, so that 007 keeps its zeros and a bad cell is the reader's to report."""

    path: Path
    column_names: tuple[str, ...]

    @property
    def where(self) -> str:
        """The file."""
        return str(self.path)

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Text only; an empty cell is null."""
        wanted_columns(self, columns)
        convert = pa_csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()),
            include_columns=list(columns),
            strings_can_be_null=True,
            null_values=[""],
        )
        try:
            with pa.input_stream(self.path, compression="detect") as stream:
                yield from _csv_reader(stream, convert)
        except (OSError, pa.ArrowInvalid) as error:
            raise _csv_error(self.path, error, convert, "a whole CSV file in UTF-8") from error


def _csv_error(path: Path, error: Exception, convert: pa_csv.ConvertOptions, wanted: str) -> DataError:
    """What is wrong with a CSV file that the reader gave up: it says less, or shows bytes that are no text."""
    ragged = _RaggedLines()
    with suppress(OSError, pa.ArrowInvalid):  # there are no more lines to tell of
        line = line_not_utf8(path)
        if line is not None:
            return DataError(f"cannot read {path}: line {line} is not UTF-8: save the file as UTF-8")
        with pa.input_stream(path, compression="detect") as stream:
            for _ in _csv_reader(stream, convert, ragged):
                pass
    if ragged.count:
        return DataError(f"{path}: {ragged}")
    return DataError(f"cannot read {path}: {error}; wanted {wanted}")


class _RaggedLines:
    """Counts the lines with too many or too few cells, and remembers the first."""

    def __init__(self) -> None:
        self.count = 0
        self._expected = 0
        self._shown: list[str] = []

    def __call__(self, row: pa_csv.InvalidRow) -> str:
        self.count += 1
        self._expected = row.expected_columns
        if len(self._shown) < MAX_SHOWN:
            text = row.text[:MAX_SHOWN_CHARACTERS]
            self._shown.append(f"line {row.number} has {row.actual_columns}: {text!r}")
        return "skip"

    def __str__(self) -> str:
        more = f"; and {self.count - len(self._shown)} more" if self.count > len(self._shown) else ""
        lines = "; ".join(self._shown)
        return f"wanted {self._expected} cells in every line (empty lines are not counted), {lines}{more}"


def _csv_reader(
    stream: pa.NativeFile, convert: pa_csv.ConvertOptions, ragged: _RaggedLines | None = None
) -> pa_csv.CSVStreamingReader:
    return pa_csv.open_csv(
        stream,
        # Only a reader without threads can tell a ragged line's number.
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=CSV_BLOCK_BYTES),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=ragged),
        convert_options=convert,
    )


def _csv_header(path: Path) -> tuple[str, ...]:
    convert = pa_csv.ConvertOptions()
    try:
        with pa.input_stream(path, compression="detect") as stream:
            return tuple(_csv_reader(stream, convert).schema.names)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise _csv_error(path, error, convert, "a CSV file in UTF-8 with a header and rows") from error


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
        wanted_columns(self, columns)
        schema = pa.schema([(name, self.types[name]) for name in columns])
        for file in self.files:
            inside = [name for name in columns if name in file.columns]
            texts = [name for name in inside if schema.field(name).type == TEXT]
            try:
                with pq.ParquetFile(file.path, read_dictionary=texts) as stored:
                    for batch in stored.iter_batches(BATCH_ROWS, columns=inside):
                        yield _in_schema(batch, schema, file.folders)
            except (OSError, pa.ArrowException) as error:
                raise DataError(f"cannot read {file.path}: {error}; wanted a whole Parquet file") from error


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


def _open_parquet(path: Path) -> ParquetSource:
    paths = [path] if path.is_file() else sorted(each for each in path.rglob("*") if _counts(each, path))
    if not paths:
        raise DataError(f"cannot read {path}: wanted a folder with Parquet files, it has none")
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
        raise DataError(f"cannot read {path}: {error}; wanted a whole Parquet file") from error


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
    raise DataError(f"column {name!r}: wanted one kind of values in all files, got {came}")
